"""Which files a call changes, and how it looks when it is cut off in the middle."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = frozenset(
    {
        "os.chmod",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
    }
)
_OPEN = "open"
_HEARD = _CHANGES | {_OPEN}


class CutOff(BaseException):
    """The process has died in the middle of a call; whatever it still tries has no effect."""


class FileChanges:
    """What one call does to files, as the interpreter's audit events tell.

    With ``cut``, the call is cut off before it puts what it wrote in place (its first rename or
    removal after it opened a file for writing); whatever clean-up runs then changes nothing more.
    What another one hears that began later, this one does not.
    """

    def __init__(self, *, cut: bool = False) -> None:
        self._cut = cut
        self._thread = threading.get_ident()
        self.count = 0
        self.writes = False
        self.is_cut = False

    @property
    def any(self) -> bool:
        """Whether it changed something."""
        return self.count > 0

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of an audit event."""
        is_write = event == _OPEN and bool((args[2] or 0) & _WRITES)
        if not (is_write or event in _CHANGES) or threading.get_ident() != self._thread:
            return
        if self._cut and (self.is_cut or (self.writes and not is_write)):
            self.is_cut = True
            raise CutOff
        self.count += 1
        self.writes = self.writes or is_write

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs, hear."""
        _install()
        _listening.append(self)
        try:
            yield
        finally:
            _listening.remove(self)


def snapshot(places: Sequence[Path]) -> dict[Path, tuple[int, int, int]]:
    """Every file below these directories, and what tells that it was changed."""
    found = {}
    for path in chain.from_iterable(place.rglob("*") for place in places):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def tear(places: Sequence[Path], before: dict[Path, tuple[int, int, int]]) -> None:
    """Leave only the first half of each file that is new or changed."""
    for path, seen in snapshot(places).items():
        if before.get(path) != seen:
            os.truncate(path, seen[1] // 2)


_listening: list[FileChanges] = []
_installed: list[bool] = []


def _install() -> None:
    """An audit hook stays for the life of the process; it costs next to nothing when idle."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hear)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if event in _HEARD and _listening:  # of thousands of others nobody wants to hear
        _listening[-1].hear(event, args)
