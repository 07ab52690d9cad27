"""This machine, as far as it can be seen without changing anything."""

import os
import platform
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from vespera.domain.health import HostFacts, PlaceFacts
from vespera.infrastructure.threads import Threads

_MOUNTS = Path("/proc/self/mountinfo")
_ENTRIES = 100


class LocalHost:
    """A ``Host``: the process's own machine. What the system does not tell is left unknown."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def describe(self) -> HostFacts:
        """See ``Host.describe``."""
        # slow to import, and rarely asked for
        from vespera.infrastructure.host.packages import needed_packages  # noqa: PLC0415

        required, extras = needed_packages()
        return HostFacts(
            python=f"{platform.python_implementation()} {platform.python_version()}",
            system=f"{platform.system()} {platform.release()} ({platform.machine()})",
            packages=required,
            extras=extras,
        )

    async def look_at(self, path: str | PathLike[str]) -> PlaceFacts:
        """See ``Host.look_at``."""
        return await self._threads.run(_look_at, Path(path))

    async def names_in(self, directory: str | PathLike[str]) -> Sequence[str]:
        """See ``Host.names_in``."""
        return await self._threads.run(_names_in, Path(directory))


def file_system_of(path: str, mounts: str) -> str:
    """The type of the file system that ``path``, which is absolute and follows no link, is on.

    ``mounts`` is the text of ``/proc/self/mountinfo``. "" if it does not tell.
    """
    found, length = "", 0
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:  # noqa: PLR2004 -- the mount point is the fifth
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4])
        holds = path == point or path.startswith(point.rstrip("/") + "/")
        if holds and len(point) >= length:  # of two mounts at one point the later one is seen
            found, length = after.split(" ")[0], len(point)
    return found


def _look_at(given: Path) -> PlaceFacts:
    path = given.absolute()
    try:
        status = path.stat()
    except (OSError, ValueError):
        status = None
    near = _nearest(path)
    is_directory = status is not None and stat.S_ISDIR(status.st_mode)
    wanted = os.W_OK | (os.X_OK if near.is_dir() else 0)
    return PlaceFacts(
        path=str(path),
        mode=None if status is None else stat.S_IMODE(status.st_mode),
        is_directory=is_directory,
        readable=os.access(near, os.R_OK),
        writable=os.access(near, wanted),
        size=status.st_size if status and not is_directory else 0,
        modified=datetime.fromtimestamp(status.st_mtime, UTC) if status else None,
        filesystem=file_system_of(str(near.resolve()), _mounts()),
        free=_free(near),
        case_matters=_case_matters(path) if is_directory else None,
    )


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest directory above it that is there."""
    return next((place for place in (path, *path.parents) if _exists(place)), Path(path.anchor))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a directory on the way may not be entered
        return False


def _mounts() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # another system
        return ""


def _free(path: Path) -> int | None:
    with suppress(OSError):
        told = os.statvfs(path)
        return told.f_bavail * told.f_frsize
    return None


def _case_matters(directory: Path) -> bool | None:
    """Told by a name that is there: asked for in the other case, it must not be the same file."""
    with suppress(OSError):
        with os.scandir(directory) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_ENTRIES), strict=False)]
        for path in (*(directory / name for name in names), directory):
            other = path.with_name(path.name.swapcase())
            if other.name != path.name:
                return not (other.exists() and other.samefile(path))
    return None


def _names_in(directory: Path) -> Sequence[str]:
    try:
        return sorted(path.name for path in directory.iterdir())
    except (OSError, ValueError):  # as above, for a path that no system has
        return []
