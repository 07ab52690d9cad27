"""Replacing and removing one name in a directory that is held open; durable when it returns."""

import os
import stat
from contextlib import suppress

from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import FileState
from vespera.infrastructure.files.looking import digest_of, kind_of
from vespera.infrastructure.files.tree import NO_FOLLOW, sync_directory

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW
_USUAL_MODE = 0o666
_PRIVATE_MODE = 0o600


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
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    try:
        mode = _write_new(directory, temporary, content, mode)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        raise
    sync_directory(directory)
    return FileState(digest_of(content), len(content), mode)


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


def _write_new(directory: int, name: bytes, content: bytes, mode: int | None) -> int:
    """Write a new file and give its mode; without ``mode`` the umask decides."""
    first_mode = _USUAL_MODE if mode is None else _PRIVATE_MODE
    descriptor = os.open(name, _NEW, first_mode, dir_fd=directory)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
