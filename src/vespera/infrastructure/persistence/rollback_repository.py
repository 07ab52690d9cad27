"""The journal of rollbacks, in SQL."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from vespera.domain.errors import DuplicateRow, RollbackBusy
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, OwnerId, RollbackId, TaskId
from vespera.domain.rollback import (
    UNDER_WAY,
    Obstacle,
    Rollback,
    RollbackConflict,
    RollbackState,
    RollbackStep,
    StepRow,
)
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.file_operation_repository import row_of_operation
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.values import (
    from_micros,
    from_path,
    from_state,
    storable_texts,
    to_json,
    to_micros,
    to_path,
    to_state,
)

_MOMENTS = ("began_at", "heard_at")
_FLAGS = ("tree", "partial")


class SqlRollbackRepository:
    """Rollbacks in the tables ``rollbacks`` and ``rollback_steps``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def begin(self, rollback: Rollback) -> None:
        """See ``RollbackRepository.begin``."""
        try:
            await self._database.commit([Write(sql.INSERT_ROLLBACK, _row_of(rollback))])
        except DuplicateRow:
            raise _another(rollback) from None

    async def take_over(self, rollback: Rollback, owner: OwnerId, now: datetime) -> Rollback:
        """See ``RollbackRepository.take_over``."""
        values = (owner, to_micros(now), rollback.id, rollback.owner)
        await self._database.commit([Write(sql.TAKE_ROLLBACK_OVER, values, _lost(rollback))])
        return replace(rollback, owner=owner, heard_at=now)

    async def plan(self, rollback: Rollback, steps: Sequence[StepRow], now: datetime) -> None:
        """See ``RollbackRepository.plan``."""
        known, new = RollbackState.PLANNING, RollbackState.ACTING
        rows = [Write(sql.INSERT_ROLLBACK_STEP, _row_of_step(rollback.id, one)) for one in steps]
        await self._database.commit([_heard(rollback, known, new, now), *rows])

    async def announce(
        self,
        rollback: Rollback,
        steps: Sequence[StepRow],
        operations: Sequence[FileOperation],
        now: datetime,
    ) -> None:
        """See ``RollbackRepository.announce``."""
        acting = RollbackState.ACTING
        rows = [_update(rollback, one) for one in steps]
        said = [Write(sql.INSERT_OPERATION, row_of_operation(one)) for one in operations]
        await self._database.commit([_heard(rollback, acting, acting, now), *rows, *said])

    async def settle(
        self,
        rollback: Rollback,
        steps: Sequence[StepRow],
        operations: Sequence[FileOperation],
        withdrawn: Collection[OperationId],
        now: datetime,
    ) -> None:
        """See ``RollbackRepository.settle``."""
        acting = RollbackState.ACTING
        rows = [_update(rollback, one) for one in steps]
        gone = [*withdrawn, *(one.id for one in operations)]
        removed = [Write(sql.WITHDRAW_INTENT, (operation_id,)) for operation_id in gone]
        said = [Write(sql.INSERT_OPERATION, row_of_operation(one)) for one in operations]
        heard = _heard(rollback, acting, acting, now)
        await self._database.commit([heard, *rows, *removed, *said])

    async def finish(self, rollback: Rollback, state: RollbackState, now: datetime) -> None:
        """See ``RollbackRepository.finish``."""
        values = (to_micros(now), state.value, rollback.id, rollback.owner)
        await self._database.commit([Write(sql.FINISH_ROLLBACK, values, _lost(rollback))])

    async def get(self, rollback_id: RollbackId) -> Rollback | None:
        """See ``RollbackRepository.get``."""
        if not storable_texts([rollback_id]):
            return None
        rows = await self._database.read(sql.ROLLBACK_BY_ID.sql, (rollback_id,))
        return _from_row(rows[0]) if rows else None

    async def of_task(self, task_id: TaskId) -> Sequence[Rollback]:
        """See ``RollbackRepository.of_task``."""
        if not storable_texts([task_id]):
            return []
        rows = await self._database.read(sql.ROLLBACKS_OF_TASK.sql, (task_id,))
        return [_from_row(row) for row in rows]

    async def under_way(self) -> Rollback | None:
        """See ``RollbackRepository.under_way``."""
        rows = await self._database.read(sql.ROLLBACK_UNDER_WAY.sql)
        return _from_row(rows[0]) if rows else None

    async def steps_of(self, rollback_id: RollbackId) -> Sequence[StepRow]:
        """See ``RollbackRepository.steps_of``."""
        if not storable_texts([rollback_id]):
            return []
        rows = await self._database.read(sql.STEPS_OF_ROLLBACK.sql, (rollback_id,))
        return [_step_from_row(row) for row in rows]


