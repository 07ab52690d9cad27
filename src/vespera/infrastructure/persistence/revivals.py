"""Tasks that run again after their end, and copies of them, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from vespera.domain.errors import StaleTask
from vespera.domain.ids import TaskId
from vespera.domain.revival import Revived
from vespera.domain.step import StepRecord
from vespera.domain.task import ENDED_BADLY, Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_notes import of_withdrawal
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.debouncing import alone
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.spilling import TASKS
from vespera.infrastructure.persistence.statements import Statement, Tally, Write, in_chunks
from vespera.infrastructure.persistence.step_repository import step_row
from vespera.infrastructure.persistence.task_events import retried, tally_of
from vespera.infrastructure.persistence.task_repository import adding, task_from_row
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import storable_texts, to_micros


class SqlRevivals:
    """Sets rows of ``tasks`` and of what hangs on them back."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def revive(self, revived: Sequence[Revived], *, reason: str, now: datetime) -> None:
        """All of the tasks are pending again; parents must come before their children.

        Raises:
            StaleTask: one of them cannot be set pending as it was read; nothing was written.
        """
        ledger, moment = self._database.ledger, to_micros(now)
        writes = [write for one in revived for write in _reviving(ledger, one, reason, moment)]
        await store(self._database, writes)

    async def fork(
        self, task: Task, depends_on: Sequence[TaskId], records: Sequence[StepRecord]
    ) -> None:
        """Store a new task together with records of it.

        Raises:
            DuplicateRow: the id exists already.
            TaskNotFound: a dependency does not exist.
        """
        copies = [Write(sql.COPY_STEP, step_row(record)) for record in records]
        writes = [*adding(self._database.ledger, task, depends_on), *copies]
        await store(self._database, writes)

    async def children_of(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        """The tasks that have one of these as their parent, by id."""
        return await self._many(sql.CHILDREN_OF_TASKS, task_ids)

    async def dependents_of(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        """The tasks that wait or waited for one of these, by id."""
        return await self._many(sql.DEPENDENTS_OF_TASKS, task_ids)

    async def _many(self, statement: Statement, task_ids: Collection[TaskId]) -> Sequence[Task]:
        found: dict[TaskId, Task] = {}
        for text, chunk in in_chunks(statement, storable_texts(task_ids)):
            for row in await self._database.read(text, chunk, TASKS):
                task = task_from_row(row)
                found[task.id] = task
        return [found[task_id] for task_id in sorted(found)]


def _reviving(ledger: Ledger, revived: Revived, reason: str, moment: int) -> list[Write]:
    task = revived.task
    counted = tally_of(task)
    values = (moment, revived.undoable, task.id, task.version)
    told = retried(ledger, task, reason, moment)
    change = Write(sql.REVIVE_TASK, values, partial(_stale, task), told, counted and _less(counted))
    epochs = task.failures + 1
    writes = [change, Write(sql.AGE_STEPS, (epochs, task.id)), *_set_right(ledger, revived, moment)]
    if task.dedup_key is not None:
        writes.insert(0, alone(task)._replace(refusal=partial(_stale, task)))
    return writes


def _set_right(ledger: Ledger, revived: Revived, moment: int) -> list[Write]:
    """What the task has left behind."""
    task = revived.task
    stale = partial(_stale, task)
    writes = [
        Write(sql.UNDO_STEP, (each.error, task.id, each.name, each.occurrence), stale)
        for each in revived.undone
    ]
    writes += [Write(sql.FORGET_STEP, (task.id, *key), stale) for key in revived.forgotten]
    for one in revived.withdrawn:
        noted = of_withdrawal(ledger, one, task.id, moment)
        writes.append(Write(sql.WITHDRAW_OPERATION, (one, task.id), stale, audited=noted))
    if task.status in ENDED_BADLY:
        writes.append(Write(sql.FREE_FOR_GOOD, (task.id,)))
    return writes


def _less(counted: Tally) -> Tally:
    return counted._replace(change=-1)


def _stale(task: Task) -> StaleTask:
    return StaleTask(
        f"Task {task.id!r} cannot be set pending as it was read (version {task.version}): somebody"
        " else changed it or one of its kin in the meantime; read it again."
    )
