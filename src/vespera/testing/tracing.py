"""Where threads, files and connections are made."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from vespera.testing.origins import caller


class Tracer:
    """Listens to the interpreter's audit events from ``begin`` to ``stop``.

    Python cannot take an audit hook away again; a stopped one only asks whether it is stopped. Of
    threads there is no event in every version, so that ``Thread.start`` is replaced meanwhile.
    """

    def __init__(self) -> None:
        self._active = self._is_hooked = False
        self._threads: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._paths: dict[str, str] = {}
        self._start: Any = threading.Thread.start
        self._noting: Any = None

    def begin(self) -> None:
        """Listen from now on, and forget what was heard before."""
        self._paths.clear()
        if self._active:
            return
        if not self._is_hooked:
            sys.addaudithook(self._heard)
        self._active = self._is_hooked = True
        if threading.Thread.start is not self._noting:
            self._start, self._noting = threading.Thread.start, self._starting()
            threading.Thread.start = self._noting  # type: ignore[method-assign]

    def stop(self) -> None:
        """Listen no more."""
        self._active = False
        if threading.Thread.start is self._noting:  # else somebody has wrapped it meanwhile
            threading.Thread.start = self._start  # type: ignore[method-assign]

    def place_of(self, key: object) -> str:
        """Where a thread, or the file or database of this name, was made, for a message."""
        known = self._threads.get(key) if isinstance(key, threading.Thread) else None
        known = known or self._paths.get(str(key))
        return f"made at {known}" if known else "(nobody saw it being made)"

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        is_ours = self._active and event in {"open", "sqlite3.connect"}
        if is_ours and isinstance(args[0], str | bytes | Path):
            with suppress(OSError):  # there may be no working directory any more
                self._paths[_name_of(os.fsdecode(args[0]))] = caller()

    def _starting(self) -> Callable[[threading.Thread], None]:
        original = self._start

        def start(thread: threading.Thread) -> None:
            if self._active:
                self._threads[thread] = caller()
            original(thread)

        return start


def memory_key(name: str) -> str:
    """What a database in memory of this name is called here."""
    return f"file:/{name}?vfs=memdb"


def _name_of(path: str) -> str:
    if path.startswith("file:"):
        return path
    if not path.startswith("/"):
        path = f"{_working_directory().removesuffix('/')}/{path}"
    return os.path.normpath(path)


_working_directory = os.getcwd  # as it is before `--vespera-blocking` minds it
