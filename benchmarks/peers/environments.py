"""An environment of its own for each library, so that none of their versions concerns ours."""

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements")
PATIENCE = 900
LONGEST = 120


class NotMeasured(Exception):
    """Why a contestant has no figures."""


def interpreter(place: Path, library: str | None) -> Path:
    """The Python that has the library in the pinned versions, made below ``place`` if needed.

    Raises:
        NotMeasured: it cannot be installed.
    """
    if library is None:
        return Path(sys.executable)
    environment, wanted = place / library, REQUIREMENTS / f"{library}.txt"
    python, installed = environment / "bin" / "python", environment / "installed.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        print(f"installing {library} into {environment}", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment))
        _run(
            sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", wanted
        )
        installed.write_bytes(wanted.read_bytes())
    return python


def versions(library: str) -> str:
    """The first pins, which are those of the library itself."""
    lines = (REQUIREMENTS / f"{library}.txt").read_text(encoding="utf-8").splitlines()
    return ", ".join(line for line in lines if line.startswith(library)).replace("==", " ")


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"not installed within {PATIENCE} s") from error
    if done.returncode:
        raise NotMeasured(f"cannot be installed: {last_line(done.stderr)[:LONGEST]}")


def last_line(text: str) -> str:
    """What a program said last: its answer, or what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
