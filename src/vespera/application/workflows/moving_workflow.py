"""Tasks that go from one database to another."""

from collections.abc import Mapping

from vespera.application.usecases.move_tasks import ImportTaskResult, MoveTasksUseCase


class MovingWorkflow:
    """Export and import of one task with its whole history."""

    _moving: MoveTasksUseCase

    async def export_task(self, task_id: str, *, redact: bool = False) -> dict[str, object]:
        """The task's whole history, as of one moment, in plain JSON types: ``json.dump`` it.

        Values are there twice, for people and in a form that keeps their types; what is stored
        compressed or encrypted is in plain text.

        Args:
            task_id: which task, in whatever state.
            redact: leave out payload, outcome, results, messages of errors; it cannot be imported.

        Raises:
            TaskNotFound: there is no such task.
        """
        return await self._moving.export_task(task_id, redact=redact)

    async def import_task(
        self, history: Mapping[str, object], *, task_id: str | None = None, files: bool = True
    ) -> ImportTaskResult:
        """Store an exported task here, with all that belongs to it, in one transaction.

        One that is not finished is paused, so that nothing runs by surprise: ``resume_task`` lets
        it go on where it was. It needs its dependencies and its parent here; a finished one is
        stored without those that are missing, which the result names. Its events stay behind.

        Args:
            history: what ``export_task`` gave.
            task_id: store a copy, under this id; it has no idempotency key and no dedup key.
            files: False: without what the task has recorded of files; for finished tasks only.

        Returns:
            How the task stands; ``success`` is False, and ``error`` begins with the place in the
            document, if it is damaged, of another version, or its ids or keys are taken here.
        """
        return await self._moving.import_task(history, task_id=task_id, files=files)
