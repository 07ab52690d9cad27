"""What happened to tasks, in the order in which it was committed, and how far they have come."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vespera.domain.event import EventType, TaskEvent
from vespera.domain.ids import TaskId
from vespera.domain.progress import Progress
from vespera.domain.step import Fence


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events. ``upto``: the id behind which the next page begins; ``more``: there may be one
    already.
    """

    events: Sequence[TaskEvent]
    upto: int
    more: bool


class EventLog(Protocol):
    """Events, which the repositories store in the transactions of what they tell."""

    async def page(
        self,
        after: int = 0,
        *,
        task_id: TaskId | None = None,
        types: Collection[EventType] | None = None,
        limit: int = 500,
    ) -> EventPage:
        """Up to ``limit`` events behind ``after``, in the order of their ids: of one task or of
        all, of these types or of all.
        """
        ...

    async def begin_of(self, moment: datetime) -> int:
        """An id behind which everything is that was committed with events of ``moment`` or
        later; little is behind it that is older.
        """
        ...

    async def newest(self) -> int:
        """The id of the last event; 0 if there is none."""
        ...

    def heard(self, news: asyncio.Event) -> AbstractContextManager[None]:
        """In the block, ``news`` is set whenever this process has committed something."""
        ...

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Remove the events of up to ``limit`` of the oldest commits, if all of them are older
        than ``before``; gives of how many. The newest commit's stay, so that no id comes again.
        """
        ...


class ProgressRepository(Protocol):
    """How far tasks have come; one row a task, replaced by what is newer."""

    async def record(self, progress: Progress, fence: Fence) -> None:
        """Remember it; a transaction of its own.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
        """
        ...

    async def of_task(self, task_id: TaskId) -> Progress | None:
        """The last that was said, if anything was."""
        ...
