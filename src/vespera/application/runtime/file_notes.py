"""What a task says of files that it touches by itself, recorded once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import NonDeterministicTask
from vespera.domain.file_operation import FileOperation, OperationKind
from vespera.domain.step import Fence

ORDER = "vespera:order"
Track = Callable[..., Awaitable[TrackFileOperationResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWork:
    """What file work needs from its surroundings, the same for all tasks."""

    store: FileStore
    operations: FileOperationRepository
    tracking: TrackFileOperationsUseCase
    clock: Clock
    new_id: Callable[[], str]


class FileNotes:
    """The file operations of one attempt, in the order in which the handler asks for them. A replay
    asks again, and finds what was recorded.
    """

    def __init__(self, *, fence: Fence, recorded: Sequence[FileOperation], work: FileWork) -> None:
        self._fence, self._work = fence, work
        self._memo = {op.context[ORDER]: op for op in recorded if ORDER in op.context}
        self._order = 0
        self.touched = bool(recorded)

    async def track_file_create(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to create a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_creation
        return await self._note(OperationKind.CREATE, track, (path,), metadata, after)

    async def track_file_modify(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to change a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_modification
        return await self._note(OperationKind.MODIFY, track, (path,), metadata, after)

    async def track_file_delete(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to delete a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_deletion
        return await self._note(OperationKind.DELETE, track, (path,), metadata, after)

    async def track_file_read(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task reads a file."""
        track = self._work.tracking.track_file_read
        return await self._note(OperationKind.READ, track, (path,), metadata, after)

    async def track_file_move(
        self,
        source: AnyPath,
        destination: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        overwrite: bool = False,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that the task is about to move something (``after=True``: that it has)."""
        track = partial(
            self._work.tracking.track_file_move, destination=destination, overwrite=overwrite
        )
        paths = (source, destination)
        return await self._note(OperationKind.MOVE, track, paths, metadata, after)

    async def track_file_copy(
        self,
        source: AnyPath,
        destination: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        overwrite: bool = False,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that the task is about to copy a file (``after=True``: that it has)."""
        track = partial(
            self._work.tracking.track_file_copy, destination=destination, overwrite=overwrite
        )
        paths = (source, destination)
        return await self._note(OperationKind.COPY, track, paths, metadata, after)

    async def track_mkdir(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to make a directory (``after=True``: that it has)."""
        track = self._work.tracking.track_mkdir
        return await self._note(OperationKind.MKDIR, track, (path,), metadata, after)

    async def track_rmdir(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to remove a directory (``after=True``: that it has)."""
        track = self._work.tracking.track_rmdir
        return await self._note(OperationKind.RMDIR, track, (path,), metadata, after)

    async def track_symlink(
        self,
        path: AnyPath,
        target: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that the task is about to make a symbolic link (``after=True``: that it has)."""
        track = partial(self._work.tracking.track_symlink, target=target)
        return await self._note(OperationKind.SYMLINK, track, (path,), metadata, after)

    async def track_chmod(
        self,
        path: AnyPath,
        mode: int,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that the task is about to change a mode (``after=True``: that it has)."""
        track = partial(self._work.tracking.track_chmod, mode=mode)
        return await self._note(OperationKind.CHMOD, track, (path,), metadata, after)

    async def _note(
        self,
        kind: OperationKind,
        track: Track,
        paths: Sequence[AnyPath],
        metadata: Mapping[str, object] | None,
        after: bool,
    ) -> TrackFileOperationResult:
        self._order += 1
        self.touched = True
        order = self._order
        if order in self._memo:
            known = self._remembered(await self._places(*paths), (kind,), order)
            known_id = known.id if known else None
            return TrackFileOperationResult(success=True, operation_id=known_id, file_path=paths[0])
        return await track(
            paths[0],
            operation_context={ORDER: order},
            metadata=metadata,
            task_id=self._fence.task_id,
            after=after,
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
