"""What one asks of the crew."""

from vespera import (
    RollBackUseCase,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskResult,
    TaskStatus,
)

_STOPPED = {TaskStatus.FAILED, TaskStatus.CANCELLED}


class WriteCodeUseCase:
    """Have a module written, once: the same description of the same module is the same task."""

    def __init__(self, *, workflow: TaskExecutionWorkflow, orchestrator: TaskOrchestrator) -> None:
        self._workflow, self._orchestrator = workflow, orchestrator

    async def write(self, module: str, description: str) -> TaskResult:
        """The task's ``result`` is the ``WrittenCode``.

        What an earlier run has left failed or cancelled is tried again.
        """
        created = await self._orchestrator.create_task(
            title=f"Write {module}",
            specialist_type="programmer",
            payload={"module": module, "description": description},
            completion="auto",
            idempotency_key=f"write {module}",
        )
        if created.task_id is None:
            return created
        if created.status in _STOPPED:
            await self._orchestrator.retry_task(created.task_id, reason="another run")
        return await self._orchestrator.wait_for_completion(created.task_id)

    async def boast(self, module: str) -> TaskResult:
        """Let somebody claim that the module has tests; ``findings`` tell what is true."""
        return await self._workflow.run(
            title=f"Test {module}",
            specialist_type="boaster",
            payload={"module": module},
            idempotency_key=f"test {module}",
        )


class TakeBackUseCase:
    """Take a module out of the workspace, and put it back."""

    def __init__(self, *, rolling: RollBackUseCase) -> None:
        self._rolling = rolling

    async def take_back(self, task_id: str) -> str:
        """The id of the rollback, by which it can be undone.

        Raises:
            RuntimeError: it cannot be taken back; the error says what is in the way.
        """
        done = await self._rolling.roll_back(task_id)
        if not done.success:
            raise RuntimeError(done.error)
        return str(done.rollback_id)

    async def put_back(self, rollback_id: str) -> None:
        """Undo that.

        Raises:
            RuntimeError: it cannot be undone; the error says what is in the way.
        """
        done = await self._rolling.undo(rollback_id)
        if not done.success:
            raise RuntimeError(done.error)
