"""Many tasks: created together, run side by side, waited for."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from vespera.application.runtime.event_feed import EventFeed
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase, TaskFilter, TaskPage
from vespera.application.usecases.purge_tasks import PurgeTasksResult, PurgeTasksUseCase
from vespera.application.workflows.send_signal import SendSignalUseCase, SignalResult
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import EngineStopped, InvalidRequest, RequestError
from vespera.domain.event import LARGEST_ID, TaskEvent, event_types_of
from vespera.domain.ids import TaskId
from vespera.domain.request import parse_request, seconds_of, task_id_of
from vespera.domain.retry import whole_number_of
from vespera.domain.task import Completion, Task, TaskRequest, TaskStatus


class TaskOrchestrator(TaskExecutionWorkflow):
    """All that a workflow does for one task, and what many tasks need."""

    def __init__(
        self,
        *,
        machinery: Machinery,
        signals: SendSignalUseCase,
        inspection: InspectTasksUseCase,
        feed: EventFeed,
        purging: PurgeTasksUseCase,
    ) -> None:
        super().__init__(machinery=machinery)
        self._signals = signals
        self._inspection, self._feed, self._purging = inspection, feed, purging

    async def start(self) -> None:
        """Run ready tasks in the background until ``stop``. Safe to repeat."""
        self._m.worker.keep_working()

    async def stop(self) -> None:
        """Claim no more tasks; what is under way goes on. Safe to repeat."""
        await self._m.worker.rest()

    async def create_tasks(
        self, requests: Iterable[TaskRequest | Mapping[str, object]]
    ) -> list[TaskResult]:
        """Store all of the tasks in one transaction, or none of them.

        A task may depend on another of the same call by its ``task_id``.

        Returns:
            A result per request, in order; if one request is bad, all say so.
        """
        try:
            asked = list(requests)
        except TypeError as error:
            told = f"requests: expected a list of requests: {error}"
            return [TaskResult(success=False, error=told)]
        return await self._create([(request, {}) for request in asked])

    async def wait_for_completion(
        self,
        task_id: str,
        timeout: float | None = None,
    ) -> TaskResult:
        """Wait until nothing more will come of the task, running what is ready meanwhile.

        That is: it is completed, failed or cancelled; or the proof gate refused it; or it waits
        for a task that will never complete. ``success`` says that it is completed.

        Raises:
            TimeoutError: it takes longer than ``timeout`` seconds; the message says how it stands.
        """
        try:
            seconds = seconds_of(timeout, "timeout")
            async with self._m.clock.timeout(seconds), self._m.worker.engaged():
                task = await self._m.settling.settled(task_id_of(task_id))
        except RequestError as error:
            return TaskResult(success=False, error=str(error))
        except EngineStopped as error:
            return TaskResult(success=False, error=str(error), task_id=TaskId(task_id))
        except TimeoutError as error:
            stands = await self.get_task_status(task_id)
            raise TimeoutError(
                f"Task {task_id!r} ({stands.title}) is {stands.status} after {timeout:g} s."
            ) from error
        return await self._as_it_stands(task)

    async def signal(
        self, task_id: str, name: str, payload: object = None, *, signal_id: str | None = None
    ) -> SignalResult:
        """Send ``payload`` to ``task.wait_for_signal(name)``; see ``SendSignalUseCase.signal``."""
        return await self._signals.signal(task_id, name, payload, signal_id=signal_id)

    async def approve(
        self, task_id: str, *, name: str = "", by: str = "", comment: str = ""
    ) -> SignalResult:
        """Say yes to ``task.wait_for_approval(..., name=name)``."""
        return await self._signals.approve(task_id, name=name, by=by, comment=comment)

    async def reject(
        self, task_id: str, *, name: str = "", by: str = "", comment: str = ""
    ) -> SignalResult:
        """Say no to it."""
        return await self._signals.reject(task_id, name=name, by=by, comment=comment)

    async def run_until_idle(self) -> None:
        """Run everything that can run, now or after a delay, until nothing is left to run.

        A task that waits for something which no moment ends, as a signal, holds nothing up.

        Raises:
            StorageError: the database cannot be asked for work.
            EngineStopped: the container was cleaned up meanwhile.
        """
        await self._m.worker.until_idle()

    async def run_all(
        self,
        requests: Iterable[TaskRequest | Mapping[str, object]],
        *,
        timeout: float | None = None,
    ) -> list[TaskResult]:
        """Create all of the tasks, run them side by side, and complete each when it is proven.

        Returns when nothing more will come of any of them by itself; one that no specialist does
        is ``assigned`` then.

        Returns:
            A result per request, in order.

        Raises:
            TimeoutError: it takes longer than ``timeout`` seconds; the tasks go on later.
        """
        asked = list(requests)
        try:
            seconds = seconds_of(timeout, "timeout")
            typed = [parse_request(r, {"completion": Completion.AUTO}) for r in asked]
        except InvalidRequest as error:
            return [TaskResult(success=False, error=str(error)) for _ in asked]
        results = await self.create_tasks(typed)
        if not all(result.success for result in results):
            return results
        done = 0
        try:
            async with self._m.clock.timeout(seconds), self._m.worker.engaged():
                for done, created in enumerate(results):
                    results[done] = await self._ended(created)
        except TimeoutError as error:
            raise TimeoutError(
                f"{len(results) - done} of {len(results)} tasks are not finished after"
                f" {timeout:g} s; the first of them is {results[done].task_id!r}."
            ) from error
        return results

    async def tasks(self, **search: Unpack[TaskFilter]) -> TaskPage:
        """One page of the tasks that are as asked, the newest first unless ``order="oldest"``.

        Give the ``next`` of a page as ``after`` for the page behind it; what is created meanwhile
        shifts nothing. See ``TaskSearch`` for the fields; ``status`` is one status or several.

        Returns:
            The page; ``success=False`` with an ``error`` that names the field if one is wrong.
        """
        return await self._inspection.search_tasks(search)

    async def count_tasks(self) -> Mapping[str, Mapping[TaskStatus, int]]:
        """How many tasks there are, by specialist type and status; none are left out."""
        return await self._m.tasks.count_by_type()

    def events(
        self,
        task_id: str | None = None,
        *,
        after: int = 0,
        types: Collection[str] | None = None,
    ) -> AsyncIterator[TaskEvent]:
        """What happened and what happens, in the order of commits, from whichever process.

        With ``events="all"`` in the container's settings each change is told; by default, how
        attempts and tasks ended, and progress.

        Args:
            task_id: of this task alone, until it is finished; by default of all tasks, for ever.
            after: the ``id`` of the last event that you have seen; 0 begins with the oldest that is
                kept, ``await newest_event()`` with what is still to come.
            types: only events of these types.

        Raises:
            InvalidRequest: at the call, an argument makes no sense; the error names it.
            TaskNotFound: at the first event, there is no such task.
            EngineStopped: the container was cleaned up meanwhile.
        """
        place = whole_number_of(after, "after", least=0, most=LARGEST_ID)
        kinds = None if types is None else event_types_of(types)
        if task_id is None:
            return self._feed.of_all(place, kinds)
        return self._feed.of_task(task_id_of(task_id), place, kinds)

    async def newest_event(self) -> int:
        """The id of the last event that is stored; 0 if there is none."""
        return await self._feed.newest()

    async def purge(
        self,
        older_than: timedelta | float,
        statuses: str | Collection[str] | None = None,
        *,
        dry_run: bool = False,
    ) -> PurgeTasksResult:
        """Remove the finished tasks that were last changed longer ago than ``older_than``, and the
        events that are older; their idempotency keys are free again.

        What an unfinished task depends on stays, and so does the parent of a task that stays.

        Args:
            older_than: an age; a number is in seconds.
            statuses: "completed", "failed", "cancelled" or several of them; by default all.
            dry_run: count what could go at once, and remove nothing.
        """
        return await self._purging.purge(older_than, statuses, dry_run=dry_run)

    async def _ended(self, created: TaskResult) -> TaskResult:
        try:
            task = await self._m.settling.settled(TaskId(str(created.task_id)), handed_over=True)
        except EngineStopped as error:
            return replace(created, success=False, error=str(error))
        return await self._as_it_stands(task)

    async def _as_it_stands(self, task: Task) -> TaskResult:
        if task.finished and not task.error:
            return self._result(task)
        why, refused = await self._why_not(task), await self._refused(task)
        return self._result(task, error=why, findings=refused)


AsyncTaskOrchestrator = TaskOrchestrator