def _heard(rollback: Rollback, known: RollbackState, new: RollbackState, now: datetime) -> Write:
    values = (to_micros(now), new.value, rollback.id, rollback.owner, known.value)
    return Write(sql.HEAR_OF_ROLLBACK, values, _lost(rollback))


def _lost(rollback: Rollback) -> Callable[[], RollbackBusy]:
    return partial(
        RollbackBusy,
        f"The rollback {rollback.id!r} is over, or somebody else goes on with it; nothing was"
        " recorded.",
    )


def _another(rollback: Rollback) -> RollbackBusy:
    return RollbackBusy(
        f"Another rollback is under way in this workspace; {rollback.task_id!r} can be rolled back"
        " when it is over."
    )


def _row_of(rollback: Rollback) -> Row:
    return (
        rollback.id,
        rollback.task_id,
        rollback.owner,
        to_micros(rollback.began_at),
        to_micros(rollback.heard_at),
        rollback.attempt,
        int(rollback.tree),
        int(rollback.partial),
        rollback.state.value,
        1 if rollback.state in UNDER_WAY else None,
    )


def _from_row(row: Row) -> Rollback:
    values = dict(zip(sql.ROLLBACK_COLUMNS[:-1], row[:-1], strict=True))
    for name in _MOMENTS:
        values[name] = from_micros(values[name])
    for name in _FLAGS:
        values[name] = bool(values[name])
    return Rollback(**{**values, "state": RollbackState(values["state"])})


def _update(rollback: Rollback, row: StepRow) -> Write:
    values = (int(row.begun), int(row.over), _to_conflict(row.conflict), rollback.id, row.number)
    return Write(sql.UPDATE_ROLLBACK_STEP, values)


def _row_of_step(rollback_id: RollbackId, row: StepRow) -> Row:
    return (
        rollback_id,
        row.number,
        to_path(row.step.path),
        to_state(row.step.found),
        to_state(row.step.wanted),
        to_json(row.step.takes_back, what="takes_back"),
        to_json(row.operations, what="operations"),
        int(row.begun),
        int(row.over),
        _to_conflict(row.conflict),
    )


def _step_from_row(row: Row) -> StepRow:
    _, number, path, found, wanted, takes_back, operations, begun, over, conflict = row
    step = RollbackStep(
        path=from_path(path),
        found=from_state(found),
        wanted=from_state(wanted),
        takes_back=tuple(json.loads(takes_back)),
    )
    return StepRow(
        number=number,
        step=step,
        operations=tuple(json.loads(operations)),
        begun=bool(begun),
        over=bool(over),
        conflict=_from_conflict(step.path, conflict),
    )


def _to_conflict(conflict: RollbackConflict | None) -> str | None:
    if conflict is None:
        return None
    return to_json([conflict.obstacle.value, conflict.told, conflict.kept], what="conflict")


def _from_conflict(path: str, text: str | None) -> RollbackConflict | None:
    if text is None:
        return None
    obstacle, told, kept = json.loads(text)
    return RollbackConflict(path=path, obstacle=Obstacle(obstacle), told=told, kept=kept)
