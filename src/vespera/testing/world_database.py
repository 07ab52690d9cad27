"""The database of a world, and what it promised."""

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from weakref import finalize

from vespera.domain.task import FINISHED
from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.errors import is_busy
from vespera.infrastructure.persistence.location import location_of
from vespera.infrastructure.persistence.schema import prepare_memory

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Promises:
    """What the process was told to be durable when it died, or came to its end.

    Attributes:
        tasks: the tasks by id, each with its status and what came of it.
        steps: the recorded value of each step that succeeded, by task, name and occurrence.
        retries: how often each task was set pending again after its end, and so promised anew.
    """

    tasks: Mapping[str, tuple[str, bytes | None]] = field(default_factory=dict)
    steps: Mapping[tuple[str, str, int], bytes] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)

    def and_now(self, newer: "Promises") -> "Promises":
        """What is promised once ``newer`` is durable; no older promise is taken back, but for those
        of tasks that somebody has had run again since.
        """
        again = {task for task, often in newer.retries.items() if often > self.retries.get(task, 0)}
        ends = {
            task: end
            for task, end in self.tasks.items()
            if end[0] in FINISHED and task not in again
        }
        kept = {key: value for key, value in self.steps.items() if key[0] not in again}
        return Promises(
            {**self.tasks, **newer.tasks, **ends},
            {**newer.steps, **kept},
            {**self.retries, **newer.retries},
        )


class WorldDatabase:
    """A database in memory that outlives those who use it, by ``url``."""

    def __init__(self) -> None:
        name = f"world-{os.getpid()}-{next(_NUMBERS)}"
        self.url = f"sqlite+aiosqlite:///:memory:{name}"
        self._keeper = _opening(self.url, name).connect()
        self._close = finalize(self, self._keeper.close)
        prepare_memory(self._keeper)
        self._version = 0
        self._first = self.version

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed to it."""
        return self.version == self._first

    @property
    def version(self) -> int:
        """Changes with every commit that somebody else makes."""
        try:
            self._version = int(self._keeper.execute("PRAGMA data_version").fetchone()[0])
        except Exception as error:
            if not is_busy(error):  # then somebody writes, and nothing was committed meanwhile
                raise
        return self._version

    def rows(self, sql: str, *values: object) -> list[SimpleNamespace]:
        """What a query gives now; columns are attributes."""
        cursor = self._keeper.execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]

    def tuples(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """As ``rows``, as SQLite gives them."""
        return self._keeper.execute(sql, values).fetchall()

    def promises(self) -> Promises:
        """What is durable now."""
        tasks = self._keeper.execute("SELECT id, status, outcome, retries FROM tasks").fetchall()
        steps = self._keeper.execute(
            "SELECT task_id, name, occurrence, value FROM steps WHERE value IS NOT NULL"
        )
        return Promises(
            {task: (status, outcome) for task, status, outcome, _ in tasks},
            {(task, name, occurrence): value for task, name, occurrence, value in steps},
            {task: often for task, *_, often in tasks},
        )

    def copy(self) -> bytes:
        """All of it."""
        return self._keeper.serialize()

    def put_back(self, copy: bytes) -> None:
        """Be as when the copy was made. Nobody else may have it open."""
        scratch = _opening("sqlite+aiosqlite:///:memory:", f"scratch-{os.getpid()}").connect()
        try:
            scratch.deserialize(copy)
            scratch.backup(self._keeper)
        finally:
            scratch.close()

    def close(self) -> None:
        """Forget it, once nobody else has it open."""
        self._close()


def _opening(url: str, name: str) -> Opening:
    return Opening(location_of(url), name, "full", 0.0)
