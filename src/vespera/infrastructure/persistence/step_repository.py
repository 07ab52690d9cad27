"""What is remembered of steps, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from vespera.domain.errors import DuplicateRow
from vespera.domain.ids import TaskId
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.fence import must_hold
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.values import from_micros, to_micros


class SqlStepRepository:
    """Steps in the table ``steps``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def of_task(self, task_id: TaskId) -> Sequence[StepRecord]:
        """All records of the task, in the order of ``seq``."""
        rows = await self._database.read(sql.STEPS_OF_TASK.sql, (task_id,))
        return [_from_row(row) for row in rows]

    async def record(
        self, step: StepRecord, fence: Fence, *, lease_until: datetime | None = None
    ) -> None:
        """Remember a step (in place of the failure of an earlier epoch, if there is one), and
        extend the lease if ``lease_until`` is given, which also sets back the task's ``crashes``. A
        transaction of its own, also inside a unit.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
            DuplicateRow: the step has a result already; a result is never replaced.
        """
        writes = [
            must_hold(fence, lease_until=lease_until),
            Write(sql.RECORD_STEP, _to_row(step), partial(_recorded_before, step)),
        ]
        await self._database.commit(writes)

    async def beat(self, beat: Heartbeat, fence: Fence, *, lease_until: datetime) -> None:
        """Keep a heartbeat in place of the step's one before, and extend the lease.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
        """
        moment = to_micros(beat.beaten_at)
        values = (beat.task_id, beat.name, beat.occurrence, moment, beat.detail)
        held = must_hold(fence, lease_until=lease_until)
        await self._database.commit([held, Write(sql.RECORD_HEARTBEAT, values)])

    async def beats_of(self, task_id: TaskId) -> Sequence[Heartbeat]:
        """The last heartbeat of each step of the task, by name and occurrence."""
        rows = await self._database.read(sql.HEARTBEATS_OF_TASK.sql, (task_id,))
        return [_beat_from_row(row) for row in rows]


def _to_row(step: StepRecord) -> Row:
    return (
        step.task_id,
        step.name,
        step.occurrence,
        step.seq,
        step.epoch,
        to_micros(step.recorded_at),
        step.value,
        step.error,
    )


def _from_row(row: Row) -> StepRecord:
    values = dict(zip(sql.STEP_COLUMNS, row, strict=True))
    values["recorded_at"] = from_micros(values["recorded_at"])
    return StepRecord(**values)


def _beat_from_row(row: Row) -> Heartbeat:
    values = dict(zip(sql.HEARTBEAT_COLUMNS, row, strict=True))
    values["beaten_at"] = from_micros(values["beaten_at"])
    return Heartbeat(**values)


def _recorded_before(step: StepRecord) -> DuplicateRow:
    return DuplicateRow(
        f"Step {step.name!r} (occurrence {step.occurrence}) of task {step.task_id!r} is recorded"
        " already; the first record stands."
    )
