"""Wait until nothing more will come of a task by itself."""

import asyncio
import contextlib
from datetime import timedelta

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.notices import Notices
from vespera.domain.ids import TaskId
from vespera.domain.task import Completion, Task, TaskStatus

MOST_NAMED = 3
UNDER_WAY = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING})


class Settling:
    """Waits for tasks by events. ``poll`` is how often to look for what another process has done
    to the task; None: the database belongs to this process alone.
    """

    def __init__(
        self, *, tasks: TaskRepository, notices: Notices, clock: Clock, poll: timedelta | None
    ) -> None:
        self._tasks, self._notices, self._clock = tasks, notices, clock
        self._poll = None if poll is None else poll.total_seconds()

    async def settled(self, task_id: TaskId) -> Task:
        """The task, once it is finished, or refused by the proof gate, or waits for a task that
        will never complete.

        Raises:
            TaskNotFound: there is no such task.
        """
        with self._notices.about(task_id) as news:
            while True:
                news.clear()
                task = await self._tasks.get(task_id)
                if task.finished or _refused(task) or await self.dead_ends(task):
                    return task
                await self._hear(news)

    async def at_rest(self, task_id: TaskId) -> Task:
        """The task, once nobody works on it and nothing is due: neither running nor ready to.

        Raises:
            TaskNotFound: there is no such task.
        """
        with self._notices.about(task_id) as news:
            while True:
                news.clear()
                task = await self._tasks.get(task_id)
                if task.status not in UNDER_WAY or task.blockers:
                    return task
                await self._hear(news)

    async def dead_ends(self, task: Task) -> str:
        """Which failed or cancelled tasks block this one for good, in words; "" if none do."""
        if task.status is not TaskStatus.PENDING or not task.blockers:
            return ""
        found = await self._tasks.dead_ends_of(task.id)
        named = [f"{dead.id!r} ({dead.title}), which is {dead.status}" for dead in found]
        if len(named) > MOST_NAMED:
            named[MOST_NAMED:] = [f"and {len(named) - MOST_NAMED} more"]
        return f"it waits for {'; '.join(named)}" if named else ""

    async def _hear(self, news: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(self._poll):
                await news.wait()


def _refused(task: Task) -> bool:
    return (
        task.status is TaskStatus.EXECUTED
        and task.completion is Completion.AUTO
        and task.error is not None
    )
