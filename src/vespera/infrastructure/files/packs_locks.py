"""Locks between processes, which the system takes back when a process ends, however it ends."""

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Final

from vespera.domain.errors import StoreBusy
from vespera.infrastructure.files.packs import KEY

try:
    import fcntl
except ImportError:  # Windows, where this module must still be importable
    fcntl = None  # type: ignore[assignment]

_HAS_LOCKS = "fcntl" in sys.modules
PATIENCE: Final = 60.0
"""Seconds for which another process is waited for."""

HOLD: Final = 3600.0
"""Seconds for which at least what was put is held, although nothing may refer to it yet."""

_PAUSE = 0.005
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_MODE = 0o600
_HELD = "held-"


@contextmanager
def locked(
    path: Path, *, shared: bool = False, stop: Event | None = None, patience: float = PATIENCE
) -> Iterator[None]:
    """Hold the lock for the block; blocks the thread until it is free, or ``stop`` is set.

    Raises:
        StoreBusy: it was not free in time.
        InterruptedError: ``stop`` was set.
        OSError: the file cannot be made or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        waited = 0.0
        while not _try_lock(descriptor, shared=shared):
            if waited >= patience:
                raise StoreBusy(f"{path}: another process holds it for too long; try again.")
            if (stop or Event()).wait(_PAUSE):
                raise InterruptedError("the call was cancelled")
            waited += _PAUSE
        yield
    finally:
        os.close(descriptor)


def made_and_locked(path_of: Callable[[], Path]) -> tuple[Path, int]:
    """A new file that is this process's, as long as its descriptor is open.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        path = path_of()
        descriptor = os.open(path, _NEW, _MODE)
        if _try_lock(descriptor) and os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # between the two calls somebody took it for abandoned


def drop_if_abandoned(path: Path) -> bool:
    """Remove a file of ``made_and_locked`` whose process has ended; whether it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if not _HAS_LOCKS or not _try_lock(descriptor):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


class Holds:
    """What this process has put lately: garbage collectors everywhere leave it alone.

    The keys are in files that are locked as long as the process lives. After ``HOLD`` seconds by
    ``monotonic`` a new file is begun, and the one before the last is removed. Thread-safe.
    """

    def __init__(self, directory: Path, monotonic: Callable[[], float]) -> None:
        self._directory, self._monotonic = directory, monotonic
        self._files: list[tuple[Path, int]] = []
        self._begun = 0.0
        self._turn = Lock()

    def add(self, keys: Iterable[bytes]) -> None:
        """Hold these from now on.

        Raises:
            OSError: they cannot be written down.
        """
        with self._turn:
            now = self._monotonic()
            if not self._is_there() or now - self._begun >= HOLD:
                self._files.append(made_and_locked(self._new_path))
                self._begun = now
                self._release(but=2)
            data = memoryview(b"".join(keys))
            while data:
                data = data[os.write(self._files[-1][1], data) :]

    def close(self) -> None:
        """Hold nothing any more."""
        with self._turn:
            self._release(but=0)

    def _is_there(self) -> bool:
        """Whether there is a file to write to, and nobody has removed it."""
        return bool(self._files and os.fstat(self._files[-1][1]).st_nlink)

    def _new_path(self) -> Path:
        return self._directory / f"{_HELD}{secrets.token_hex(8)}"

    def _release(self, *, but: int) -> None:
        while len(self._files) > but:
            path, descriptor = self._files.pop(0)
            with suppress(OSError):  # whoever collects next removes it
                path.unlink()
            os.close(descriptor)


def held_in(directory: Path) -> set[bytes]:
    """What living processes hold; the files of others are removed.

    Raises:
        OSError: it cannot be read.
    """
    keys: set[bytes] = set()
    for path in directory.glob(f"{_HELD}*"):
        with suppress(FileNotFoundError):
            data = path.read_bytes()
            if not drop_if_abandoned(path):
                whole = len(data) - len(data) % KEY
                keys.update(data[at : at + KEY] for at in range(0, whole, KEY))
    return keys


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    if not _HAS_LOCKS:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
