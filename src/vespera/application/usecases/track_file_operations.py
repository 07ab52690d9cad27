"""Record what is said of files, and find out whether it is so."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Unpack

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository, ReportRepository
from vespera.application.usecases.file_recording import FileRecording
from vespera.application.usecases.file_results import (
    TrackFileOperationResult,
    VerifyAllOperationsResult,
)
from vespera.application.usecases.file_statements import FileStatement, Said, checked_id, link_to
from vespera.application.usecases.file_verification import FileVerification
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.application.usecases.task_tracking import TaskTracking
from vespera.domain.context_recovery import recovery_info
from vespera.domain.errors import InvalidRequest, RequestError
from vespera.domain.file_operation import OperationKind, PathState, Phase
from vespera.domain.ids import TaskId


class TrackFileOperationsUseCase(FileVerification):
    """Records operations on files of the workspace, and verifies them against the disk.

    Record an intent before the act, or a claim (``after=True``) after it. An intent sees what was
    there before and can therefore prove a creation; a claim cannot, unless an earlier operation on
    the same path tells what was there.
    """

    def __init__(
        self,
        *,
        operations: FileOperationRepository,
        reports: ReportRepository,
        files: FileStore,
        clock: Clock,
        new_id: Callable[[], str],
        replaced: ReplacedContents | None = None,
    ) -> None:
        """``replaced`` keeps what intended operations take away; None: nobody does."""
        super().__init__(
            operations=operations, reports=reports, files=files, clock=clock, new_id=new_id
        )
        self._recording = FileRecording(
            operations=operations, files=files, clock=clock, new_id=new_id, replaced=replaced
        )

    async def track_file_creation(
        self,
        file_path: AnyPath,
        operation_context: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        task_id: str | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Record that a file is about to be created, or (``after``) that it was.

        The task is ``task_id``, or else ``operation_context["task_id"]``, or none. The same intent
        recorded again by the same task, as after a crash, is not recorded twice; the result then
        holds the first one's id. ``expected`` is the state that the act is to leave.

        The record is durable when this returns. A path or argument that cannot be used gives
        ``success=False`` and an ``error`` that names it; then nothing is stored.

        Raises:
            StorageError: the database cannot do its work.
        """
        said = FileStatement(
            operation_context=operation_context,
            metadata=metadata,
            task_id=task_id,
            after=after,
            expected=expected,
        )
        return await self._recording.record(OperationKind.CREATE, file_path, said)

    async def track_file_modification(
        self,
        file_path: AnyPath,
        operation_context: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        task_id: str | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Record a modification, intended or (``after``) made; as ``track_file_creation``."""
        said = FileStatement(
            operation_context=operation_context,
            metadata=metadata,
            task_id=task_id,
            after=after,
            expected=expected,
        )
        return await self._recording.record(OperationKind.MODIFY, file_path, said)

    async def track_file_deletion(
        self,
        file_path: AnyPath,
        operation_context: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        task_id: str | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Record a deletion, intended or (``after``) made; as ``track_file_creation``."""
        said = FileStatement(
            operation_context=operation_context,
            metadata=metadata,
            task_id=task_id,
            after=after,
            expected=expected,
        )
        return await self._recording.record(OperationKind.DELETE, file_path, said)

    async def track_file_read(
        self,
        file_path: AnyPath,
        operation_context: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        task_id: str | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Record that a file is read, with the content it has now; as ``track_file_creation``."""
        said = FileStatement(
            operation_context=operation_context,
            metadata=metadata,
            task_id=task_id,
            after=after,
            expected=expected,
        )
        return await self._recording.record(OperationKind.READ, file_path, said)

    async def track_file_move(
        self,
        source: AnyPath,
        destination: AnyPath,
        *,
        overwrite: bool = False,
        **said: Unpack[Said],
    ) -> TrackFileOperationResult:
        """Record that something is to be moved, or (``after``) was; as ``track_file_creation``.

        It is proven if it is there no more, and the same is at ``destination`` then; with
        ``overwrite`` a file or symbolic link may have been there before. Of a directory nothing is
        said of what is in it.
        """
        to = FileStatement(**said, destination=destination, overwrite=overwrite)
        return await self._recording.record(OperationKind.MOVE, source, to)

    async def track_file_copy(
        self,
        source: AnyPath,
        destination: AnyPath,
        *,
        overwrite: bool = False,
        **said: Unpack[Said],
    ) -> TrackFileOperationResult:
        """Record that a file is to be copied, or (``after``) was; as ``track_file_move``. The copy
        may have a mode of its own.
        """
        to = FileStatement(**said, destination=destination, overwrite=overwrite)
        return await self._recording.record(OperationKind.COPY, source, to)

    async def track_mkdir(
        self, file_path: AnyPath, **said: Unpack[Said]
    ) -> TrackFileOperationResult:
        """Record that a directory is to be made, or (``after``) was; as ``track_file_creation``."""
        return await self._recording.record(OperationKind.MKDIR, file_path, FileStatement(**said))

    async def track_rmdir(
        self, file_path: AnyPath, **said: Unpack[Said]
    ) -> TrackFileOperationResult:
        """Record a directory's removal, intended or (``after``) done; as ``track_mkdir``."""
        return await self._recording.record(OperationKind.RMDIR, file_path, FileStatement(**said))

    async def track_symlink(
        self, file_path: AnyPath, target: AnyPath, **said: Unpack[Said]
    ) -> TrackFileOperationResult:
        """Record a new symbolic link, intended or (``after``) made, that leads to ``target``, as it
        is to be stored in the link; as ``track_file_creation``.
        """
        try:
            said.setdefault("expected", link_to(target))
        except InvalidRequest as refusal:
            return TrackFileOperationResult(success=False, file_path=file_path, error=str(refusal))
        return await self._recording.record(OperationKind.SYMLINK, file_path, FileStatement(**said))

    async def track_chmod(
        self, file_path: AnyPath, mode: int, **said: Unpack[Said]
    ) -> TrackFileOperationResult:
        """Record that a file or a directory is to have this mode (permission bits), or (``after``)
        that it was given it; as ``track_file_creation``.
        """
        return await self._recording.record(
            OperationKind.CHMOD, file_path, FileStatement(**said, mode=mode)
        )

    def tracker_for(self, task_id: str) -> "FileTracker":
        """The operations of one task, with its id filled in.

        An id that cannot be one is refused by each method of the tracker.
        """
        return FileTracker(self, self._operations, task_id)


Record = Callable[..., Awaitable[TrackFileOperationResult]]


def recording_of(use_case: TrackFileOperationsUseCase, kind: OperationKind) -> Record:
    """The method that records an operation of this kind."""
    methods: dict[OperationKind, Record] = {
        OperationKind.CREATE: use_case.track_file_creation,
        OperationKind.MODIFY: use_case.track_file_modification,
        OperationKind.DELETE: use_case.track_file_deletion,
        OperationKind.READ: use_case.track_file_read,
        OperationKind.MOVE: use_case.track_file_move,
        OperationKind.COPY: use_case.track_file_copy,
        OperationKind.MKDIR: use_case.track_mkdir,
        OperationKind.RMDIR: use_case.track_rmdir,
        OperationKind.SYMLINK: use_case.track_symlink,
        OperationKind.CHMOD: use_case.track_chmod,
    }
    return methods[kind]


class FileTracker(TaskTracking):
    """Records and verifies the operations of one task; its id is filled in."""

    def __init__(
        self,
        use_case: TrackFileOperationsUseCase,
        operations: FileOperationRepository,
        task_id: str,
    ) -> None:
        self.task_id = task_id
        self._use_case = use_case
        self._operations = operations

    async def verify_all_operations(self) -> VerifyAllOperationsResult:
        """Judge the task's operations, and store the report; as ``verify_task``."""
        result = await self._use_case.verify_task(self.task_id)
        return VerifyAllOperationsResult(
            success=result.success,
            total_operations=result.total_operations,
            all_verified=result.verified,
            failed_verifications=result.failed_verifications,
            findings=result.findings,
            error=result.error,
        )

    async def get_context_recovery_info(self) -> Mapping[str, object]:
        """What whoever takes the task over has to know of its files. Changes nothing.

        Plain JSON values: ``open_intents`` (announced, but not seen on the disk: probably under
        way at a crash), ``files_affected`` (path -> operations with verdicts, oldest first) and
        ``failed_verifications`` (each with ``next_action``).

        Raises:
            InvalidRequest: the tracker's ``task_id`` is no id.
            StorageError: the database cannot do its work.
        """
        report = await self._use_case.examine(self._checked_task())
        recorded = await self._operations.find([f.operation_id for f in report.findings])
        intents = {known.id for known in recorded.values() if known.phase is Phase.INTENT}
        return recovery_info(report, intents)

    async def _say(
        self,
        kind: OperationKind,
        paths: Sequence[AnyPath],
        metadata: Mapping[str, object] | None,
        **said: Any,
    ) -> TrackFileOperationResult:
        try:
            task = self._checked_task()
        except RequestError as refusal:
            return TrackFileOperationResult(success=False, file_path=paths[0], error=str(refusal))
        record = recording_of(self._use_case, kind)
        return await record(*paths, metadata=metadata, task_id=task, **said)

    def _checked_task(self) -> TaskId:
        return TaskId(checked_id(self.task_id, "task_id"))
