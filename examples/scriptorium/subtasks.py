"""What outside workers do: they are told all they need, and say when they are done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from vespera import (
    FileStore,
    InspectTasksUseCase,
    RecoverContextUseCase,
    TaskId,
    TaskOrchestrator,
    TaskResult,
)
from vespera.domain.context_forms import markdown_of
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import Absent

MOST_BYTES = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What whoever takes a subtask over has to know: the text it was prepared with, and what has
    happened since; ``error`` says why there is none.
    """

    context: str = ""
    recovered: str = ""
    error: str = ""


class SubtasksUseCase:
    """Tells of a subtask, and signs it off."""

    def __init__(
        self,
        *,
        orchestrator: TaskOrchestrator,
        inspection: InspectTasksUseCase,
        recovering: RecoverContextUseCase,
        files: FileStore,
    ) -> None:
        self._orchestrator, self._inspection = orchestrator, inspection
        self._recovering, self._files = recovering, files

    async def brief(self, task_id: str) -> Brief:
        """For whoever does the subtask, from the beginning or after an interruption."""
        shown = await self._inspection.show_task(TaskId(task_id))
        recovered = await self._recovering.recover(task_id)
        if shown.details is None or recovered.context is None:
            return Brief(error=shown.error or recovered.error or "")
        payload = cast("Mapping[str, object]", shown.details.payload)
        return Brief(
            context=str(payload.get("context", "")),
            recovered=markdown_of(recovered.context, MOST_BYTES),
        )

    async def complete(
        self, task_id: str, *, summary: str, artifacts: Sequence[str] = (), next_action: str = ""
    ) -> TaskResult:
        """Sign the subtask off, if all files that it was to make are there.

        ``success`` is False with the ``findings`` if one is not; then nothing has changed.

        Raises:
            InvalidRequest: one of the ``artifacts`` is not there.
            WorkspaceError: one of them lies outside of the workspace.
        """
        paths = [await self._files.locate(path) for path in artifacts]
        for path, state in zip(paths, await self._files.observe(paths), strict=True):
            if isinstance(state, Absent):
                told = f"{path!r} is not there; its path begins at the workspace"
                raise InvalidRequest(told, field="artifacts")
        return await self._orchestrator.complete_task(
            task_id,
            {"summary": summary, "artifacts": paths, "next_action": next_action},
        )

    async def session_of(self, task_id: str) -> str:
        """The session that a subtask belongs to.

        Raises:
            InvalidRequest: it belongs to none.
        """
        details = (await self._inspection.show_task(TaskId(task_id))).details
        if details is None or details.task.parent_id is None:
            raise InvalidRequest(f"{task_id!r} is no subtask", field="task_id")
        return details.task.parent_id
