"""What the figures were taken on: processor, disk, interpreter, SQLite, versions, other load.

python benchmarks/machine.py
"""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("vespera", "SQLAlchemy", "aiosqlite", "dependency-injector", "msgspec")


def machine(directory: Path) -> dict[str, str]:
    """A description for people, line by line; the disk is that of ``directory``."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load before": " / ".join(f"{load:.2f}" for load in os.getloadavg()) + " (1, 5, 15 min)",
        "system": f"{platform.system()} {platform.release()}, {_file_system(directory)}",
        "flush of the disk": f"{flush_cost(directory):.0f} us (fdatasync of 4 KB, median)",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def flush_cost(directory: Path) -> float:
    """Microseconds that the disk takes to keep 4 KB for good."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(1e6 * (time.perf_counter() - started))
    return statistics.median(taken)


def show(described: dict[str, str]) -> None:
    for name, value in described.items():
        print(f"{name:20} {value}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(directory: Path) -> str:
    """The kind of the file system that is mounted nearest above the directory."""
    place = directory.resolve()
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown file system"
    above = [(len(where), kind) for _, where, kind, *_ in mounts if place.is_relative_to(where)]
    return max(above)[1] if above else "unknown file system"


if __name__ == "__main__":
    show(machine(Path.cwd()))
