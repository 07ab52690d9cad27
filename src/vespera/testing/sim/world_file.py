"""The database of a forked life: a file."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.location import Location
from vespera.testing.world_database import Promises, WorldDatabase

T = TypeVar("T")


class WorldFile(WorldDatabase):
    """A database file, looked at by a connection for each look: no lock outlives it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite+aiosqlite:///{path}"

    def rows(self, sql: str, *values: object) -> list[SimpleNamespace]:
        """See ``WorldDatabase.rows``."""
        return self._looking(lambda: super(WorldFile, self).rows(sql, *values))

    def tuples(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """See ``WorldDatabase.tuples``."""
        return self._looking(lambda: super(WorldFile, self).tuples(sql, *values))

    def promises(self) -> Promises:
        """See ``WorldDatabase.promises``."""
        return self._looking(super().promises)

    def close(self) -> None:
        """Nothing is open."""

    def _looking(self, look: Callable[[], T]) -> T:
        self._keeper = Opening(Location(self.path), "", "full", 0.0).connect()
        try:
            return look()
        finally:
            self._keeper.close()
