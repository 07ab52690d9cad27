"""Files as a specialist touches them: each change recorded, done once, and proven."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import FileConflict, FileUnreadable, NonDeterministicTask
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SymlinkState,
)
from vespera.domain.ids import OperationId
from vespera.domain.step import Fence

ORDER, DIGEST = "vespera:order", "vespera:digest"
WRITES = (OperationKind.CREATE, OperationKind.MODIFY)
Track = Callable[..., Awaitable[TrackFileOperationResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWork:
    """What file work needs from its surroundings, the same for all tasks."""

    store: FileStore
    operations: FileOperationRepository
    tracking: TrackFileOperationsUseCase
    clock: Clock
    new_id: Callable[[], str]


class TaskFiles:
    """The workspace in a specialist's hands.

    A write or delete is recorded as an intent, done atomically, and recorded as done: two durable
    commits. A replay after a crash finds what was done and does not do it again; if the crash fell
    between intent and record, the disk tells whether it had been done. Reads and the ``track_*``
    notes are recorded once as well. Paths are relative to the workspace, or absolute inside it.
    """

    def __init__(self, *, fence: Fence, recorded: Sequence[FileOperation], work: FileWork) -> None:
        self._fence, self._work = fence, work
        self._memo = {op.context[ORDER]: op for op in recorded if ORDER in op.context}
        self._order = 0
        self.touched = bool(recorded)

    async def write_text(self, path: AnyPath, text: str, *, encoding: str = "utf-8") -> None:
        """Write a whole text file; see ``write_bytes``. No newline is translated."""
        await self.write_bytes(path, text.encode(encoding))

    async def write_bytes(self, path: AnyPath, data: bytes) -> None:
        """Create or replace a file, with missing parent directories; on disk when it returns.

        Raises:
            PathRefused: the path leads out of the workspace, or through a symbolic link.
            FileUnreadable: there is something else than a file, or it cannot be written.
            FileConflict: a crash interrupted the write, and somebody changed the file since.
            LeaseLost: another worker has the task; nothing was written.
        """
        where, order, intent = await self._begin(path, WRITES)
        if intent is not None and intent.phase is Phase.DONE:
            return
        if intent is None:
            intent = await self._intend_write(where, order, data)
            found = intent.before
        else:
            found = await self._look(where)
        if not _carried_out(intent, found):
            found = await self._work.store.write(where, data, token=intent.id)
        await self._finish(intent, found)

    async def delete(self, path: AnyPath) -> None:
        """Remove a file or a symbolic link; gone for good when it returns.

        Raises:
            FileUnreadable: nothing is there, or it cannot be removed.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        where, order, intent = await self._begin(path, (OperationKind.DELETE,))
        if intent is not None and intent.phase is Phase.DONE:
            return
        if intent is None:
            intent = await self._intend_delete(where, order)
        elif (found := await self._look(where)) not in {intent.before, Absent()}:
            raise _conflict(intent, found)
        await self._work.store.delete(where)
        await self._finish(intent, Absent())

    async def read_text(self, path: AnyPath, *, encoding: str = "utf-8") -> str:
        """The text of a file; see ``read_bytes``."""
        return (await self.read_bytes(path)).decode(encoding)

    async def read_bytes(self, path: AnyPath) -> bytes:
        """The content of a file; that it was read, and in which state, is recorded once.

        A replay reads again. A read that fails is not recorded: to make a handler go one way or
        the other by whether a file is there, look in a ``step``.

        Raises:
            FileUnreadable: it is not there, is no file, or cannot be read.
            PathRefused, LeaseLost: as for ``write_bytes``.
        """
        where, order, known = await self._begin(path, (OperationKind.READ,))
        data = await self._work.store.read(where)
        if known is None:
            state = await self._state_of(where, data)
            await self._record(where, order, OperationKind.READ, before=state)
        return data

    async def track_file_create(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to create a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_creation
        return await self._note(OperationKind.CREATE, track, path, metadata, after)

    async def track_file_modify(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to change a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_modification
        return await self._note(OperationKind.MODIFY, track, path, metadata, after)

    async def track_file_delete(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task is about to delete a file (``after=True``: that it has)."""
        track = self._work.tracking.track_file_deletion
        return await self._note(OperationKind.DELETE, track, path, metadata, after)

    async def track_file_read(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that the task reads a file."""
        track = self._work.tracking.track_file_read
        return await self._note(OperationKind.READ, track, path, metadata, after)

    async def _note(
        self,
        kind: OperationKind,
        track: Track,
        path: AnyPath,
        metadata: Mapping[str, object] | None,
        after: bool,
    ) -> TrackFileOperationResult:
        self._order += 1
        self.touched = True
        order = self._order
        if order in self._memo:
            known = self._remembered(await self._work.store.locate(path), (kind,), order)
            known_id = known.id if known else None
            return TrackFileOperationResult(success=True, operation_id=known_id, file_path=path)
        context = {ORDER: order}
        return await track(path, context, metadata, self._fence.task_id, after=after)

    async def _begin(
        self, path: AnyPath, kinds: Sequence[OperationKind]
    ) -> tuple[str, int, FileOperation | None]:
        self._order += 1
        order = self._order
        where = await self._work.store.locate(path)
        return where, order, self._remembered(where, kinds, order)

    def _remembered(
        self, where: str, kinds: Sequence[OperationKind], order: int
    ) -> FileOperation | None:
        known = self._memo.get(order)
        if known is not None and (known.path != where or known.kind not in kinds):
            raise NonDeterministicTask(
                f"Task {self._fence.task_id!r} recorded {known.kind} {known.path!r} as its file"
                f" operation {order}; its handler now asks for {kinds[-1]} {where!r} instead."
            )
        return known

    async def _intend_write(self, where: str, order: int, data: bytes) -> FileOperation:
        before = await self._look(where)
        if not isinstance(before, Absent | FileState):
            raise FileUnreadable(f"{where!r} cannot be written: {_named(before)}.")
        kind = OperationKind.CREATE if isinstance(before, Absent) else OperationKind.MODIFY
        digest = self._work.store.digest(data)
        return await self._record(where, order, kind, before=before, digest=digest)

    async def _intend_delete(self, where: str, order: int) -> FileOperation:
        before = await self._look(where)
        if not isinstance(before, FileState | SymlinkState):
            raise FileUnreadable(f"{where!r} cannot be deleted: {_named(before)}.")
        return await self._record(where, order, OperationKind.DELETE, before=before)

    async def _record(
        self, where: str, order: int, kind: OperationKind, *, before: PathState, digest: str = ""
    ) -> FileOperation:
        reads = kind is OperationKind.READ
        operation = FileOperation(
            id=OperationId(self._work.new_id()),
            task_id=self._fence.task_id,
            kind=kind,
            phase=Phase.DONE if reads else Phase.INTENT,
            path=where,
            before=before,
            after=before if reads else NOT_OBSERVED,
            recorded_at=self._work.clock.now(),
            context={ORDER: order, DIGEST: digest} if digest else {ORDER: order},
        )
        self.touched = True
        await self._work.operations.add(operation, self._fence)
        return operation

    async def _finish(self, intent: FileOperation, after: PathState) -> None:
        done = replace(intent, phase=Phase.DONE, after=after, expected=after)
        await self._work.operations.save(done, self._fence)

    async def _look(self, where: str) -> PathState:
        return (await self._work.store.observe([where]))[0]

    async def _state_of(self, where: str, data: bytes) -> PathState:
        """The state in which ``data`` was read; a file changed since keeps only its content."""
        seen = await self._look(where)
        digest = self._work.store.digest(data)
        mode = seen.mode if isinstance(seen, FileState) else 0
        return FileState(digest, len(data), mode)


def _carried_out(intent: FileOperation, found: PathState) -> bool:
    """Whether the write had been done before the crash; a file changed since is left alone."""
    if isinstance(found, FileState) and found.digest == intent.context[DIGEST]:
        return True
    if found == intent.before:
        return False
    raise _conflict(intent, found)


def _conflict(intent: FileOperation, found: PathState) -> FileConflict:
    return FileConflict(
        f"{intent.path!r} is neither as it was before the interrupted {intent.kind} nor as it was"
        f" to be ({_named(found)}): somebody else changed it. Nothing was overwritten; decide what"
        " is right, put it there, and run the task again."
    )


def _named(state: PathState) -> str:
    match state:
        case Absent():
            return "nothing is there"
        case SymlinkState(target):
            return f"it is a symbolic link to {target!r}"
        case _:
            return f"it is {state!r}"
