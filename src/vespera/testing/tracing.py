"""Where threads, files and connections are made: too dear to be known without being asked for."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from vespera.testing.origins import caller

_HINT = "(--vespera-trace says where it was made)"


class Tracer:
    """Listens to the interpreter's audit events, if ``active``, until ``stop``.

    Python cannot take an audit hook away again; a stopped one only asks whether it is stopped. Of
    threads there is no event in every version, so that ``Thread.start`` is replaced meanwhile.
    """

    def __init__(self, *, active: bool) -> None:
        self._active = active
        self._threads: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._paths: dict[str, str] = {}
        self._start = threading.Thread.start
        if active:
            sys.addaudithook(self._heard)
            threading.Thread.start = self._starting()  # type: ignore[method-assign, assignment]

    def stop(self) -> None:
        """Listen no more."""
        if self._active:
            threading.Thread.start = self._start  # type: ignore[method-assign]
        self._active = False

    def place_of(self, key: object) -> str:
        """Where a thread, or the file or database of this name, was made, for a message."""
        if not self._active:
            return _HINT
        known = self._threads.get(key) if isinstance(key, threading.Thread) else None
        known = known or self._paths.get(str(key))
        return f"made at {known}" if known else "(nobody saw it being made)"

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        is_ours = self._active and event in {"open", "sqlite3.connect"}
        if is_ours and isinstance(args[0], str | bytes | Path):
            self._paths[_name_of(os.fsdecode(args[0]))] = caller()

    def _starting(self) -> Callable[[threading.Thread], None]:
        def start(thread: threading.Thread) -> None:
            self._threads[thread] = caller()
            self._start(thread)

        return start


def memory_key(name: str) -> str:
    """What a database in memory of this name is called here."""
    return f"file:/{name}?vfs=memdb"


def _name_of(path: str) -> str:
    return path if path.startswith("file:") else os.path.abspath(path)  # noqa: PTH100  # no Path: it opens files
