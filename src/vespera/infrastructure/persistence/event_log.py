"""Events and progress, in SQL."""

import asyncio
import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from vespera.application.ports.events import EventPage
from vespera.domain.event import EventType, TaskEvent
from vespera.domain.ids import TaskId
from vespera.domain.progress import Progress
from vespera.domain.step import Fence
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.fence import must_hold
from vespera.infrastructure.persistence.ledger import PLACES
from vespera.infrastructure.persistence.statements import Row, Rows, Write
from vespera.infrastructure.persistence.values import (
    from_micros,
    storable_texts,
    to_json,
    to_micros,
)

_ROWS_AT_ONCE = 100


class SqlEventLog:
    """Events in the table ``events``; the writer's ledger puts them there."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def page(
        self,
        after: int = 0,
        *,
        task_id: TaskId | None = None,
        types: Collection[EventType] | None = None,
        limit: int = 500,
    ) -> EventPage:
        """See ``EventLog.page``."""
        rows = await self._rows(after // PLACES, task_id)
        found: list[TaskEvent] = []
        upto = after
        for row_id, entries in rows:
            for place, entry in enumerate(json.loads(entries)):
                event_id = row_id * PLACES + place
                if event_id <= after:
                    continue
                if len(found) >= limit:
                    return EventPage(found, upto, more=True)
                upto = event_id
                if task_id in {None, entry[1]} and (types is None or entry[0] in types):
                    found.append(_event(event_id, entry))
        return EventPage(found, upto, more=len(rows) == _ROWS_AT_ONCE)

    async def begin_of(self, moment: datetime) -> int:
        """See ``EventLog.begin_of``. Marks never fall, so that the place is found by halving."""
        wanted = to_micros(moment)
        ((low, high),) = await self._database.read(sql.RANGE_OF_EVENTS.sql)
        if low is None:
            return 0
        while low < high:
            middle = (low + high) // 2
            ((there, mark),) = await self._database.read(sql.MARK_FROM.sql, (middle,))
            if mark < wanted:
                low = min(there + 1, high)
            else:
                high = middle
        return int(low * PLACES - 1)

    async def newest(self) -> int:
        """See ``EventLog.newest``."""
        rows = await self._database.read(sql.NEWEST_EVENTS.sql)
        return int(rows[0][0] * PLACES + rows[0][1] - 1) if rows else 0

    def heard(self, news: asyncio.Event) -> AbstractContextManager[None]:
        """See ``EventLog.heard``."""
        return self._database.ledger.heard(news)

    async def forget(self, *, before: datetime, limit: int) -> int:
        """See ``EventLog.forget``."""
        write = Write(sql.FORGET_EVENTS, (max(limit, 0), to_micros(before)))
        (forgotten,) = await self._database.commit([write])
        return len(forgotten)

    async def _rows(self, first: int, task_id: TaskId | None) -> Rows:
        if task_id is None:
            return await self._database.read(sql.PAGE_OF_EVENTS.sql, (first, _ROWS_AT_ONCE))
        if not storable_texts([task_id]):
            return []
        values = (first, quoted(task_id), _ROWS_AT_ONCE)
        return await self._database.read(sql.PAGE_OF_EVENTS_ABOUT.sql, values)


class SqlProgressRepository:
    """Progress in the table ``progress``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def record(self, progress: Progress, fence: Fence) -> None:
        """Remember it; a transaction of its own.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
        """
        at = to_micros(progress.at)
        row = row_of_progress(progress)
        data = {
            "done": _number(progress.done),
            "total": None if progress.total is None else _number(progress.total),
            "message": progress.message,
        }
        told = self._database.ledger.told(
            EventType.PROGRESS, progress.task_id, at, progress.attempt, to_json(data, what="event")
        )
        writes = [must_hold(fence), Write(sql.RECORD_PROGRESS, row, told=told)]
        await self._database.commit(writes)

    async def of_task(self, task_id: TaskId) -> Progress | None:
        """The last that was said, if anything was."""
        if not storable_texts([task_id]):
            return None
        rows = await self._database.read(sql.PROGRESS_OF_TASK.sql, (task_id,))
        return progress_from_row(rows[0]) if rows else None


def row_of_progress(progress: Progress) -> Row:
    """The row of a task's progress."""
    at = to_micros(progress.at)
    measures = (progress.task_id, progress.attempt, progress.done, progress.total)
    return (*measures, at, progress.message)


def progress_from_row(row: Row) -> Progress:
    """The progress that a row holds."""
    values = dict(zip(sql.PROGRESS_COLUMNS, row, strict=True))
    values["at"] = from_micros(values["at"])
    return Progress(**values)


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def _event(event_id: int, entry: list[Any]) -> TaskEvent:
    kind, task_id, at, attempt, *data = entry
    return TaskEvent(
        id=event_id,
        type=EventType(kind),
        task_id=TaskId(task_id),
        at=from_micros(at),
        attempt=attempt,
        data=data[0] if data else {},
    )
