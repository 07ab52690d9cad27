"""What is remembered of steps, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from vespera.domain.errors import DuplicateRow
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.domain.task import Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.fence import lost, must_hold
from vespera.infrastructure.persistence.spilling import HEARTBEATS, STEPS
from vespera.infrastructure.persistence.statements import Row, Told, Write
from vespera.infrastructure.persistence.task_events import recorded, suspended
from vespera.infrastructure.persistence.task_repository import adding
from vespera.infrastructure.persistence.values import (
    from_micros,
    from_micros_if_any,
    to_micros,
    to_micros_if_any,
)


class SqlStepRepository:
    """Steps in the table ``steps``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def of_task(self, task_id: TaskId) -> Sequence[StepRecord]:
        """All records of the task, in the order of ``seq``."""
        rows = await self._database.read(sql.STEPS_OF_TASK.sql, (task_id,), STEPS)
        return [step_from_row(row) for row in rows]

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        received: SignalId | None = None,
        child: Task | None = None,
        depends_on: Sequence[TaskId] = (),
        undoable: bool = False,
    ) -> bool:
        """Remember a step (in place of the failure of an earlier epoch, or of the open wait, if
        there is one). If ``lease_until`` is given, the lease is extended, the task is running (if
        it was waiting), and its ``crashes`` are set back. The signal ``received`` is not waited for
        again; the ``child`` is stored; an ``undoable`` task is marked as such. A transaction of its
        own, also inside a unit. Gives whether the task is to pause.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
            DuplicateRow: the step has a result already; a result is never replaced.
        """
        told = recorded(self._database.ledger, step, fence.attempt)
        writes = [
            must_hold(fence, lease_until=lease_until),
            _recording(step, told),
        ]
        if received is not None:
            values = (to_micros(step.recorded_at), step.task_id, received)
            writes.append(Write(sql.RECEIVE_SIGNAL, values, partial(lost, fence)))
        held = (fence.task_id, fence.attempt, fence.owner)
        if child is not None:
            writes += [
                *adding(self._database.ledger, child, depends_on),
                Write(sql.MARK_SPAWNED, held),
            ]
        if undoable:
            writes.append(Write(sql.MARK_UNDOABLE, held))
        ((paused_at,),), *_ = await self._database.commit(writes)
        return paused_at is not None

    async def suspend(
        self, wait: StepRecord | None, fence: Fence, *, wake_at: datetime | None, now: datetime
    ) -> None:
        """The task is waiting, until ``wake_at`` if nothing comes before; remember the open
        ``wait``, if it is a new one. A transaction of its own, also inside a unit.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
            DuplicateRow: the wait is recorded already.
        """
        held = (fence.task_id, fence.attempt, fence.owner)
        values = (to_micros_if_any(wake_at), to_micros(now), *held)
        told = suspended(self._database.ledger, fence, to_micros(now))
        writes = [Write(sql.SUSPEND, values, partial(lost, fence), told)]
        if wait is not None:
            writes.append(_recording(wait))
        await self._database.commit(writes)

    async def beat(self, beat: Heartbeat, fence: Fence, *, lease_until: datetime) -> None:
        """Keep a heartbeat in place of the step's one before, and extend the lease.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
        """
        held = must_hold(fence, lease_until=lease_until)
        await self._database.commit([held, Write(sql.RECORD_HEARTBEAT, row_of_beat(beat))])

    async def beats_of(self, task_id: TaskId) -> Sequence[Heartbeat]:
        """The last heartbeat of each step of the task, by name and occurrence."""
        rows = await self._database.read(sql.HEARTBEATS_OF_TASK.sql, (task_id,), HEARTBEATS)
        return [beat_from_row(row) for row in rows]


def _recording(step: StepRecord, told: Told = ()) -> Write:
    refusal = partial(_recorded_before, step)
    if step.error is not None or step.awaits is not None or step.wake_at is not None:
        return Write(sql.RECORD_STEP, step_row(step), refusal, told)
    at = to_micros(step.recorded_at)
    result = (step.task_id, step.name, step.occurrence, step.seq, step.epoch, at, step.value)
    return Write(sql.RECORD_RESULT, result, refusal, told)


def step_row(step: StepRecord) -> Row:
    """A whole row of ``steps``."""
    return (
        step.task_id,
        step.name,
        step.occurrence,
        step.seq,
        step.epoch,
        to_micros(step.recorded_at),
        to_micros_if_any(step.wake_at),
        step.awaits,
        step.value,
        step.error,
    )


def step_from_row(row: Row) -> StepRecord:
    """The step that a row holds."""
    values = dict(zip(sql.STEP_COLUMNS, row, strict=True))
    values["recorded_at"] = from_micros(values["recorded_at"])
    values["wake_at"] = from_micros_if_any(values["wake_at"])
    return StepRecord(**values)


def row_of_beat(beat: Heartbeat) -> Row:
    """The row of a heartbeat."""
    return (beat.task_id, beat.name, beat.occurrence, to_micros(beat.beaten_at), beat.detail)


def beat_from_row(row: Row) -> Heartbeat:
    """The heartbeat that a row holds."""
    values = dict(zip(sql.HEARTBEAT_COLUMNS, row, strict=True))
    values["beaten_at"] = from_micros(values["beaten_at"])
    return Heartbeat(**values)


def _recorded_before(step: StepRecord) -> DuplicateRow:
    return DuplicateRow(
        f"Step {step.name!r} (occurrence {step.occurrence}) of task {step.task_id!r} is recorded"
        " already; the first record stands."
    )
