"""Record what is said of files."""

from collections.abc import Callable, Sequence

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.application.usecases.file_statements import FileStatement
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.domain.errors import InvalidRequest, RequestError, WorkspaceError
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Destination,
    FileOperation,
    OperationKind,
    Phase,
)
from vespera.domain.ids import OperationId
from vespera.domain.repeated_intent import is_open_to_repetition, repeats


class FileRecording:
    """Looks at the paths that an operation is of, and records it."""

    def __init__(
        self,
        *,
        operations: FileOperationRepository,
        files: FileStore,
        clock: Clock,
        new_id: Callable[[], str],
        replaced: ReplacedContents | None,
    ) -> None:
        self._operations = operations
        self._files = files
        self._clock = clock
        self._new_id = new_id
        self._replaced = replaced

    async def record(
        self, kind: OperationKind, file_path: AnyPath, said: FileStatement
    ) -> TrackFileOperationResult:
        """Record the operation; durable on return. What cannot be recorded is refused by a result
        that names it; then nothing is stored.
        """
        try:
            said.check()
            operation = await self._observe(kind, await self._places(file_path, said), said)
        except RequestError as refusal:
            return TrackFileOperationResult(success=False, file_path=file_path, error=str(refusal))
        first = await self._said_before(operation)
        if first is None:
            await self._keep_replaced(operation)
            await self._operations.add(operation)
        recorded = (first or operation).id
        return TrackFileOperationResult(success=True, file_path=file_path, operation_id=recorded)

    async def _keep_replaced(self, operation: FileOperation) -> None:
        if self._replaced is not None and operation.phase is Phase.INTENT:
            await self._replaced.keep(operation)

    async def _places(self, file_path: AnyPath, said: FileStatement) -> Sequence[str]:
        """The path, and the destination if there is one.

        Raises:
            InvalidRequest: one of them cannot be used; it is named.
        """
        path = await self._place(file_path, "file_path")
        if said.destination is None:
            return [path]
        destination = await self._place(said.destination, "destination")
        if destination == path:
            raise InvalidRequest("it is the source itself", field="destination")
        return [path, destination]

    async def _place(self, path: AnyPath, field: str) -> str:
        try:
            return await self._files.locate(path)
        except WorkspaceError as refusal:
            raise InvalidRequest(str(refusal), field=field) from refusal

    async def _observe(
        self, kind: OperationKind, places: Sequence[str], said: FileStatement
    ) -> FileOperation:
        seen, unseen = await self._files.observe(places), [NOT_OBSERVED] * len(places)
        before, after = (unseen, seen) if said.after else (seen, unseen)
        destination = None
        if len(places) > 1:
            destination = Destination(
                path=places[1], before=before[1], after=after[1], overwrites=said.overwrite
            )
        return FileOperation(
            id=OperationId(self._new_id()),
            task_id=said.task,
            kind=kind,
            phase=Phase.CLAIM if said.after else Phase.INTENT,
            path=places[0],
            before=before[0],
            after=after[0],
            recorded_at=self._clock.now(),
            expected=said.expects(seen[0]),
            destination=destination,
            context=dict(said.operation_context or {}),
            metadata=dict(said.metadata or {}),
        )

    async def _said_before(self, operation: FileOperation) -> FileOperation | None:
        """The intent that ``operation`` repeats: an attempt after a crash says it all again."""
        if not is_open_to_repetition(operation):
            return None
        chain = await self._operations.on_paths(operation.paths)
        return chain[-1] if chain and repeats(operation, chain[-1]) else None
