"""The places at which a process may be killed, each with a name, counted as they are passed."""

import inspect
import os
import signal
import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import Any

from vespera.infrastructure.persistence.lane import Lane

Reach = Callable[[str], None]


class Points:
    """Counts the places that a process passes; at the ``fatal``-th it kills itself (0: never).

    It watches the disk, too (see ``vfs.Watcher``): before each operation there is a place.
    """

    def __init__(self, fatal: int = 0) -> None:
        self._fatal = fatal
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, operation: str, path: str, data: bytes = b"") -> int:
        if operation != "read":
            self.reach(f"disk: {operation} {path.rpartition('.')[2]}")
        return 0

    def after(self, operation: str, path: str, place: int = 0, data: bytes = b"") -> None:
        """The next operation is a place of its own."""


class Watched:
    """A part of the engine; before and after each call of its coroutines there is a place."""

    def __init__(self, part: object, name: str, reach: Reach) -> None:
        self._part, self._name, self._reach = part, name, reach

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not inspect.iscoroutinefunction(found):
            return found

        @wraps(found)
        async def call(*args: object, **kwargs: object) -> object:
            self._reach(f"before {self._name}.{name}")
            value = await found(*args, **kwargs)
            self._reach(f"after {self._name}.{name}")
            return value

        return call


class WatchedLane(Lane):
    """A lane; before each statement, and after it, there is a place."""

    def __init__(self, *, reach: Reach, **how: Any) -> None:
        super().__init__(**how)
        self._reach = reach

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        await super().open(lambda: _WatchedConnection(connect(), self._reach))  # type: ignore[arg-type, return-value]


class _WatchedConnection:
    def __init__(self, connection: sqlite3.Connection, reach: Reach) -> None:
        self._connection, self._reach = connection, reach

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        words = " ".join(sql.split()[:3])
        self._reach(f"before SQL {words}")
        cursor = self._connection.execute(sql, *values)
        self._reach(f"after SQL {words}")
        return cursor
