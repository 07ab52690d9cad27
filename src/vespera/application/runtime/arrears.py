"""What an engine could not do when it should have: tasks to let go of, and to call off."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.failures import called_off
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.runs import OpenAttempt, Stop
from vespera.domain.errors import StaleTask, StorageError
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task


class Arrears:
    """Tasks whose attempt is over and which are ours still, and those that are to be cancelled.

    ``due``: there may be some. Whoever may leave one behind sets it before anything else can
    happen; it is false again only when all has been looked through since.
    """

    def __init__(
        self,
        tasks: TaskRepository,
        notices: Notices,
        clock: Clock,
        owner: Callable[[], OwnerId | None],
        *,
        runs: Mapping[TaskId, OpenAttempt],
        interrupt: Callable[[OpenAttempt, Stop, str], None],
    ) -> None:
        """``owner`` says under which id tasks are held here, once any are; ``runs`` are the
        attempts under way, at each moment; ``interrupt`` breaks one off.
        """
        self._tasks, self._notices, self._clock, self._owner = tasks, notices, clock, owner
        self._runs, self._interrupt = runs, interrupt
        self._unreleased: dict[TaskId, int] = {}  # in which attempt
        self.due = False

    async def make_up(self) -> None:
        """Let go of what is held here without need, and cancel what is to be cancelled, as far as
        it is held here or by nobody; durable on return. What has something to undo becomes ready,
        and undoes it when it is claimed. What is under way is interrupted.

        Raises:
            StorageError: the database could not do all of it; it is ``due`` still.
        """
        self.due = False
        try:
            await self._release()
            again = True
            while again:  # what was cancelled may have children, who are called off with it
                again = await self._call_off()
        except BaseException:
            self.due = True
            raise

    async def let_go(self, claimed: Task) -> None:
        """Release a task whose attempt broke off; later, if the database cannot do it now."""
        self.keep(claimed)
        with suppress(StorageError, StaleTask):
            await self._tasks.save(claimed.release(self._clock.now()))
            self._unreleased.pop(claimed.id, None)

    def keep(self, claimed: Task) -> None:
        """Remember a task that could not be released."""
        self._unreleased[claimed.id] = claimed.attempt
        self.due = True

    async def release(self) -> None:
        """Release what is held here without need, as far as the database can do it."""
        with suppress(StorageError):
            await self._release()

    async def _release(self) -> None:
        if not self._unreleased:
            return
        found = await self._tasks.find(self._unreleased)
        for task_id, attempt in list(self._unreleased.items()):
            if (task := found.get(task_id)) and task.attempt == attempt and self._is_ours(task):
                with suppress(StaleTask):  # somebody else has it
                    released = replace(task, run_after=None).release(self._clock.now())
                    await self._tasks.save(released)
                    self._notices.changed(released)
            if self._unreleased.get(task_id) == attempt:
                del self._unreleased[task_id]

    def _is_ours(self, task: Task) -> bool:
        return task.owner is not None and task.owner == self._owner()

    async def _call_off(self) -> bool:
        """Whether it is to be looked again."""
        again = False
        for task in await self._tasks.called_off(self._owner()):
            if task.id in self._runs:
                self._interrupt(self._runs[task.id], Stop.CANCEL, task.cancelling or "")
            elif task.owner is None and not task.undoable:
                again |= await self._cancel(task)
        return again

    async def _cancel(self, task: Task) -> bool:
        """Whether it had children, or has changed meanwhile."""
        cancelled = task.cancel(called_off(task.cancelling or ""), self._clock.now())
        try:
            await self._tasks.save(cancelled)
        except StaleTask:
            return True
        self._notices.changed(cancelled)
        return cancelled.spawned
