"""What a task says of files that it touches by itself, recorded once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.application.usecases.task_tracking import TaskTracking
from vespera.application.usecases.track_file_operations import (
    TrackFileOperationsUseCase,
    recording_of,
)
from vespera.domain.errors import NonDeterministicTask
from vespera.domain.file_operation import FileOperation, OperationKind
from vespera.domain.step import Fence

ORDER = "vespera:order"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWork:
    """What file work needs from its surroundings, the same for all tasks."""

    store: FileStore
    operations: FileOperationRepository
    tracking: TrackFileOperationsUseCase
    clock: Clock
    new_id: Callable[[], str]
    replaced: ReplacedContents


class FileNotes(TaskTracking):
    """The file operations of one attempt, in the order in which the handler asks for them. A replay
    asks again, and finds what was recorded.
    """

    def __init__(self, *, fence: Fence, recorded: Sequence[FileOperation], work: FileWork) -> None:
        self._fence, self._work = fence, work
        self._memo = {op.context[ORDER]: op for op in recorded if ORDER in op.context}
        self._order = 0
        self.touched = bool(recorded)

    async def _say(
        self,
        kind: OperationKind,
        paths: Sequence[AnyPath],
        metadata: Mapping[str, object] | None,
        **said: Any,
    ) -> TrackFileOperationResult:
        self._order += 1
        self.touched = True
        order = self._order
        if order in self._memo:
            known = self._remembered(await self._places(*paths), (kind,), order)
            known_id = known.id if known else None
            return TrackFileOperationResult(success=True, operation_id=known_id, file_path=paths[0])
        return await recording_of(self._work.tracking, kind)(
            *paths,
            operation_context={ORDER: order},
            metadata=metadata,
            task_id=self._fence.task_id,
            **said,
        )

    async def _places(self, *paths: AnyPath) -> Sequence[str]:
        return [await self._work.store.locate(path) for path in paths]

    def _begin(
        self, paths: Sequence[str], kinds: Sequence[OperationKind]
    ) -> tuple[int, FileOperation | None]:
        self._order += 1
        return self._order, self._remembered(paths, kinds, self._order)

    def _remembered(
        self, paths: Sequence[str], kinds: Sequence[OperationKind], order: int
    ) -> FileOperation | None:
        known = self._memo.get(order)
        if known is not None and (known.paths != tuple(paths) or known.kind not in kinds):
            raise NonDeterministicTask(
                f"Task {self._fence.task_id!r} recorded {known.kind} {_way(known.paths)} as its"
                f" file operation {order}; its handler now asks for {kinds[-1]} {_way(paths)}"
                " instead."
            )
        return known


def _way(paths: Sequence[str]) -> str:
    return " -> ".join(map(repr, paths))
