"""Whole tasks, in SQL."""

from collections.abc import Sequence

from vespera.application.ports.histories import Relative, TaskHistory
from vespera.domain.errors import TaskNotFound
from vespera.domain.event import EventType
from vespera.domain.ids import TaskId
from vespera.domain.signal import Signal
from vespera.domain.task import Task, TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_notes import of_import
from vespera.infrastructure.persistence.cost_ledger import cost_from_row, row_of_cost
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.event_log import progress_from_row, row_of_progress
from vespera.infrastructure.persistence.file_operation_repository import (
    operation_from_row,
    row_of_operation,
)
from vespera.infrastructure.persistence.report_repository import report_from_row, row_of_report
from vespera.infrastructure.persistence.signal_repository import signal_from_row
from vespera.infrastructure.persistence.spilling import HEARTBEATS, SIGNALS, STEPS, TASKS
from vespera.infrastructure.persistence.statements import Entry, Row, Write
from vespera.infrastructure.persistence.step_repository import (
    beat_from_row,
    row_of_beat,
    step_from_row,
    step_row,
)
from vespera.infrastructure.persistence.task_repository import inserting, task_from_row
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import (
    storable_texts,
    to_json,
    to_micros,
    to_micros_if_any,
)

_QUERIES = (
    (sql.TASK_BY_ID, TASKS),
    (sql.RELATIVES_AWAITED, None),
    (sql.RELATIVES_SPAWNED, None),
    (sql.STEPS_OF_TASK, STEPS),
    (sql.SIGNALS_OF_TASK, SIGNALS),
    (sql.HEARTBEATS_OF_TASK, HEARTBEATS),
    (sql.PROGRESS_OF_TASK, None),
    (sql.OPERATIONS_OF_TASK, None),
    (sql.REPORT_OF_TASK, None),
    (sql.ENTRIES_OF_TASK, None),
)


class SqlTaskHistories:
    """Rows of all tables that a task has some in."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def get(self, task_id: TaskId) -> TaskHistory:
        """See ``TaskHistories.get``."""
        if not storable_texts([task_id]):
            raise TaskNotFound(task_id)
        queries = [(query.sql, (task_id,), holder) for query, holder in _QUERIES]
        found = await self._database.read_together(queries)
        task, awaited, spawned, steps, signals, beats, progress, operations, reports, costs = found
        if not task:
            raise TaskNotFound(task_id)
        return TaskHistory(
            task=task_from_row(task[0]),
            depends_on=tuple(map(_relative, awaited)),
            children=tuple(map(_relative, spawned)),
            steps=tuple(map(step_from_row, steps)),
            signals=tuple(map(signal_from_row, signals)),
            heartbeats=tuple(map(beat_from_row, beats)),
            progress=progress_from_row(progress[0]) if progress else None,
            operations=tuple(map(operation_from_row, operations)),
            report=report_from_row(reports[0]) if reports else None,
            costs=tuple(map(cost_from_row, costs)),
        )

    async def add(self, history: TaskHistory) -> None:
        """See ``TaskHistories.add``. What is told of it is that it came, not what it has been
        through elsewhere.
        """
        awaited = {each.id: each.freed for each in history.depends_on}
        writes = inserting(history.task, awaited, self._told(history.task))
        writes += [Write(sql.RECORD_STEP, step_row(step)) for step in history.steps]
        writes += [
            Write(sql.INSERT_OLD_SIGNAL, _row_of_signal(signal, place))
            for place, signal in enumerate(history.signals, 1)
        ]
        writes += [Write(sql.RECORD_HEARTBEAT, row_of_beat(beat)) for beat in history.heartbeats]
        if history.progress is not None:
            writes.append(Write(sql.RECORD_PROGRESS, row_of_progress(history.progress)))
        writes += [
            Write(sql.INSERT_OPERATION, row_of_operation(each)) for each in history.operations
        ]
        if history.report is not None:
            writes.append(Write(sql.INSERT_REPORT, row_of_report(history.report)))
        writes += [Write(sql.INSERT_COST, row_of_cost(each)) for each in history.costs]
        noted = of_import(self._database.ledger, history.task, history.operations)
        await store(self._database, [*writes, Write(sql.NOTHING, (), audited=noted)])

    def _told(self, task: Task) -> Sequence[Entry]:
        said = to_json({"status": task.status.value}, what="event")
        at = to_micros(task.updated_at)
        return self._database.ledger.told(EventType.IMPORTED, task.id, at, task.attempt, said)


def _relative(row: Row) -> Relative:
    task_id, title, status, *freed = row
    return Relative(id=task_id, title=title, status=TaskStatus(status), freed=freed == [1])


def _row_of_signal(signal: Signal, place: int) -> Row:
    """``place``: below the number of the task's news, which the next signal will be above."""
    moments = (to_micros(signal.sent_at), to_micros_if_any(signal.received_at))
    return (signal.task_id, signal.id, signal.name, *moments, place, signal.payload)
