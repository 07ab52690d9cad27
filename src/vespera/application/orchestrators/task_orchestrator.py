"""Many tasks: created together, run side by side, waited for."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from vespera.application.orchestrators import pausing
from vespera.application.orchestrators.pausing import TypeResult
from vespera.application.runtime.event_feed import EventFeed
from vespera.application.runtime.schedule_book import ScheduleResult
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase, TaskFilter, TaskPage
from vespera.application.usecases.move_tasks import MoveTasksUseCase
from vespera.application.usecases.purge_tasks import PurgeTasksResult, PurgeTasksUseCase
from vespera.application.workflows.fork_task import ForkTaskUseCase
from vespera.application.workflows.moving_workflow import MovingWorkflow
from vespera.application.workflows.retry_task import RetryTaskUseCase
from vespera.application.workflows.reviving_workflow import RevivingWorkflow
from vespera.application.workflows.send_signal import SendSignalUseCase, SignalResult
from vespera.application.workflows.task_execution_workflow import Machinery
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import (
    EngineStopped,
    InvalidRequest,
    PayloadError,
    RequestError,
    StaleSchedule,
)
from vespera.domain.event import LARGEST_ID, TaskEvent, event_types_of
from vespera.domain.ids import TaskId
from vespera.domain.request import Given, parse_request, requests_of, seconds_of, task_id_of
from vespera.domain.retry import whole_number_of
from vespera.domain.schedule import TaskSchedule
from vespera.domain.task import Completion, Task, TaskRequest, TaskStatus


class TaskOrchestrator(RevivingWorkflow, MovingWorkflow):
    """All that a workflow does for one task, and what many tasks need."""

    def __init__(
        self,
        *,
        machinery: Machinery,
        retrying: RetryTaskUseCase,
        forking: ForkTaskUseCase,
        signals: SendSignalUseCase,
        inspection: InspectTasksUseCase,
        feed: EventFeed,
        purging: PurgeTasksUseCase,
        moving: MoveTasksUseCase,
    ) -> None:
        super().__init__(machinery=machinery, retrying=retrying, forking=forking)
        self._signals, self._moving = signals, moving
        self._inspection, self._feed, self._purging = inspection, feed, purging

    async def start(self) -> None:
        """Run ready tasks in the background until ``stop``. Safe to repeat.

        Raises:
            ForeignEventLoop: the container was used in another event loop before.
        """
        self._m.worker.keep_working()

    async def stop(self, *, drain: float | None = None) -> None:
        """Undo ``start``: claim no more tasks. Safe to repeat.

        Args:
            drain: None: what is under way goes on behind this call. Otherwise all of it, also what
                ``run`` and ``execute_task`` have begun, may end within so many seconds, and what
                has not is interrupted then: handlers clean up, and the tasks are pending again,
                for this or any other worker. A task that only waits for something is let go at
                once. This returns when nothing is under way any more.
                Called again meanwhile with 0, it interrupts at once.

        Raises:
            InvalidRequest: ``drain`` is no number of seconds from 0 to ten years.
            ForeignEventLoop: the container was started in another event loop, and may be at work.
        """
        if drain is None:
            await self._m.worker.rest()
        else:
            await self._m.worker.drain(seconds_of(drain, "drain"))

    async def create_tasks(
        self, requests: Iterable[TaskRequest | Mapping[str, object]]
    ) -> list[TaskResult]:
        """Store all of the tasks in one transaction, or none of them.

        A task may depend on another of the same call by its ``task_id``.

        Returns:
            A result per request, in order; if one request is bad, all say so.
        """
        try:
            asked = requests_of(requests)
        except InvalidRequest as error:
            return [TaskResult(success=False, error=str(error))]
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
            why = f": {stands.waits_for}" if stands.waits_for else ""
            raise TimeoutError(
                f"Task {task_id!r} ({stands.title}) is {stands.status} after {timeout:g} s{why}."
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
        try:
            asked = requests_of(requests)
        except InvalidRequest as error:
            return [TaskResult(success=False, error=str(error))]
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
            first = await self.get_task_status(str(results[done].task_id))
            why = f" ({first.waits_for})" if first.waits_for else ""
            raise TimeoutError(
                f"{len(results) - done} of {len(results)} tasks are not finished after"
                f" {timeout:g} s; the first of them is {first.task_id!r}{why}."
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

    async def pause_type(self, specialist_type: str) -> TypeResult:
        """Let no task of this type begin, in any process, until ``resume_type``; durable.

        What runs goes on to its end. Safe to repeat.
        """
        return await pausing.pause_type(self._m.flow, specialist_type)

    async def resume_type(self, specialist_type: str) -> TypeResult:
        """Undo ``pause_type``; ``success`` is False if the type was not paused."""
        return await pausing.resume_type(self._m.flow, specialist_type)

    async def paused_types(self) -> list[str]:
        """The types that are paused, sorted."""
        gates = await self._m.flow.all_gates()
        return sorted(kind for kind, gate in gates.items() if gate.paused_at is not None)

    async def pause_task(self, task_id: str) -> TaskResult:
        """Let the task not begin, or stop it at the end of its next step, until ``resume_task``.

        Durable, and for all processes. What its steps have recorded is kept; a handler without
        steps runs to its end. ``success`` is False if nothing would happen to the task anyway.
        """
        return await self._told_of(task_id, self._m.flow.pause_task, "paused")

    async def resume_task(self, task_id: str) -> TaskResult:
        """Undo ``pause_task``; ``success`` is False if the task was not paused."""
        return await self._told_of(task_id, self._m.flow.resume_task, "resumed")

    async def _told_of(
        self, task_id: str, change: Callable[[TaskId], Awaitable[bool]], what: str
    ) -> TaskResult:
        try:
            changed = await change(task_id_of(task_id))
        except RequestError as error:
            return TaskResult(success=False, error=str(error))
        stands = await self.get_task_status(task_id)
        if changed or not stands.success:
            return stands
        kept = "is not paused" if what == "resumed" else f"is {stands.status}"
        why = f"Task {task_id!r} {kept}; it cannot be {what}."
        return replace(stands, success=False, error=why)

    async def schedule(
        self,
        name: str,
        request: Given = None,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        time_zone: str = "UTC",
        catch_up: str = "one",
        most_catch_up: int = 100,
        overlap: str = "allow",
        **fields: object,
    ) -> ScheduleResult:
        """Have a task created again and again, by whichever worker sees that its moment has come.

        Each moment gets one task, however many workers there are, and whenever one of them dies.
        Its payload has the moment as ``scheduled_at``. The same name again replaces the schedule;
        if it says the same, nothing changes. A replaced schedule stays paused, if it was.

        Args:
            name: what the schedule is called; there is one of each name.
            request: as for ``create_task``; without ``completion`` the tasks complete by
                themselves.
            cron: minute hour day month weekday, as ``"0 3 * * mon-fri"``, or ``"@daily"``.
            every: instead of ``cron``: so many seconds apart, 1 or more; the first after as many.
            time_zone: in which ``cron`` is read, as ``"Europe/Berlin"``.
            catch_up: which of the moments that nobody saw come get a task: "one" (the last of
                them), "all" (the last ``most_catch_up``), or "none".
            most_catch_up: how many at most.
            overlap: "allow", or "skip": no task while that of an earlier moment is not finished.
            fields: the request's fields as keywords.
        """
        terms = {
            "name": name,
            "cron": cron,
            "every": every,
            "time_zone": time_zone,
            "catch_up": catch_up,
            "most_catch_up": most_catch_up,
            "overlap": overlap,
        }
        return await self._m.schedule_book.put(terms, request, fields)

    async def unschedule(self, name: str) -> ScheduleResult:
        """Forget a schedule. The tasks that it has created stay."""
        return await self._m.schedule_book.remove(name)

    async def schedules(self) -> list[TaskSchedule]:
        """All schedules, by name."""
        return list(await self._m.schedule_book.all())

    async def pause_schedule(self, name: str) -> ScheduleResult:
        """Create no tasks of this schedule until ``resume_schedule``, in no worker."""
        return await self._m.schedule_book.pause(name)

    async def resume_schedule(self, name: str) -> ScheduleResult:
        """Go on with the first moment after now; what came in between is not made up for."""
        return await self._m.schedule_book.resume(name)

    async def trigger(self, name: str) -> TaskResult:
        """Create a task of the schedule now, also if it is paused or another one is under way."""
        try:
            task, created = await self._m.schedule_book.trigger(name)
            return replace(self._result(task), created=created)
        except (RequestError, PayloadError, StaleSchedule) as error:
            return TaskResult(success=False, error=str(error))

    async def _ended(self, created: TaskResult) -> TaskResult:
        try:
            task = await self._m.settling.settled(TaskId(str(created.task_id)), by_itself=True)
        except EngineStopped as error:
            return replace(created, success=False, error=str(error))
        return replace(await self._as_it_stands(task), created=created.created)

    async def _as_it_stands(self, task: Task) -> TaskResult:
        if task.finished and not task.error:
            return self._result(task)
        why, refused = await self._why_not(task), await self._refused(task)
        return self._result(task, error=why, findings=refused)


AsyncTaskOrchestrator = TaskOrchestrator
