"""Reaching a directory below another one in one system call, where there is one (``openat2``).

The kernel itself refuses symbolic links and ways out, in every part of the path at once.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
from struct import Struct

# The number is the same on all of Linux' platforms but alpha, where the call is not used.
_OPENAT2 = 437
_NO_SYMLINKS, _BENEATH = 0x04, 0x08
_HOW = Struct("=QQQ")  # flags, mode, resolve
_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_beneath(root: int, path: bytes) -> int | None:
    """A descriptor of the directory at ``path`` below ``root``; None: walk there, and see.

    None may mean that the system has no such call, or that there is no such directory, or that a
    link is in the way.
    """
    return _opener()(root, path) if path else None


@cache
def _opener() -> "Callable[[int, bytes], int | None]":
    if not sys.platform.startswith("linux") or os.uname().machine == "alpha":
        return lambda *_: None
    import ctypes  # noqa: PLC0415 -- of all that a first task needs, nothing needs this

    syscall = ctypes.CDLL(None).syscall
    how = _HOW.pack(_FLAGS, 0, _NO_SYMLINKS | _BENEATH)

    def opened(root: int, path: bytes) -> int | None:
        found: int = syscall(_OPENAT2, root, path, how, _HOW.size)
        return found if found >= 0 else None

    return opened
