"""Workers prove that they live by a lock that the operating system takes back when they die."""

import os
import re
import secrets
import socket
import weakref
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from vespera.domain.errors import DatabaseReadOnly
from vespera.domain.ids import OwnerId

try:
    import fcntl
except ImportError:  # there, leases alone tell who is dead
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

_KEPT = 3600.0
"""Seconds for which the file of a dead owner is kept: the proof of its death."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LockFileOwners:
    """Owners that each hold a lock on a file of their own in ``directory``.

    An owner's id names the running kernel, and only owners under this kernel are ever called
    dead: at once, however they ended, when their file is there and nobody holds its lock. Nothing
    is known of owners elsewhere, nor of those whose file is not there; their leases decide.
    Without a ``directory`` (a database in memory has one process only) those are dead that left.
    """

    def __init__(self, directory: Path | None) -> None:
        """Keep the files in ``directory``, which is made when the first owner registers."""
        self._directory = directory if _HAS_LOCKS else None
        self._host = _host()
        self._held: dict[OwnerId, int] = {}
        self._left: set[OwnerId] = set()
        if self._directory is not None:
            _call_in_forked_children(weakref.WeakMethod(self._close_locks))

    def register(self) -> OwnerId:
        """A new id, alive until ``leave`` or the end of the process, however it ends.

        What dead owners have left in the directory is removed after a while.

        Raises:
            DatabaseReadOnly: the owner's file cannot be made.
        """
        owner = OwnerId(f"{self._host}-{secrets.token_hex(8)}")
        if self._directory is None:
            return owner
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._held[owner] = _create_locked(self._directory / owner)
            self._clear_away(self._directory, newest=self._directory / owner)
        except OSError as error:
            raise DatabaseReadOnly(
                f"{self._directory}: a worker cannot keep its lock file there ({error});"
                " make the directory writable, or keep the database in another one."
            ) from error
        return owner

    def leave(self, owner: OwnerId) -> None:
        """The worker has stopped in good order. Leaving twice is fine."""
        self._left.add(owner)
        if owner in self._held and self._directory is not None:
            (self._directory / owner).unlink(missing_ok=True)
            os.close(self._held.pop(owner))

    def dead(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """Those of the owners that are known to be dead."""
        return {owner for owner in owners if owner in self._left or self._is_abandoned(owner)}

    def strangers(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """Those of the owners that are not of this boot of this machine."""
        return {owner for owner in owners if not self._is_of_this_host(owner)}

    def _is_of_this_host(self, owner: OwnerId) -> bool:
        return re.fullmatch(rf"{re.escape(self._host)}-[0-9a-f]{{16}}", owner) is not None

    def _is_abandoned(self, owner: OwnerId) -> bool:
        if self._directory is None or owner in self._held or not self._is_of_this_host(owner):
            return False
        return _is_there_unlocked(self._directory / owner)

    def _clear_away(self, directory: Path, *, newest: Path) -> None:
        """Remove the files of the dead that are old enough for their tasks to be taken back."""
        now = newest.stat().st_mtime
        for path in directory.iterdir():
            owner = OwnerId(path.name)
            with suppress(FileNotFoundError):  # somebody else removes it at the same time
                if self._is_abandoned(owner) and now - path.stat().st_mtime > _KEPT:
                    path.unlink()
                    self._left.add(owner)  # here it stays known

    def _close_locks(self) -> None:
        while self._held:
            os.close(self._held.popitem()[1])


def _host() -> str:
    """This boot of this machine: within it, a lock file tells the truth."""
    try:
        name = _BOOT_ID.read_text(encoding="ascii")
    except (OSError, ValueError):
        name = socket.gethostname()
    return re.sub(r"[^0-9A-Za-z]", "", name)


def _create_locked(path: Path) -> int:
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            is_there = os.fstat(lock).st_nlink > 0
        except OSError:
            os.close(lock)
            raise
        if is_there:
            return lock
        os.close(lock)  # between the two calls somebody took it for abandoned and removed it


def _is_there_unlocked(path: Path) -> bool:
    """Whether the file is known to be held by nobody."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # it is not there, or cannot be told
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # who else asks is not in the way
    except OSError:  # held, or cannot be told
        return False
    else:
        return True
    finally:
        os.close(lock)


def _call_in_forked_children(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    """Let a child close its parent's locks, which it would else keep when the parent dies."""

    def call() -> None:
        close = method()
        if close is not None:
            close()

    os.register_at_fork(after_in_child=call)
