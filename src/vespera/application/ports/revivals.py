"""Tasks that run again after their end, and copies of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.ids import TaskId
from vespera.domain.revival import Revived
from vespera.domain.step import StepRecord
from vespera.domain.task import Task


class Revivals(Protocol):
    """Sets ended tasks pending again, forks tasks, and finds who hangs on them."""

    async def revive(self, revived: Sequence[Revived], *, reason: str, now: datetime) -> None:
        """All of the tasks are pending, due at once, with no failures, no crashes, no error and no
        outcome; ``retries`` is one more. In the same transaction their records are aged, so that
        what had failed is of an earlier epoch, and changed as each one says.

        Those that ran although one of the tasks had failed do not wait for it again.

        Raises:
            StaleTask: one of them is not as it was read, is held by somebody, or is a child that
                goes with its parent, which has ended. Nothing was written.
        """
        ...

    async def fork(
        self, task: Task, depends_on: Sequence[TaskId], records: Sequence[StepRecord]
    ) -> None:
        """Store a new task together with records of it; as ``TaskRepository.add``.

        Raises:
            DuplicateRow: the id exists already.
            TaskNotFound: a dependency does not exist.
        """
        ...

    async def children_of(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        """The tasks that have one of these as their parent, by id."""
        ...

    async def dependents_of(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        """The tasks that wait or waited for one of these, by id."""
        ...
