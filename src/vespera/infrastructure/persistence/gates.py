"""Limits, rates and pauses, in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from vespera.domain.flow import ALL_TYPES, Gate, Limits, Rate, Traffic
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import TASKS
from vespera.infrastructure.persistence.statements import Row, Statement, Write
from vespera.infrastructure.persistence.task_events import claimed
from vespera.infrastructure.persistence.task_repository import task_from_row
from vespera.infrastructure.persistence.values import (
    from_micros_if_any,
    storable_texts,
    to_micros,
)

AT_ONCE: Final = 16
"""Tasks that one transaction begins at most; each is chosen by two statements of its own."""

_SECOND = 1_000_000


class SqlGates:
    """Gates in the tables ``gates`` and ``starts``.

    Concurrency is counted from the tasks that run, so that nothing has to be given back: whatever
    ends a task's run, a take-back too, makes room. A claim writes the next task that may begin down
    as a start, and then begins it; the next choice of the same transaction counts it already.
    """

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def all(self) -> Mapping[str, Gate]:
        """Every gate there is, by type."""
        gates = [_from_row(row) for row in await self._database.read(sql.ALL_GATES.sql)]
        return {gate.specialist_type: gate for gate in gates}

    async def declare(self, limits: Mapping[str, Limits]) -> None:
        """Set the limits of these types; a gate without limits goes, unless it is paused.

        Under ``ALL_TYPES`` it is all of them together. The first limit of a type, and the end of
        the last, look at every task of the database.
        """
        writes = []
        for kind in storable_texts(limits):
            writes += [
                Write(sql.SET_LIMITS, (kind, None, *_to_limits(limits[kind]))),
                Write(sql.DROP_OPEN_GATE, (kind,)),
                _marked(kind),
            ]
        if writes:
            await self._database.commit(writes)

    async def pause_type(self, specialist_type: str, *, now: datetime) -> None:
        """Let no task of the type begin from now on. What is paused stays so since then.

        The first pause of a type without limits looks at every task of the database.
        """
        moment, none = to_micros(now), (None,) * len(sql.LIMIT_COLUMNS)
        is_known = specialist_type in await self.all()  # a commit that does nothing would tell lies
        if not (is_known and await self._changed(sql.PAUSE_GATE, (moment, specialist_type))):
            await self._database.commit(
                [
                    Write(sql.SET_PAUSED, (specialist_type, moment, *none)),
                    Write(sql.MARK_GATED, (specialist_type,)),
                ]
            )

    async def resume_type(self, specialist_type: str) -> bool:
        """Undo that; whether it was paused."""
        gate = (await self.all()).get(specialist_type)
        writes = [Write(sql.RESUME_GATE, (specialist_type,))]
        if gate is None or not gate.limits.any:
            writes.append(Write(sql.DROP_OPEN_GATE, (specialist_type,)))
            writes.append(Write(sql.MARK_GATED, (specialist_type,)))
        resumed, *_ = await self._database.commit(writes) if gate else ([],)
        return bool(resumed)

    async def pause_task(self, task_id: TaskId, *, now: datetime) -> bool:
        """Keep the task from being begun, and stop it at its next step if it runs; whether it
        could be: it is pending, running or waiting. What is paused stays so since then.
        """
        return await self._changed(sql.PAUSE_TASK, (to_micros(now), task_id))

    async def resume_task(self, task_id: TaskId) -> bool:
        """Undo that; whether the task was paused and is not finished."""
        return await self._changed(sql.RESUME_TASK, (task_id,))

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        """Begin an attempt of up to ``limit`` ready tasks (at most 16), in the order of priority
        and age, of those that no gate keeps back.
        """
        moment = {"now": to_micros(now)}
        one = [Write(sql.START_FIRST, moment), self._begun(owner, now, lease_until)]
        preparing = [
            Write(sql.WAKE_DUE, moment),
            Write(sql.FORGET_STARTS, tuple(moment.values())),
        ]
        claimed = await self._database.commit(preparing + one * max(min(limit, AT_ONCE), 0), TASKS)
        return [task_from_row(row) for rows in claimed for row in rows]

    async def has_suspects(self, *, now: datetime) -> bool:
        """Whether a suspicious task is due, and its gate open."""
        return bool(await self._database.read(sql.OPEN_SUSPECT.sql, {"now": to_micros(now)}))

    async def claim_suspect(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of the oldest of these tasks."""
        start = Write(sql.START_SUSPECT, {"now": to_micros(now)})
        return await self._begun_after(start, self._begun(owner, now, lease_until), now)

    async def claim(
        self, task_id: TaskId, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of this pending or assigned task with a gate, if it is open."""
        if not await self._database.read(sql.AT_A_GATE.sql, (task_id,)):
            return None
        start = Write(sql.START_TASK, {"now": to_micros(now), "task": task_id})
        return await self._begun_after(start, self._begun(owner, now, lease_until), now)

    async def next_due(self, *, now: datetime) -> datetime | None:
        """When the next delayed task is due whose type is not paused, or the next rate lets one
        begin that is ready.
        """
        rows = await self._database.read(sql.NEXT_TO_OPEN.sql, {"now": to_micros(now)})
        return from_micros_if_any(rows[0][0])

    async def traffic_of(self, task: Task, gate: Gate, *, now: datetime) -> Traffic:
        """What there is of the task's type, and of its key."""
        values = {
            "type": task.specialist_type,
            "key": task.concurrency_key,
            "now": to_micros(now),
            "per": _to_rate(gate.limits.rate)[1] or 0,
            "key_per": _to_rate(gate.limits.rate_per_key)[1] or 0,
        }
        (row,) = await self._database.read(sql.TRAFFIC.sql, values)
        of_all, running, running_of_key, begun, begun_of_key = row
        return Traffic(
            running_of_all=of_all,
            running=running,
            running_of_key=running_of_key,
            begun=begun,
            begun_of_key=begun_of_key,
        )

    async def paused_before(self, task_id: TaskId) -> Sequence[Task]:
        """Pending tasks that are paused, or whose type is: this one, and those it waits for, also
        through others.
        """
        rows = await self._database.read(sql.PAUSED_BEFORE_TASK.sql, (task_id,), TASKS)
        return [task_from_row(row) for row in rows]

    async def _begun_after(self, start: Write, begun: Write, now: datetime) -> Task | None:
        forget = Write(sql.FORGET_STARTS, (to_micros(now),))
        (rows,) = await self._database.commit([forget, start, begun], TASKS)
        return task_from_row(rows[0]) if rows else None

    def _begun(self, owner: OwnerId, now: datetime, lease_until: datetime) -> Write:
        values = (owner, to_micros(lease_until), to_micros(now))
        return Write(sql.BEGIN_STARTED, values, told=claimed(self._database.ledger))

    async def _changed(self, statement: Statement, values: Row) -> bool:
        (rows,) = await self._database.commit([Write(statement, values)])
        return bool(rows)


def _marked(kind: str) -> Write:
    """Tasks that are not finished know whether they pass a gate."""
    return Write(sql.MARK_ALL_GATED, ()) if kind == ALL_TYPES else Write(sql.MARK_GATED, (kind,))


def _to_limits(limits: Limits) -> Row:
    """In the order of ``LIMIT_COLUMNS``."""
    return (
        limits.max_concurrent,
        limits.max_concurrent_per_key,
        *_to_rate(limits.rate),
        *_to_rate(limits.rate_per_key),
    )


def _to_rate(rate: Rate | None) -> tuple[int | None, int | None]:
    return (None, None) if rate is None else (rate.count, round(rate.per * _SECOND))


def _from_rate(count: int | None, per: int | None) -> Rate | None:
    if count is None or per is None:
        return None
    return Rate(count, timedelta(microseconds=per).total_seconds())


def _from_row(row: Row) -> Gate:
    kind, paused_at, most, most_of_key, count, per, key_count, key_per = row
    return Gate(
        specialist_type=kind,
        paused_at=from_micros_if_any(paused_at),
        limits=Limits(
            max_concurrent=most,
            max_concurrent_per_key=most_of_key,
            rate=_from_rate(count, per),
            rate_per_key=_from_rate(key_count, key_per),
        ),
    )
