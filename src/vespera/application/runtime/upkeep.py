"""What a worker does beside its tasks: it removes what is kept no longer."""

import logging
from datetime import datetime, timedelta
from typing import Final

from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.events import EventLog
from vespera.domain.errors import StorageError
from vespera.domain.retention import Retention

EVERY: Final = timedelta(minutes=1)
BATCH: Final = 200
STRAY_AGE: Final = timedelta(hours=1)
"""How old a file must be that nothing refers to: whoever has written it has come to its commit, or
never will. As often, it is looked for them.
"""

logger = logging.getLogger("vespera")


class Upkeep:
    """Purges one batch at a time, each a short transaction, as long as something is left; then
    looks again after a minute. ``sweeps``: there may be files that nothing refers to; it removes
    them once an hour.
    """

    def __init__(
        self, *, archive: TaskArchive, log: EventLog, retention: Retention, sweeps: bool = False
    ) -> None:
        self._archive, self._log, self._retention = archive, log, retention
        self._purges = bool(retention.tasks) or retention.events is not None
        self._sweeps = sweeps
        self.look_again()

    def due(self, now: datetime) -> datetime | None:
        """When there is something to do next; None: never."""
        moments = [self._next_purge or now] if self._purges else []
        if self._sweeps:
            moments.append(self._next_sweep or now)
        return min(moments, default=None)

    def look_again(self) -> None:
        """At the next chance, whatever the time is."""
        self._next_purge: datetime | None = None
        self._next_sweep: datetime | None = None

    async def go_on(self, now: datetime) -> None:
        """Do a little, if it is due.

        Raises:
            StorageError: the database cannot do it.
        """
        if self._purges and (self._next_purge or now) <= now:
            await self._purge(now)
        if self._sweeps and (self._next_sweep or now) <= now:
            await self._sweep(now)

    async def _purge(self, now: datetime) -> None:
        removed = 0
        for status, age in self._retention.tasks.items():
            removed += await self._archive.purge({status}, now - age, limit=BATCH)
        if self._retention.events is not None:
            before = now - self._retention.events
            removed += await self._log.forget(before=before, limit=BATCH)
        self._next_purge = now if removed else now + EVERY

    async def _sweep(self, now: datetime) -> None:
        """Files that cannot be removed hold up no task."""
        self._next_sweep = now + STRAY_AGE
        try:
            await self._archive.sweep(now - STRAY_AGE)
        except StorageError as error:
            logger.warning("Files of values that nothing refers to were not removed: %s", error)
