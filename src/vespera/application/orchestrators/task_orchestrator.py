"""Many tasks: created together, run side by side, waited for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from vespera.application.workflows.task_execution_workflow import TaskExecutionWorkflow
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import InvalidRequest, TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.request import parse_request
from vespera.domain.task import Completion, TaskRequest


class TaskOrchestrator(TaskExecutionWorkflow):
    """All that a workflow does for one task, and what many tasks need."""

    async def start(self) -> None:
        """Run ready tasks in the background until ``stop``. Safe to repeat."""
        self._m.worker.keep_working()

    async def stop(self) -> None:
        """Claim no more tasks; what is under way goes on. Safe to repeat."""
        await self._m.worker.stop()

    async def create_tasks(
        self, requests: Iterable[TaskRequest | Mapping[str, object]]
    ) -> list[TaskResult]:
        """Store all of the tasks in one transaction, or none of them.

        A task may depend on another of the same call by its ``task_id``.

        Returns:
            A result per request, in order; if one request is bad, all say so.
        """
        return await self._create([(request, {}) for request in requests])

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
            async with self._m.clock.timeout(timeout), self._m.worker.engaged():
                task = await self._m.settling.settled(TaskId(task_id))
        except TaskNotFound as error:
            return TaskResult(success=False, error=str(error))
        except TimeoutError as error:
            stands = await self.get_task_status(task_id)
            raise TimeoutError(
                f"Task {task_id!r} ({stands.title}) is {stands.status} after {timeout:g} s."
            ) from error
        if task.finished and not task.error:
            return self._result(task)
        return replace(
            self._result(task, error=await self._why_not(task)), findings=await self._refused(task)
        )

    async def run_until_idle(self) -> None:
        """Run everything that can run, now or after a delay, until nothing is left to run.

        Raises:
            StorageError: the database cannot be asked for work.
        """
        await self._m.worker.until_idle()

    async def run_all(
        self,
        requests: Iterable[TaskRequest | Mapping[str, object]],
        *,
        timeout: float | None = None,
    ) -> list[TaskResult]:
        """Create all of the tasks, run them side by side, and complete each when it is proven.

        Returns:
            A result per request, in order.

        Raises:
            TimeoutError: it takes longer than ``timeout`` seconds; the tasks go on later.
        """
        try:
            typed = [parse_request(r, {"completion": Completion.AUTO}) for r in requests]
        except InvalidRequest as error:
            return [TaskResult(success=False, error=str(error))]
        created = await self.create_tasks(typed)
        if not all(result.success for result in created):
            return created
        async with self._m.clock.timeout(timeout), self._m.worker.engaged():
            return [await self.wait_for_completion(r.task_id) for r in created if r.task_id]


AsyncTaskOrchestrator = TaskOrchestrator
