"""Removes what is over and old enough."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.clock import Clock
from vespera.application.ports.events import EventLog
from vespera.domain.errors import InvalidRequest
from vespera.domain.retention import age_of, finished_only
from vespera.domain.search import statuses_of

BATCH: Final = 200
"""Tasks of one transaction, so that others wait for a few milliseconds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeTasksResult:
    """How many tasks went, and the events of how many commits; or why none did."""

    success: bool
    error: str | None = None
    tasks: int = 0
    events: int = 0


class PurgeTasksUseCase:
    """Purges batch by batch. A crash leaves whole tasks only."""

    def __init__(self, *, archive: TaskArchive, log: EventLog, clock: Clock) -> None:
        self._archive, self._log, self._clock = archive, log, clock

    async def purge(
        self,
        older_than: timedelta | float,
        statuses: str | Collection[str] | None = None,
        *,
        dry_run: bool = False,
    ) -> PurgeTasksResult:
        """Remove the finished tasks that were last changed longer ago than ``older_than``, and the
        events that are older.

        Args:
            older_than: an age; a number is in seconds.
            statuses: "completed", "failed", "cancelled" or several of them; by default all.
            dry_run: count what could go at once, and remove nothing.
        """
        try:
            before = self._clock.now() - age_of(older_than, "older_than")
            chosen = finished_only(statuses_of(statuses, "statuses"))
        except InvalidRequest as error:
            return PurgeTasksResult(success=False, error=str(error))
        if dry_run:
            return PurgeTasksResult(success=True, tasks=await self._archive.count(chosen, before))
        tasks = events = 0
        while purged := await self._archive.purge(chosen, before, limit=BATCH):
            tasks += purged
        while forgotten := await self._log.forget(before=before, limit=BATCH):
            events += forgotten
        return PurgeTasksResult(success=True, tasks=tasks, events=events)
