"""Finished tasks go, in SQL."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from vespera.domain.errors import StaleTask
from vespera.domain.task import FINISHED, TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import MANY, Statement, Write
from vespera.infrastructure.persistence.values import to_micros

_AT_ONCE = 500
_MOST_TRIES = 5
_PURGEABLE: Mapping[TaskStatus, tuple[Statement, Statement]] = {
    TaskStatus.COMPLETED: (sql.PURGEABLE_COMPLETED, sql.COUNT_PURGEABLE_COMPLETED),
    TaskStatus.FAILED: (sql.PURGEABLE_FAILED, sql.COUNT_PURGEABLE_FAILED),
    TaskStatus.CANCELLED: (sql.PURGEABLE_CANCELLED, sql.COUNT_PURGEABLE_CANCELLED),
}


class SqlTaskArchive:
    """Removes rows of ``tasks`` and of every table that points at it."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def count(self, statuses: Collection[TaskStatus], before: datetime) -> int:
        """See ``TaskArchive.count``."""
        moment, total = to_micros(before), 0
        for status in FINISHED & set(statuses):
            _, counting = _PURGEABLE[status]
            ((count,),) = await self._database.read(counting.sql, (moment, moment))
            total += count
        return total

    async def purge(self, statuses: Collection[TaskStatus], before: datetime, *, limit: int) -> int:
        """See ``TaskArchive.purge``. If one of them has come to be needed in between, they are
        chosen anew.

        Raises:
            StaleTask: that happens again and again.
        """
        for _ in range(_MOST_TRIES):
            with suppress(StaleTask):
                return await self._purge(statuses, to_micros(before), limit)
        raise StaleTask

    async def sweep(self, before: datetime) -> int:
        """See ``TaskArchive.sweep``."""
        return await self._database.sweep(before)

    async def _purge(self, statuses: Collection[TaskStatus], moment: int, limit: int) -> int:
        for status in sorted(FINISHED & set(statuses)):
            finding, _ = _PURGEABLE[status]
            values = (moment, moment, min(max(limit, 0), _AT_ONCE))
            ids = [row[0] for row in await self._database.read(finding.sql, values)]
            if ids:
                return await self._remove(ids)
        return 0

    async def _remove(self, ids: Sequence[str]) -> int:
        statements = (
            replace(sql.STILL_PURGEABLE, expects=len(ids)),
            sql.UNCOUNT_TASKS,
            *map(Statement, sql.PURGE_WHAT_POINTS),
            sql.PURGE_TASKS,
            sql.PURGE_OPERATIONS,
            sql.PURGE_REPORTS,
            sql.PURGE_WAIVERS,
            sql.PURGE_COSTS,
        )
        marks = ",".join("?" * len(ids))
        writes = [
            Write(replace(one, sql=one.sql.replace(MANY, marks)), ids, StaleTask)
            for one in statements
        ]
        await self._database.commit(writes)
        return len(ids)
