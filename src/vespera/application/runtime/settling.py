"""Wait until nothing more will come of a task by itself."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.notices import Notices
from vespera.domain.errors import EngineStopped
from vespera.domain.ids import TaskId
from vespera.domain.task import GOING_ON, Task, TaskStatus

MOST_NAMED = 3


class Settling:
    """Waits for tasks by events. ``poll`` is how often to look for what another process has done
    to the task; None: the database belongs to this process alone.
    """

    def __init__(
        self,
        *,
        tasks: TaskRepository,
        flow: Flow,
        notices: Notices,
        clock: Clock,
        poll: timedelta | None,
    ) -> None:
        self._tasks, self._flow, self._notices, self._clock = tasks, flow, notices, clock
        self._poll = None if poll is None else poll.total_seconds()

    async def settled(self, task_id: TaskId, *, by_itself: bool = False) -> Task:
        """The task, once it is finished, or refused by the proof gate, or waits for a task that
        will never complete; or, if nobody else is waited for, is handed over to an outside worker,
        or paused.

        Raises:
            TaskNotFound: there is no such task.
            EngineStopped: the container was cleaned up meanwhile.
        """

        def enough(task: Task) -> bool:
            assigned = by_itself and task.status is TaskStatus.ASSIGNED
            return task.finished or task.refused or assigned

        return await self._until(task_id, enough, by_itself=by_itself)

    async def worked(self, task_id: TaskId) -> Task:
        """The task, once it is neither running nor will be: executed, handed over, finished,
        paused, or behind a task that will never complete. Errors as for ``settled``.
        """
        return await self._until(task_id, lambda task: task.status not in GOING_ON, by_itself=True)

    async def pause(self, task_id: TaskId, seconds: float) -> None:
        """Return after ``seconds``, or when the task has changed.

        Raises:
            EngineStopped: the container was cleaned up meanwhile.
        """
        with self._notices.about(task_id) as news:
            await self._hear(news, seconds)

    async def dead_ends(self, task: Task) -> str:
        """Which failed, cancelled or refused tasks block this one, in words; "" if none do."""
        if task.status is not TaskStatus.PENDING or not task.blockers:
            return ""
        found = await self._tasks.dead_ends_of(task.id)
        named = [f"{dead.id!r} ({dead.title}), which is {dead.status}" for dead in found]
        if len(named) > MOST_NAMED:
            named[MOST_NAMED:] = [f"and {len(named) - MOST_NAMED} more"]
        return f"it waits for {'; '.join(named)}" if named else ""

    async def _until(
        self, task_id: TaskId, enough: Callable[[Task], bool], *, by_itself: bool
    ) -> Task:
        with self._notices.about(task_id) as news:
            while True:
                news.clear()
                task = await self._tasks.get(task_id)
                if enough(task) or await self.dead_ends(task):
                    return task
                if by_itself and await self._flow.pauses(task):
                    return task
                await self._hear(news, self._poll)

    async def _hear(self, news: asyncio.Event, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await news.wait()
        if self._notices.closed:
            raise EngineStopped
