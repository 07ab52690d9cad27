"""Patience with other processes."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from vespera.domain.errors import DatabaseLocked, DatabaseReadOnly

try:
    import fcntl
except ImportError:  # no such locks on this system; SQLite's own locks remain
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

_HAS_LOCKS = "fcntl" in sys.modules
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.002


def patiently(attempt: Callable[[], T], *, seconds: float, busy: Callable[[Exception], bool]) -> T:
    """Repeat ``attempt`` while it fails for being ``busy``, for about ``seconds`` at most.

    Blocks the thread. The pauses are real time, whatever clock the engine runs on: it is another
    program that is waited for.
    """
    pause, waited = _FIRST_PAUSE, 0.0
    nobody = threading.Event()
    while True:
        try:
            return attempt()
        except Exception as error:
            if not busy(error) or waited >= seconds:
                raise
        nobody.wait(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE)


class FileLock:
    """Held by one writer of a database file at a time, across all processes.

    SQLite before 3.51.3 can damage a file in WAL mode if one connection writes while another one
    moves the log into the file; there, writers take turns by this lock. ``path`` None: no lock.
    """

    def __init__(self, path: Path | None, *, patience: float) -> None:
        self._path = path if _HAS_LOCKS else None
        self._patience = patience
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the block.

        Raises:
            DatabaseLocked: somebody else held it for longer than the patience lasts.
            DatabaseReadOnly: the lock file cannot be made.
        """
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> None:
        """Take the lock; as ``held``. Taking it again while it is held changes nothing."""
        if self._path is None or self._descriptor is not None:
            return
        descriptor = self._open(self._path)
        try:
            patiently(
                lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
                seconds=self._patience,
                busy=lambda error: isinstance(error, BlockingIOError),
            )
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise self._too_long() from error
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise DatabaseReadOnly(
                f"{path}: the lock file beside the database cannot be opened: {error.strerror}."
            ) from error

    def _too_long(self) -> DatabaseLocked:
        return DatabaseLocked(
            f"{self._path}: another process has been writing to the database for more than"
            f" {self._patience:g} s; let it finish, or raise busy_timeout."
        )
