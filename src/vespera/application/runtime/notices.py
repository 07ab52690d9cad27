"""Who waits to hear of a task, and is told without polling."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from vespera.domain.ids import TaskId
from vespera.domain.task import ENDED_BADLY, Task

Events = dict[asyncio.Event, None]  # told in the order in which they came


class Notices:
    """Wakes those of this process who wait for a task, and the worker when there may be work."""

    def __init__(self) -> None:
        self._waiting: dict[TaskId, Events] = {}
        self._listening: Events = {}
        self._ending: Events = {}
        self.closed = False

    def close(self) -> None:
        """Wake everybody for good: the container is being cleaned up."""
        self.closed = True
        _set_all(self._ending)
        self.all()

    @contextmanager
    def about(self, task_id: TaskId) -> Iterator[asyncio.Event]:
        """An event that is set whenever the task, or one it may hang on, has changed."""
        event = self._event()
        self._waiting.setdefault(task_id, {})[event] = None
        try:
            yield event
        finally:
            waiting = self._waiting[task_id]
            del waiting[event]
            if not waiting:
                del self._waiting[task_id]

    @contextmanager
    def of_work(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever a task may have become ready to run."""
        event = self._event()
        self._listening[event] = None
        try:
            yield event
        finally:
            del self._listening[event]

    @contextmanager
    def of_the_end(self) -> Iterator[asyncio.Event]:
        """An event that is set when the container is being cleaned up; others may set it too."""
        event = self._event()
        self._ending[event] = None
        try:
            yield event
        finally:
            del self._ending[event]

    def changed(self, task: Task) -> None:
        """Tell of a task's stored change. A dead end is told to all: any may hang on it."""
        if task.status in ENDED_BADLY or task.refused:
            self.all()
            return
        if self._waiting:
            _set_all(self._waiting.get(task.id, {}))
        if task.parent_id is not None and task.finished:
            _set_all(self._waiting.get(task.parent_id, {}))
        self.work()

    def news(self, task_id: TaskId) -> None:
        """Tell who waits for the task that something has come for it."""
        _set_all(self._waiting.get(task_id, {}))
        self.work()

    def all(self) -> None:
        """Tell everybody, as what has changed may concern any task."""
        for waiting in self._waiting.values():
            _set_all(waiting)
        self.work()

    def work(self) -> None:
        """Tell the worker that there may be something to do."""
        _set_all(self._listening)

    def _event(self) -> asyncio.Event:
        event = asyncio.Event()
        if self.closed:
            event.set()
        return event


def _set_all(events: Events) -> None:
    for event in events:
        event.set()
