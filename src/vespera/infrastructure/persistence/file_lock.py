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


def never() -> bool:
    """Nobody gives up."""
    return False


def patiently(
    attempt: Callable[[], T],
    *,
    seconds: float,
    busy: Callable[[Exception], bool],
    given_up: Callable[[], bool] = never,
) -> T:
    """Repeat ``attempt`` while it fails for being ``busy``, for about ``seconds`` at most.

    Blocks the thread. ``given_up`` tells, from any thread, that nobody wants the outcome any more.
    The pauses are real time, whatever clock the engine runs on: it is another program that is
    waited for.
    """
    pause, waited = _FIRST_PAUSE, 0.0
    while True:
        try:
            return attempt()
        except Exception as error:
            if not busy(error) or waited >= seconds or given_up():
                raise
        threading.Event().wait(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE)


class FileLock:
    """Held by one writer of a database file at a time, across all processes.

    SQLite before 3.51.3 can damage a file in WAL mode if one connection writes while another one
    moves the log into the file; there, writers take turns by this lock. ``path`` None: no lock.
    It is not waited for here; whoever writes is patient with this lock and SQLite's alike.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path if _HAS_LOCKS else None
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the block.

        Raises:
            DatabaseLocked: somebody else holds it.
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
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise self._taken() from error
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

    def _taken(self) -> DatabaseLocked:
        return DatabaseLocked(
            f"{self._path}: another process has been writing to the database for too long; let it"
            " finish, or raise busy_timeout."
        )
