"""Tasks that have ended, and run again."""

from collections.abc import Mapping
from dataclasses import replace

from vespera.application.workflows.fork_task import ForkTaskUseCase
from vespera.application.workflows.retry_task import RetryTaskUseCase
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import PayloadError, RequestError, StaleTask
from vespera.domain.request import task_id_of, text_of


class RevivingWorkflow(TaskExecutionWorkflow):
    """All that a workflow does, and what comes after its end."""

    def __init__(
        self, *, machinery: Machinery, retrying: RetryTaskUseCase, forking: ForkTaskUseCase
    ) -> None:
        super().__init__(machinery=machinery)
        self._retrying, self._forking = retrying, forking

    async def retry_task(
        self, task_id: str, *, reason: str = "", dependents: bool = False
    ) -> TaskResult:
        """Let a task run again that has failed, is cancelled, or was refused by the proof gate.

        It is pending, with a fresh failure budget. What its steps have recorded is kept; what had
        failed runs anew: steps, waits that timed out, children that failed or were called off with
        it, and steps that were undone. Tasks that wait for it go on when it completes.

        Durable when it returns, and all in one transaction.

        Args:
            task_id: which task.
            reason: is told by the event.
            dependents: also those that were cancelled because it had failed, and those behind them.

        Returns:
            How the task stands now; ``retried`` and ``still_cancelled`` name others. ``success``
            is False if it cannot be retried, or somebody else was faster.
        """
        try:
            known, told = task_id_of(task_id), text_of(reason, "reason")
            done = await self._retrying.retry(known, told, dependents=dependents)
        except (RequestError, StaleTask) as error:
            return await self._refusal(task_id, error)
        result = self._result(done.task)
        return replace(result, retried=tuple(done.others), still_cancelled=tuple(done.stay))

    async def fork_task(
        self,
        task_id: str,
        *,
        from_step: str | tuple[str, int] | None = None,
        new_task_id: str | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> TaskResult:
        """Create a task that runs on from a step of another one, which stays as it is.

        The new task has the request of the other one, whatever state that is in, and copies of what
        was recorded before the step: results, received signals, ends of children. It has no parent
        and no idempotency key, says of files what it does itself, and undoes only what it has
        done itself. Children whose end was not recorded before the step are spawned anew.

        Args:
            task_id: the other task.
            from_step: the first step that is not copied: its name, or its name and which occurrence
                of it; None: nothing is copied.
            new_task_id: of the new task; by default a new id.
            payload: of the new task; None: that of the other one.

        Returns:
            The new task as it was created, whoever has begun it since: pending, or cancelled at
            once, if what it depends on has failed and it is to be cancelled then. ``success`` is
            False if the step is not recorded (``error`` lists those that are), or the id is taken.
        """
        try:
            fork = await self._forking.fork(
                task_id, from_step=from_step, new_task_id=new_task_id, payload=payload
            )
        except (RequestError, PayloadError) as error:
            return TaskResult(success=False, error=str(error))
        return self._result(fork, created=True)
