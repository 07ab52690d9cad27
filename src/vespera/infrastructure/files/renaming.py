"""Renames that take nothing's place, and exchanges, each in one step of the file system.

Linux has them as ``renameat2``. Elsewhere, and on file systems that do not know them, a rename that
must take nothing's place is a second name, and the removal of the first one; for an exchange there
is no substitute.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import cache

_NO_REPLACE, _EXCHANGE = 1, 2
NOT_KNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
"""How the system says that it has no such rename."""

_Rename = Callable[[int, bytes, int, bytes, int], int]


def rename_exclusive(source: int, name: bytes, destination: int, new_name: bytes) -> None:
    """Rename what is ``name`` in the directory ``source``, if nothing is in the way.

    Raises:
        FileExistsError: something is.
        OSError: the system refuses; nothing was changed.
    """
    try:
        _rename_at(source, name, destination, new_name, _NO_REPLACE)
    except OSError as error:
        if error.errno not in NOT_KNOWN:
            raise
        _by_two_names(source, name, destination, new_name)


def exchange(source: int, name: bytes, destination: int, new_name: bytes) -> None:
    """Let two things, of whatever kinds, change their names.

    Raises:
        OSError: the system refuses; nothing was changed. ``ENOSYS``, ``EINVAL`` or ``ENOTSUP``: it
            cannot do that here.
    """
    _rename_at(source, name, destination, new_name, _EXCHANGE)


def _rename_at(source: int, name: bytes, destination: int, new_name: bytes, flags: int) -> None:
    sys.audit("os.rename", name, new_name, source, destination)
    code = _system_call()(source, name, destination, new_name, flags)
    if code:
        raise OSError(code, os.strerror(code), os.fsdecode(name), None, os.fsdecode(new_name))


@cache
def _system_call() -> _Rename:
    """``renameat2``, giving an error's number; if there is none, one that says so."""
    import ctypes  # noqa: PLC0415 -- of all that a first task needs, nothing needs this

    found = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if found is None:
        return lambda *_: errno.ENOSYS
    found.argtypes = (ctypes.c_int, ctypes.c_char_p) * 2 + (ctypes.c_uint,)

    def call(*given: object) -> int:
        return ctypes.get_errno() if found(*given) else 0

    return call


def _by_two_names(source: int, name: bytes, destination: int, new_name: bytes) -> None:
    if stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
        _rename_directory(source, name, destination, new_name)
        return
    os.link(name, new_name, src_dir_fd=source, dst_dir_fd=destination, follow_symlinks=False)
    os.unlink(name, dir_fd=source)


def _rename_directory(source: int, name: bytes, destination: int, new_name: bytes) -> None:
    """A directory has one name only. What could come in between and be replaced is empty."""
    try:
        os.stat(new_name, dir_fd=destination, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=destination)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(new_name))
