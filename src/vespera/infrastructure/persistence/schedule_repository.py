"""Schedules, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from vespera.domain.errors import StaleSchedule
from vespera.domain.schedule import CatchUp, Overlap, TaskSchedule
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import SCHEDULES
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import (
    from_micros,
    from_micros_if_any,
    storable_texts,
    to_micros,
    to_micros_if_any,
)


class SqlScheduleRepository:
    """Schedules in the table ``schedules``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, schedule: TaskSchedule) -> None:
        """Store a new schedule.

        Raises:
            DuplicateRow: the name exists already.
        """
        await store(self._database, [Write(sql.INSERT_SCHEDULE, tuple(_to_row(schedule).values()))])

    async def save(self, schedule: TaskSchedule) -> None:
        """Store a schedule in place of the version before it.

        Raises:
            StaleSchedule: the stored version is another, or it is gone.
        """
        row = _to_row(schedule)
        name = row.pop("name")
        del row["created_at"]
        values = (*row.values(), name, schedule.version - 1)
        await store(
            self._database, [Write(sql.UPDATE_SCHEDULE, values, partial(_stale, schedule.name))]
        )

    async def remove(self, schedule: TaskSchedule) -> None:
        """Forget the schedule, which must be of this version.

        Raises:
            StaleSchedule: the stored version is another, or it is gone.
        """
        values = (schedule.name, schedule.version)
        await store(
            self._database, [Write(sql.DELETE_SCHEDULE, values, partial(_stale, schedule.name))]
        )

    async def get(self, name: str) -> TaskSchedule | None:
        """The schedule, if there is one of this name."""
        if not storable_texts([name]):
            return None
        rows = await self._database.read(sql.SCHEDULE_BY_NAME.sql, (name,), SCHEDULES)
        return _from_row(rows[0]) if rows else None

    async def all(self) -> Sequence[TaskSchedule]:
        """All schedules, by name."""
        rows = await self._database.read(sql.ALL_SCHEDULES.sql, (), SCHEDULES)
        return [_from_row(row) for row in rows]

    async def due(self, now: datetime) -> Sequence[TaskSchedule]:
        """Those that are not paused, and of which a moment has come by ``now``, by that moment."""
        rows = await self._database.read(sql.DUE_SCHEDULES.sql, (to_micros(now),), SCHEDULES)
        return [_from_row(row) for row in rows]

    async def next_due(self, after: datetime) -> datetime | None:
        """The first moment after ``after`` at which one that is not paused is due."""
        rows = await self._database.read(sql.NEXT_SCHEDULE_DUE.sql, (to_micros(after),))
        return from_micros_if_any(rows[0][0])


def _to_row(schedule: TaskSchedule) -> dict[str, object]:
    """A whole row, in the order of the columns."""
    values = {name: getattr(schedule, name) for name in sql.SCHEDULE_COLUMNS}
    for name in ("next_due", "last_due"):
        values[name] = to_micros_if_any(values[name])
    for name in ("created_at", "updated_at"):
        values[name] = to_micros(values[name])
    changed = {"paused": int(schedule.paused), "catch_up": schedule.catch_up.value}
    return {**values, **changed, "overlap": schedule.overlap.value}


def _from_row(row: Row) -> TaskSchedule:
    values = dict(zip(sql.SCHEDULE_COLUMNS, row, strict=True))
    for name in ("next_due", "last_due"):
        values[name] = from_micros_if_any(values[name])
    for name in ("created_at", "updated_at"):
        values[name] = from_micros(values[name])
    values["paused"] = bool(values["paused"])
    values["catch_up"] = CatchUp(values["catch_up"])
    values["overlap"] = Overlap(values["overlap"])
    return TaskSchedule(**values)


def _stale(name: str) -> StaleSchedule:
    return StaleSchedule(
        f"Schedule {name!r} is not as it was read: somebody else changed it; read it again."
    )
