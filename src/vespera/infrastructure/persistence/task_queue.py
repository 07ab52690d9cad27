"""Who works on what, in SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import SUSPICIOUS, Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Rows, Statement, Write, compiled
from vespera.infrastructure.persistence.tables import ASSIGNED, NONE, ONE, PENDING, RUNNING, tasks
from vespera.infrastructure.persistence.task_repository import task_from_row
from vespera.infrastructure.persistence.values import from_micros_if_any, storable_texts, to_micros


class SqlTaskQueue:
    """Claims and leases in the table ``tasks``; every call is a transaction of its own."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        """Begin an attempt of up to ``limit`` pending tasks that have no blockers, are due, and are
        not suspicious, highest priority first, then oldest first.
        """
        moment = to_micros(now)
        rows = await self._commit(
            _CLAIM_READY, (owner, to_micros(lease_until), moment, moment, max(limit, 0))
        )
        claimed = [task_from_row(row) for row in rows]
        return sorted(claimed, key=lambda task: (-task.priority, task.id))

    async def has_suspects(self, *, now: datetime) -> bool:
        """Whether a pending task without blockers is due that has crashed suspiciously often."""
        return bool(await self._database.read(_SUSPECT.sql, (to_micros(now),)))

    async def claim_suspect(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of the oldest of these tasks."""
        moment = to_micros(now)
        rows = await self._commit(_CLAIM_SUSPECT, (owner, to_micros(lease_until), moment, moment))
        return task_from_row(rows[0]) if rows else None

    async def claim(
        self, task_id: TaskId, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of this pending or assigned task, due or not; None if it cannot be
        claimed: unknown, running, finished, executed, or blocked.
        """
        if not storable_texts([task_id]):
            return None
        rows = await self._commit(_CLAIM, (owner, to_micros(lease_until), to_micros(now), task_id))
        return task_from_row(rows[0]) if rows else None

    async def extend(
        self, attempts: Mapping[TaskId, int], *, owner: OwnerId, lease_until: datetime
    ) -> Collection[TaskId]:
        """Extend the leases of these running tasks (id -> attempt); gives those still held."""
        until = to_micros(lease_until)
        writes = [
            Write(_EXTEND, (until, task_id, attempt, owner))
            for task_id, attempt in attempts.items()
        ]
        held = await self._database.commit(writes) if writes else ()
        return [row[0] for rows in held for row in rows]

    async def owners(self) -> Collection[OwnerId]:
        """Who holds running tasks."""
        return [OwnerId(row[0]) for row in await self._database.read(_OWNERS.sql)]

    async def take_back(self, *, now: datetime, dead: Collection[OwnerId]) -> Sequence[TaskId]:
        """Make running tasks whose lease has run out, or whose owner is dead, pending again, and
        count it as a crash.
        """
        moment = to_micros(now)
        writes = [Write(_TAKE_BACK_EXPIRED, (moment, moment))]
        writes += [Write(_TAKE_BACK_OF, (moment, owner)) for owner in dead]
        taken = await self._database.commit(writes)
        return sorted(row[0] for rows in taken for row in rows)

    async def next_due(self) -> datetime | None:
        """When the next delayed pending task without blockers is due."""
        rows = await self._database.read(_NEXT_DUE.sql)
        return from_micros_if_any(rows[0][0])

    async def _commit(self, statement: Statement, values: Row) -> Rows:
        (rows,) = await self._database.commit([Write(statement, values)])
        return rows


_READY = sa.and_(tasks.c.status == PENDING, tasks.c.blockers == NONE)
_BEGIN_ATTEMPT = (
    sa.update(tasks)
    .values(
        status=RUNNING,
        version=tasks.c.version + ONE,
        attempt=tasks.c.attempt + ONE,
        owner=sa.bindparam("new_owner"),
        lease_until=sa.bindparam("new_lease"),
        run_after=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks)
)
_SUSPICIOUS: sa.ColumnElement[int] = sa.literal_column(str(SUSPICIOUS))
_IS_DUE = tasks.c.run_after.is_(None) | (tasks.c.run_after <= sa.bindparam("due"))
_DUE = (
    sa.select(tasks.c.id)
    .where(_READY, _IS_DUE, tasks.c.crashes < _SUSPICIOUS)
    .order_by(tasks.c.priority.desc(), tasks.c.id)
    .limit(sa.bindparam("how_many"))
    .offset(NONE)
)
_CLAIM_READY = compiled(
    _BEGIN_ATTEMPT.where(tasks.c.id.in_(_DUE)),
    "new_owner",
    "new_lease",
    "now",
    "due",
    "how_many",
    returns=True,
)
_OLDEST_SUSPECT = (
    sa.select(tasks.c.id)
    .where(_READY, _IS_DUE, tasks.c.crashes >= _SUSPICIOUS)
    .order_by(tasks.c.id)
    .limit(ONE)
    .offset(NONE)
)
_SUSPECT = compiled(_OLDEST_SUSPECT, "due")
_CLAIM_SUSPECT = compiled(
    _BEGIN_ATTEMPT.where(tasks.c.id.in_(_OLDEST_SUSPECT)),
    "new_owner",
    "new_lease",
    "now",
    "due",
    returns=True,
)
_CLAIM = compiled(
    _BEGIN_ATTEMPT.where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.status.in_([PENDING, ASSIGNED]),
        tasks.c.blockers == NONE,
    ),
    "new_owner",
    "new_lease",
    "now",
    "task",
    returns=True,
)
_EXTEND = compiled(
    sa.update(tasks)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.status == RUNNING,
        tasks.c.attempt == sa.bindparam("held_attempt"),
        tasks.c.owner == sa.bindparam("held_by"),
    )
    .values(lease_until=sa.bindparam("new_lease"))
    .returning(tasks.c.id),
    "new_lease",
    "task",
    "held_attempt",
    "held_by",
    returns=True,
)
_OWNERS = compiled(
    sa.select(tasks.c.owner)
    .where(tasks.c.status == RUNNING, tasks.c.owner.is_not(None))
    .distinct()
    .order_by(tasks.c.owner)
)
_MAKE_PENDING = (
    sa.update(tasks)
    .where(tasks.c.status == RUNNING)
    .values(
        status=PENDING,
        version=tasks.c.version + ONE,
        crashes=tasks.c.crashes + ONE,
        owner=sa.null(),
        lease_until=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks.c.id)
)
_TAKE_BACK_EXPIRED = compiled(
    _MAKE_PENDING.where(tasks.c.lease_until <= sa.bindparam("expired")),
    "now",
    "expired",
    returns=True,
)
_TAKE_BACK_OF = compiled(
    _MAKE_PENDING.where(tasks.c.owner == sa.bindparam("dead_owner")),
    "now",
    "dead_owner",
    returns=True,
)
_NEXT_DUE = compiled(
    sa.select(sa.func.min(tasks.c.run_after)).where(_READY, tasks.c.run_after.is_not(None))
)
