"""Events as they come: what is stored, then what is added, from whichever process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import timedelta

from vespera.application.ports.clock import Clock
from vespera.application.ports.events import EventLog
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.notices import Notices
from vespera.domain.errors import EngineStopped
from vespera.domain.event import EventType, TaskEvent
from vespera.domain.ids import TaskId


class EventFeed:
    """Follows the log of events. ``poll`` is how often to look for what other processes have
    committed; None: the database belongs to this process alone.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        tasks: TaskRepository,
        notices: Notices,
        clock: Clock,
        poll: timedelta | None,
    ) -> None:
        self._log, self._tasks = log, tasks
        self._notices, self._clock = notices, clock
        self._poll = None if poll is None else poll.total_seconds()

    async def newest(self) -> int:
        """The id of the last event that is stored; 0 if there is none."""
        return await self._log.newest()

    async def of_task(
        self, task_id: TaskId, after: int, types: Collection[EventType] | None
    ) -> AsyncIterator[TaskEvent]:
        """The task's events behind ``after``; ends when the task is finished and all is told, or
        when the task is purged.

        Raises:
            TaskNotFound: there is no such task.
            EngineStopped: the container was cleaned up meanwhile.
        """
        task = await self._tasks.get(task_id)
        after = after or await self._log.begin_of(task.created_at)
        with self._news() as news:
            while True:
                news.clear()
                found = await self._tasks.find([task_id])  # before the page, which is newer then
                page = await self._log.page(after, task_id=task_id, types=types)
                for event in page.events:
                    yield event
                after = page.upto
                if page.more:
                    continue
                if task_id not in found or found[task_id].finished:
                    return
                await self._hear(news)

    async def of_all(
        self, after: int, types: Collection[EventType] | None
    ) -> AsyncIterator[TaskEvent]:
        """All events behind ``after``; never ends.

        Raises:
            EngineStopped: the container was cleaned up meanwhile.
        """
        with self._news() as news:
            while True:
                news.clear()
                page = await self._log.page(after, types=types)
                for event in page.events:
                    yield event
                after = page.upto
                if not page.more:
                    await self._hear(news)

    @contextlib.contextmanager
    def _news(self) -> Iterator[asyncio.Event]:
        with self._notices.of_the_end() as news, self._log.heard(news):
            yield news

    async def _hear(self, news: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(self._poll):
                await news.wait()
        if self._notices.closed:
            raise EngineStopped
