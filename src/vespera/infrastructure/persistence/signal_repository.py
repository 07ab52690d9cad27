"""What is sent to tasks, in SQL."""

from collections.abc import Sequence
from functools import partial

from vespera.domain.errors import DuplicateRow, TaskOver
from vespera.domain.ids import TaskId
from vespera.domain.signal import Signal
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import SIGNALS
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import from_micros, from_micros_if_any, to_micros


class SqlSignalRepository:
    """Signals in the table ``signals``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def send(self, signal: Signal) -> None:
        """Keep the signal for its task, and let the task know.

        Raises:
            DuplicateRow: the task has a signal of this id already.
            TaskOver: the task is finished, or there is none.
        """
        writes = [
            Write(sql.TELL, (signal.task_id,), partial(_over, signal.task_id)),
            Write(sql.INSERT_SIGNAL, _to_row(signal), partial(_sent_before, signal)),
        ]
        await store(self._database, writes)

    async def oldest(self, task_id: TaskId, name: str) -> Signal | None:
        """The first that was stored under this name, of those that the task has not received."""
        rows = await self._database.read(sql.OLDEST_SIGNAL.sql, (task_id, name), SIGNALS)
        return signal_from_row(rows[0]) if rows else None

    async def of_task(self, task_id: TaskId) -> Sequence[Signal]:
        """All that was sent to the task, in the order in which it was stored."""
        rows = await self._database.read(sql.SIGNALS_OF_TASK.sql, (task_id,), SIGNALS)
        return [signal_from_row(row) for row in rows]


def _to_row(signal: Signal) -> Row:
    return (
        signal.task_id,
        signal.id,
        signal.name,
        to_micros(signal.sent_at),
        None,
        signal.task_id,  # whose news count gives the place
        signal.payload,
    )


def signal_from_row(row: Row) -> Signal:
    """The signal that a row holds."""
    values = dict(zip(sql.SIGNAL_COLUMNS, row, strict=True))
    del values["seq"]
    values["sent_at"] = from_micros(values["sent_at"])
    values["received_at"] = from_micros_if_any(values["received_at"])
    return Signal(**values)


def _over(task_id: TaskId) -> TaskOver:
    return TaskOver(f"Task {task_id!r} is finished, or there is none; nobody receives signals.")


def _sent_before(signal: Signal) -> DuplicateRow:
    return DuplicateRow(f"Task {signal.task_id!r} has a signal {signal.id!r} already.")
