"""What is over, and goes."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from vespera.domain.task import TaskStatus


class TaskArchive(Protocol):
    """Removes finished tasks with all that belongs to them.

    A task goes if it is in one of the statuses, was last changed before a moment, and nothing that
    stays needs it: no unfinished task depends on it or is its parent, no task has it as its parent,
    no file operation of another on one of its paths is older than its own, which is judged by them.
    """

    async def count(self, statuses: Collection[TaskStatus], before: datetime) -> int:
        """How many tasks could go at once; others may follow them, as parents do."""
        ...

    async def purge(self, statuses: Collection[TaskStatus], before: datetime, *, limit: int) -> int:
        """Remove up to ``limit`` of them, the oldest first, in one transaction; gives how many.

        Their steps, progress, file operations and reports go with them, but for a report on which
        a task that stays was completed. Values of theirs that are in files are left to ``sweep``.
        """
        ...

    async def sweep(self, before: datetime) -> int:
        """Remove the files of values that nothing refers to any more, or never came to; gives how
        many. One that was written, or came to be referred to, at ``before`` or later stays.
        """
        ...
