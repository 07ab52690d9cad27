"""Looking at one name in a directory that is held open; a file's content is always read anew.

Files are read in blocks, never mapped: a mapped file that is truncated meanwhile kills the process.
"""

import errno
import io
import os
import stat
from collections.abc import Callable
from threading import Event

from blake3 import blake3

from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.infrastructure.files.paths import decoded
from vespera.infrastructure.files.tree import NO_FOLLOW

# A FIFO that takes a file's place between stat and open must not block the thread for ever.
_READ = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_BLOCK = 256 * 1024
_LARGE = 16 * 1024 * 1024
_LARGE_BLOCK = 4 * 1024 * 1024
"""Of a large file, so that there is enough for all processors to hash at a time."""
_HOME = os.getpid()
_TRIES = 3
_REPLACED_MEANWHILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EINVAL})
_Take = Callable[[memoryview | bytes], object]
_NAMES_OF_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


Seen = tuple[PathState, os.stat_result | None]
"""A state, and what the system said of the path when it was so; None if that is not known."""


def look(directory: int, name: bytes, stop: Event) -> PathState:
    """What is there now; never an error."""
    return examine(directory, name, stop)[0]


def examine(directory: int, name: bytes, stop: Event) -> Seen:
    """What is there now, and under which stat: if that is found again, nobody has changed it."""
    try:
        for _ in range(_TRIES):
            seen = _look_once(directory, name, stop)
            if seen is not None:
                return seen
    except OSError as error:
        return unknown(error), None
    return UnknownState("unstable"), None


def read(directory: int, name: bytes, stop: Event) -> bytes:
    """The content of a regular file, all of one moment.

    Raises:
        FileUnreadable: something else is there, or it kept changing.
        OSError: it is not there, or cannot be read.
    """
    for _ in range(_TRIES):
        must_be_file(directory, name)
        content = bytearray()
        if _stream(directory, name, content.extend, stop):
            return bytes(content)
    raise FileUnreadable("it kept changing while it was read")


def must_be_file(directory: int, name: bytes) -> None:
    """Refuse what is no regular file.

    Raises:
        FileUnreadable: it is something else.
        OSError: it is not there, or cannot be looked at.
    """
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        raise FileUnreadable(f"it is a {kind_of(found)}, not a regular file")


def pass_on(directory: int, name: bytes, take: _Take, stop: Event) -> int:
    """Pass a regular file's content on, block by block; gives the file's mode.

    Raises:
        FileUnreadable: it changed meanwhile.
        OSError: it is not there, or cannot be read.
    """
    read = _stream(directory, name, take, stop)
    if read is None:
        raise FileUnreadable("it changed while it was read")
    return stat.S_IMODE(read.st_mode)


def digest_of(content: bytes) -> str:
    """The digest that ``look`` finds for this content."""
    return f"b3:{blake3(content).hexdigest()}"


def kind_of(found: os.stat_result) -> str:
    """What is there, if it is no regular file, in a word."""
    return _NAMES_OF_KINDS.get(stat.S_IFMT(found.st_mode), "thing of unknown kind")


def unknown(error: OSError) -> UnknownState:
    """The state of a path that the system would not show."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return UnknownState("unreadable")
    return UnknownState(f"io_error: {error.strerror or error}")


def _look_once(directory: int, name: bytes, stop: Event) -> Seen | None:
    """What is there; None if it was exchanged while it was looked at."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return Absent(), None
    match stat.S_IFMT(found.st_mode):
        case stat.S_IFREG:
            return _look_at_file(directory, name, found.st_size, stop)
        case stat.S_IFLNK:
            return _look_at_link(directory, name, found)
        case stat.S_IFDIR:
            return DirectoryState(stat.S_IMODE(found.st_mode)), found
        case _:
            return SpecialState(kind_of(found)), found


def _look_at_link(directory: int, name: bytes, found: os.stat_result) -> Seen | None:
    try:
        return SymlinkState(decoded(os.readlink(name, dir_fd=directory))), found
    except OSError as error:
        if error.errno in _REPLACED_MEANWHILE:
            return None
        raise


def _look_at_file(directory: int, name: bytes, size: int, stop: Event) -> Seen | None:
    hasher = blake3(max_threads=_threads_for(size))
    found = _stream(directory, name, hasher.update, stop)
    if found is None:
        return None
    digest, mode = f"b3:{hasher.hexdigest()}", stat.S_IMODE(found.st_mode)
    return FileState(digest, found.st_size, mode), found


def _threads_for(size: int) -> int:
    """A thread for each processor where it pays; they are missing in a process that was forked."""
    return blake3.AUTO if size >= _LARGE and os.getpid() == _HOME else 1


def _stream(directory: int, name: bytes, take: _Take, stop: Event) -> os.stat_result | None:
    """Pass a file's content on, block by block; None if it changed meanwhile."""
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except OSError as error:
        if error.errno in _REPLACED_MEANWHILE:
            return None
        raise
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return None
        length = _pass_on(descriptor, take, before.st_size, stop)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return after if length == after.st_size and _is_same(before, after) else None


def _pass_on(
    descriptor: int, take: Callable[[memoryview | bytes], object], size: int, stop: Event
) -> int:
    """Pass on what is read until the end, or until it is more than ``size``; give its length."""
    _go_on_unless(stop)
    most = _BLOCK if size < _LARGE else _LARGE_BLOCK
    content = os.read(descriptor, min(size + 1, most))
    take(content)
    length = len(content)
    if length == size < most:  # as with most files
        return length
    file = io.FileIO(descriptor, closefd=False)
    block = memoryview(bytearray(most))
    # A file that grows faster than it is read has no end.
    while length <= size and (count := file.readinto(block)):
        _go_on_unless(stop)
        take(block[:count])
        length += count
    return length


def _go_on_unless(stop: Event) -> None:
    if stop.is_set():
        raise InterruptedError(errno.ECANCELED, "the call was cancelled")


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether nobody has changed the open file; that another one took its name changes its ctime,
    and nothing of its content.
    """
    if (before.st_mode, before.st_size, before.st_mtime_ns) != (
        after.st_mode,
        after.st_size,
        after.st_mtime_ns,
    ):
        return False
    return before.st_ctime_ns == after.st_ctime_ns or after.st_nlink < before.st_nlink
