"""Many tasks: created together, run side by side, waited for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

from vespera.application.orchestrators import pausing
from vespera.application.orchestrators.pausing import TypeResult
from vespera.application.workflows.send_signal import SendSignalUseCase, SignalResult
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import EngineStopped, InvalidRequest, RequestError
from vespera.domain.ids import TaskId
from vespera.domain.request import parse_request, seconds_of, task_id_of
from vespera.domain.task import Completion, Task, TaskRequest


class TaskOrchestrator(TaskExecutionWorkflow):
    """All that a workflow does for one task, and what many tasks need."""

    def __init__(self, *, machinery: Machinery, signals: SendSignalUseCase) -> None:
        super().__init__(machinery=machinery)
        self._signals = signals

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
            first = await self.get_task_status(str(results[done].task_id))
            why = f" ({first.waits_for})" if first.waits_for else ""
            raise TimeoutError(
                f"{len(results) - done} of {len(results)} tasks are not finished after"
                f" {timeout:g} s; the first of them is {first.task_id!r}{why}."
            ) from error
        return results

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

    async def _ended(self, created: TaskResult) -> TaskResult:
        try:
            task = await self._m.settling.settled(TaskId(str(created.task_id)), by_itself=True)
        except EngineStopped as error:
            return replace(created, success=False, error=str(error))
        return await self._as_it_stands(task)

    async def _as_it_stands(self, task: Task) -> TaskResult:
        if task.finished and not task.error:
            return self._result(task)
        why, refused = await self._why_not(task), await self._refused(task)
        return self._result(task, error=why, findings=refused)


AsyncTaskOrchestrator = TaskOrchestrator
