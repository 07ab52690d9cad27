"""Reaching a directory below the workspace's root without ever leaving it.

Every step is taken from the directory that is held open, and refuses symbolic links, so that no
exchange of a directory for a link, however well timed, leads outside. Where the kernel takes all
steps in one call, it does; where it does not, or refuses, they are taken one by one, so as to make
what is missing, and to say what is wrong.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vespera.domain.errors import PathRefused
from vespera.infrastructure.files.beneath import open_beneath
from vespera.infrastructure.files.paths import encoded

# Absent on Windows, where this module must still be importable.
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_CHANGED_UNDER_US = 3


class NoWorkspace(OSError):
    """The workspace itself is not there."""

    @property
    def told(self) -> str:
        """What is wrong, and what to do."""
        cause = self.__cause__
        why = cause.strerror if isinstance(cause, OSError) else self.strerror
        return f"{self.strerror}: {why}; create the directory, or set 'workspace' to another one"


@contextmanager
def hold_root(root: str) -> Iterator[int]:
    """The workspace's root, held open.

    Raises:
        NoWorkspace: it is not there, is no directory, or must not be entered.
    """
    try:
        directory = os.open(root, _DIRECTORY)
    except OSError as error:
        raise NoWorkspace(error.errno, f"the workspace {root!r} cannot be entered") from error
    try:
        yield directory
    finally:
        os.close(directory)


@contextmanager
def hold_directory(root: int, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """The directory ``names`` below ``root``, held open; made (for good) if ``make`` is set.

    Raises:
        PathRefused: a part of it is a symbolic link.
        FileNotFoundError, NotADirectoryError, OSError: it is not there, or cannot be entered.
    """
    below = open_beneath(root, b"/".join(map(encoded, names))) if len(names) > 1 else None
    held, left = (os.dup(root), names) if below is None else (below, ())
    try:
        for name in left:
            below = _enter(held, name, names, make=make)
            os.close(held)
            held = below
        yield held
    finally:
        os.close(held)


def _enter(parent: int, name: str, names: Sequence[str], *, make: bool) -> int:
    for _ in range(_CHANGED_UNDER_US):
        try:
            return os.open(encoded(name), _DIRECTORY | NO_FOLLOW, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            _make(name, parent)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            _refuse_link(name, parent, names)
    raise PathRefused("/".join(names), f"its part {name!r} keeps changing")


def _make(name: str, parent: int) -> None:
    try:
        os.mkdir(encoded(name), dir_fd=parent)
    except FileExistsError:
        return
    sync_directory(parent)


def _refuse_link(name: str, parent: int, names: Sequence[str]) -> None:
    """Tell why ``name`` could not be entered as a directory; return if it now can."""
    mode = os.stat(encoded(name), dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        reason = f"its part {name!r} is a symbolic link, which is never followed"
        raise PathRefused("/".join(names), reason)
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{name!r} is no directory")


def sync_directory(directory: int) -> None:
    """Make new, renamed and removed names in the directory durable."""
    try:
        os.fsync(directory)
    except OSError as error:
        # Some network and FUSE file systems cannot sync a directory, and say so like this.
        if error.errno != errno.EINVAL:
            raise
