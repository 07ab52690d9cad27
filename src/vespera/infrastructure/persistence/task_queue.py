"""Who works on what, in SQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.domain.task import Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import TASKS
from vespera.infrastructure.persistence.statements import Row, Rows, Statement, Write
from vespera.infrastructure.persistence.task_events import claimed, taken_back
from vespera.infrastructure.persistence.task_repository import task_from_row
from vespera.infrastructure.persistence.values import from_micros, storable_texts, to_micros

_ALL = -1
"""For SQLite, no limit."""


class SqlTaskQueue:
    """Claims and leases in the table ``tasks``; every call is a transaction of its own."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    def heed(
        self,
        current: Callable[[str, str | None], str | None],
        takes: Callable[[str, str], bool],
    ) -> None:
        """See ``TaskQueue.heed``; it holds for the claims of ``Gates`` too."""
        self._database.versions.answer_by(current, takes)

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        """Begin an attempt of up to ``limit`` pending tasks that have no blockers, are due, and are
        not suspicious, highest priority first, then oldest first. Waiting tasks that nobody holds
        are pending from the moment they are due.
        """
        moment, most = to_micros(now), max(limit, 0)
        values = (owner, to_micros(lease_until), moment, most, most, most)
        (rows,) = await self._database.commit(
            [
                Write(sql.WAKE_DUE, {"now": moment}),
                Write(sql.CLAIM_READY, values, told=claimed(self._database.ledger)),
            ],
            TASKS,
        )
        found = [task_from_row(row) for row in rows]
        return sorted(found, key=lambda task: (-task.priority, task.id))

    async def has_suspects(self, *, now: datetime) -> bool:
        """Whether a pending task without blockers is due that has crashed suspiciously often."""
        return bool(await self._database.read(sql.DUE_SUSPECT.sql, (to_micros(now),)))

    async def claim_suspect(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of the oldest of these tasks."""
        moment = to_micros(now)
        rows = await self._claim(sql.CLAIM_SUSPECT, (owner, to_micros(lease_until), moment, moment))
        return task_from_row(rows[0]) if rows else None

    async def claim(
        self, task_id: TaskId, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of this pending, assigned or waiting task, due or not; None if it cannot
        be claimed: unknown, held by somebody, finished, executed, blocked, paused, or with a gate.
        """
        if not storable_texts([task_id]):
            return None
        rows = await self._claim(
            sql.CLAIM_TASK, (owner, to_micros(lease_until), to_micros(now), task_id)
        )
        return task_from_row(rows[0]) if rows else None

    async def extend(
        self, attempts: Mapping[TaskId, int], *, owner: OwnerId, lease_until: datetime
    ) -> Collection[TaskId]:
        """Extend the leases of these tasks (id -> attempt); gives those still held."""
        until = to_micros(lease_until)
        writes = [
            Write(sql.EXTEND_LEASE, (until, task_id, attempt, owner))
            for task_id, attempt in attempts.items()
        ]
        held = await self._database.commit(writes) if writes else ()
        return [row[0] for rows in held for row in rows]

    async def owners(self) -> Collection[OwnerId]:
        """Who holds running or waiting tasks."""
        return [OwnerId(row[0]) for row in await self._database.read(sql.OWNERS.sql)]

    async def park(self, fence: Fence, *, news: int, now: datetime) -> bool:
        """Let go of a waiting task, which stays ``waiting``, unless there is other ``news`` for it
        than this, or it is to be cancelled. Whether that was done.
        """
        values = (to_micros(now), fence.task_id, fence.attempt, fence.owner, news)
        return bool(await self._commit(sql.PARK, values))

    async def news(self, owner: OwnerId) -> Mapping[TaskId, int]:
        """The number of news for each task that ``owner`` holds."""
        rows = await self._database.read(sql.NEWS_OF_OWNER.sql, (owner,))
        return {TaskId(row[0]): row[1] for row in rows}

    async def take_back(
        self,
        *,
        now: datetime,
        dead: Collection[OwnerId],
        expired: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[TaskId]:
        """Make tasks whose lease has run out by ``expired`` (by default ``now``), or whose owner is
        dead, pending again, and count it as a crash of those that were running. ``limit``: of each
        of these at most so many.
        """
        moment, most = to_micros(now), _ALL if limit is None else limit
        told = taken_back(self._database.ledger, moment)
        over = (moment, to_micros(expired or now), most)
        writes = [Write(sql.TAKE_BACK_EXPIRED, over, told=told)]
        writes += [Write(sql.TAKE_BACK_OF_OWNER, (moment, one, most), told=told) for one in dead]
        taken = await self._database.commit(writes)
        return sorted(row[0] for rows in taken for row in rows)

    async def next_due(self) -> datetime | None:
        """When the next delayed pending task without blockers is due, or the next waiting task
        that nobody holds goes on by itself.
        """
        rows = await self._database.read(sql.NEXT_DUE.sql)
        return from_micros(rows[0][0]) if rows else None

    async def _commit(self, statement: Statement, values: Row) -> Rows:
        (rows,) = await self._database.commit([Write(statement, values)])
        return rows

    async def _claim(self, statement: Statement, values: Row) -> Rows:
        write = Write(statement, values, told=claimed(self._database.ledger))
        (rows,) = await self._database.commit([write], TASKS)
        return rows
