"""Tasks that have ended, and run again."""

from dataclasses import replace

from vespera.application.workflows.retry_task import RetryTaskUseCase
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import RequestError, StaleTask
from vespera.domain.request import task_id_of, text_of


class RevivingWorkflow(TaskExecutionWorkflow):
    """All that a workflow does, and what comes after its end."""

    def __init__(self, *, machinery: Machinery, retrying: RetryTaskUseCase) -> None:
        super().__init__(machinery=machinery)
        self._retrying = retrying

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
