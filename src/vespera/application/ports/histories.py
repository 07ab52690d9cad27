"""Whole tasks, with all that belongs to them, out of one database and into another."""

from dataclasses import dataclass
from typing import Protocol

from vespera.domain.cost import CostEntry
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import TaskId
from vespera.domain.progress import Progress
from vespera.domain.signal import Signal
from vespera.domain.step import Heartbeat, StepRecord
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Another task that one has to do with, and how it stood. One that it depended on and was
    ``freed`` of, it does not wait for any more.
    """

    id: TaskId
    title: str
    status: TaskStatus
    freed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHistory:
    """One task, and all that is stored of it, as of one moment. Values are encoded.

    ``report`` is the one on which the task was completed or refused.
    """

    task: Task
    depends_on: tuple[Relative, ...] = ()
    children: tuple[Relative, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    signals: tuple[Signal, ...] = ()
    heartbeats: tuple[Heartbeat, ...] = ()
    progress: Progress | None = None
    operations: tuple[FileOperation, ...] = ()
    report: Report | None = None
    costs: tuple[CostEntry, ...] = ()


class TaskHistories(Protocol):
    """Reads and stores whole tasks."""

    async def get(self, task_id: TaskId) -> TaskHistory:
        """All that is stored of the task, as of one moment.

        Raises:
            TaskNotFound: there is no such task.
        """
        ...

    async def add(self, history: TaskHistory) -> None:
        """Store a task with all that belongs to it, in one transaction. Whether its type has a
        gate, and how many of ``depends_on`` it waits for, is asked of this database.

        Raises:
            DuplicateRow: a task, an operation, a report or a cost of the same id is there, or a
                task with the same idempotency key, or one under way with the same dedup key.
            TaskNotFound: its parent, or one of ``depends_on``, is not there.
        """
        ...
