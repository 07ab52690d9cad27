"""What a worker does beside its tasks: it removes what is kept no longer."""

from datetime import datetime, timedelta
from typing import Final

from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.events import EventLog
from vespera.domain.retention import Retention

EVERY: Final = timedelta(minutes=1)
BATCH: Final = 200


class Upkeep:
    """Purges one batch at a time, each a short transaction, as long as something is left; then
    looks again after a minute.
    """

    def __init__(self, *, archive: TaskArchive, log: EventLog, retention: Retention) -> None:
        self._archive, self._log, self._retention = archive, log, retention
        self._idle = not retention.tasks and retention.events is None
        self._next: datetime | None = None

    def due(self, now: datetime) -> datetime | None:
        """When there is something to do next; None: never."""
        return None if self._idle else self._next or now

    def look_again(self) -> None:
        """At the next chance, whatever the time is."""
        self._next = None

    async def go_on(self, now: datetime) -> None:
        """Do a little, if it is due.

        Raises:
            StorageError: the database cannot do it.
        """
        due = self.due(now)
        if due is None or due > now:
            return
        removed = 0
        for status, age in self._retention.tasks.items():
            removed += await self._archive.purge({status}, now - age, limit=BATCH)
        if self._retention.events is not None:
            before = now - self._retention.events
            removed += await self._log.forget(before=before, limit=BATCH)
        self._next = now if removed else now + EVERY
