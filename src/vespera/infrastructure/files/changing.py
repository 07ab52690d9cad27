"""Changing what one name in a directory that is held open stands for; durable when it returns."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.domain.file_operation import FileState
from vespera.infrastructure.files.looking import digest_of, kind_of, pass_on
from vespera.infrastructure.files.renaming import rename_exclusive
from vespera.infrastructure.files.tree import NO_FOLLOW, sync_directory

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW
_READ = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
_ANYTHING = getattr(os, "O_PATH", os.O_RDONLY) | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
_BY_DESCRIPTOR = "/proc/self/fd/{}" if hasattr(os, "O_PATH") else "/dev/fd/{}"
_USUAL_MODE = 0o666
_PRIVATE_MODE = 0o600


class HeldName(NamedTuple):
    """A name in a directory that is held open."""

    directory: int
    name: bytes


def replace(
    directory: int, name: bytes, content: bytes, *, temporary: bytes, mode: int | None
) -> FileState:
    """Put a file of this content in the place of what is there, at once and for good.

    Raises:
        FileUnreadable: a directory or a special file is there.
        OSError: the system refuses; what was there is unchanged.
    """
    if mode is None:
        mode = _mode_there(directory, name)
    with _temporary(directory, temporary):
        mode = _write_new(directory, temporary, content, mode)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    sync_directory(directory)
    return FileState(digest_of(content), len(content), mode)


def copy(source: HeldName, to: HeldName, *, temporary: bytes, overwrite: bool, stop: Event) -> None:
    """Put a copy of a file, with its mode, where nothing is, or in the place of what may go.

    Raises:
        FileUnreadable: it is no file, or changes meanwhile; or something is in the way.
        OSError: the system refuses; what was there is unchanged.
    """
    with _temporary(to.directory, temporary):
        descriptor = os.open(temporary, _NEW, _PRIVATE_MODE, dir_fd=to.directory)
        try:
            mode = pass_on(*source, partial(_write_all, descriptor), stop)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _put(HeldName(to.directory, temporary), to, overwrite=overwrite)
    sync_directory(to.directory)


def move(source: HeldName, to: HeldName, *, overwrite: bool) -> None:
    """Give something another name, where nothing is, or in the place of what may go.

    Raises:
        FileUnreadable: something is in the way.
        OSError: the system refuses; nothing was changed.
    """
    _put(source, to, overwrite=overwrite)
    sync_directory(to.directory)
    sync_directory(source.directory)


def make_directory(directory: int, name: bytes) -> None:
    """Make a directory.

    Raises:
        OSError: something is there already, or the system refuses.
    """
    os.mkdir(name, dir_fd=directory)
    sync_directory(directory)


def remove_directory(directory: int, name: bytes) -> None:
    """Remove an empty directory, if it is there.

    Raises:
        FileUnreadable: it is no directory.
        OSError: it is not empty, or the system refuses.
    """
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            raise FileUnreadable(f"a {kind_of(found)} is there")
        os.rmdir(name, dir_fd=directory)
    sync_directory(directory)


def make_link(directory: int, name: bytes, target: bytes) -> None:
    """Make a symbolic link.

    Raises:
        OSError: something is there already, or the system refuses.
    """
    os.symlink(target, name, dir_fd=directory)
    sync_directory(directory)


def change_mode(directory: int, name: bytes, mode: int) -> None:
    """Give a file or a directory these permission bits.

    Raises:
        FileUnreadable: something else is there.
        PathRefused: the file has other names, and nobody knows where.
        OSError: the system refuses.
    """
    with _held(directory, name) as held:
        found = os.fstat(held)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise FileUnreadable(f"a {kind_of(found)} is there")
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise PathRefused("", "its hard links, which may be anywhere, would get the mode, too")
        Path(_BY_DESCRIPTOR.format(held)).chmod(mode)
    sync(directory, name)


def sync(directory: int, name: bytes) -> None:
    """Make durable what is there, or that nothing is.

    Raises:
        OSError: the system refuses.
    """
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            _sync_content(directory, name)
    sync_directory(directory)


def remove(directory: int, name: bytes) -> None:
    """Remove what is there, if anything is.

    Raises:
        FileUnreadable: a directory is there.
        OSError: the system refuses.
    """
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            raise FileUnreadable("a directory is there")
        os.unlink(name, dir_fd=directory)
    # Also when nothing was there: an earlier removal may have been cut off before this.
    sync_directory(directory)


def _mode_there(directory: int, name: bytes) -> int | None:
    """The mode of the file to be replaced; None if there is no file."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(found.st_mode):
        return stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return None
    raise FileUnreadable(f"a {kind_of(found)} is there")


def _put(source: HeldName, to: HeldName, *, overwrite: bool) -> None:
    if overwrite and _may_go(to):
        os.rename(source.name, to.name, src_dir_fd=source.directory, dst_dir_fd=to.directory)
        return
    try:
        rename_exclusive(*source, *to)
    except FileExistsError:
        raise FileUnreadable("something is there already") from None


def _may_go(place: HeldName) -> bool:
    """Whether it is a file or a symbolic link, which a rename replaces in one step."""
    try:
        mode = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


@contextmanager
def _temporary(directory: int, name: bytes) -> Iterator[None]:
    """A name that is free in the block, and not left over if the block fails."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
    try:
        yield
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        raise


@contextmanager
def _held(directory: int, name: bytes) -> Iterator[int]:
    """Whatever is there, held by a descriptor that allows nothing, and follows nothing."""
    descriptor = os.open(name, _ANYTHING, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_content(directory: int, name: bytes) -> None:
    """What may not even be read by its owner is synced with its file system's journal alone."""
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except PermissionError:
        return
    try:
        sync_directory(descriptor)
    finally:
        os.close(descriptor)


def _write_new(directory: int, name: bytes, content: bytes, mode: int | None) -> int:
    """Write a new file and give its mode; without ``mode`` the umask decides."""
    first_mode = _USUAL_MODE if mode is None else _PRIVATE_MODE
    descriptor = os.open(name, _NEW, first_mode, dir_fd=directory)
    try:
        _write_all(descriptor, content)
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: memoryview | bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
