"""Record what is said of files, and find out whether it is so."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import groupby
from operator import attrgetter

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository, ReportRepository
from vespera.application.usecases.file_results import (
    TrackFileOperationResult,
    VerifyAllOperationsResult,
    VerifyOperationResult,
    VerifyTaskResult,
)
from vespera.application.usecases.file_statements import FileStatement, checked_id
from vespera.domain.context_recovery import recovery_info
from vespera.domain.errors import RequestError, WorkspaceError
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    FileOperation,
    OperationKind,
    PathState,
    Phase,
)
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.repeated_intent import is_open_to_repetition, repeats
from vespera.domain.verification import Finding, Report, judge


class TrackFileOperationsUseCase:
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
    ) -> None:
        self._operations = operations
        self._reports = reports
        self._files = files
        self._clock = clock
        self._new_id = new_id

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
        said = FileStatement(operation_context, metadata, task_id, after, expected)
        return await self._track(OperationKind.CREATE, file_path, said)

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
        said = FileStatement(operation_context, metadata, task_id, after, expected)
        return await self._track(OperationKind.MODIFY, file_path, said)

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
        said = FileStatement(operation_context, metadata, task_id, after, expected)
        return await self._track(OperationKind.DELETE, file_path, said)

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
        said = FileStatement(operation_context, metadata, task_id, after, expected)
        return await self._track(OperationKind.READ, file_path, said)

    async def verify_operation(self, operation_id: str) -> VerifyOperationResult:
        """Judge one operation among all that were recorded on its path. Changes nothing.

        An unknown id gives ``success=False`` and an ``error`` that names it.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            known = OperationId(checked_id(operation_id, "operation_id"))
            operation = await self._operations.get(known)
        except RequestError as refusal:
            return VerifyOperationResult(
                success=False, operation_id=operation_id, error=str(refusal)
            )
        finding = (await self._judge_paths([operation.path]))[operation.id]
        return VerifyOperationResult(
            success=True,
            operation_id=operation.id,
            verified=finding.passes,
            verdict=finding.verdict,
            reason=finding.reason,
            file_path=finding.path,
            before=finding.before,
            after=finding.after,
        )

    async def verify_task(self, task_id: str) -> VerifyTaskResult:
        """Judge all operations of a task, and store the report; nothing else is changed.

        The report tells of the moment of verification, not of any time after it. A task without
        operations is verified.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            task = TaskId(checked_id(task_id, "task_id"))
        except RequestError as refusal:
            return VerifyTaskResult(success=False, error=str(refusal))
        return await self._stored(await self.examine(task))

    async def verify_all(self) -> VerifyTaskResult:
        """Judge every recorded operation, of every task and of none. Nothing is written.

        Raises:
            StorageError: the database cannot do its work.
        """
        judged = await self._judge_paths(await self._operations.all_paths())
        report = self._report(None, judged.values())
        return VerifyTaskResult(success=True, verified=report.verified, report=report)

    async def examine(self, task_id: TaskId) -> Report:
        """Judge all operations of a task as ``verify_task`` does, without storing the report."""
        own = await self._operations.of_task(task_id)
        judged = await self._judge_paths({operation.path for operation in own})
        return self._report(task_id, [judged[operation.id] for operation in own])

    def tracker_for(self, task_id: str) -> "FileTracker":
        """The operations of one task, with its id filled in.

        An id that cannot be one is refused by each method of the tracker.
        """
        return FileTracker(self, self._operations, task_id)

    async def _track(
        self, kind: OperationKind, file_path: AnyPath, said: FileStatement
    ) -> TrackFileOperationResult:
        try:
            said.check()
            operation = await self._observe(kind, await self._files.locate(file_path), said)
        except WorkspaceError as refusal:
            error = f"file_path: {refusal}"
            return TrackFileOperationResult(success=False, file_path=file_path, error=error)
        except RequestError as refusal:
            return TrackFileOperationResult(success=False, file_path=file_path, error=str(refusal))
        first = await self._said_before(operation)
        if first is None:
            await self._operations.add(operation)
        recorded = (first or operation).id
        return TrackFileOperationResult(success=True, file_path=file_path, operation_id=recorded)

    async def _observe(self, kind: OperationKind, path: str, said: FileStatement) -> FileOperation:
        [state] = await self._files.observe([path])
        return FileOperation(
            id=OperationId(self._new_id()),
            task_id=said.task,
            kind=kind,
            phase=Phase.CLAIM if said.after else Phase.INTENT,
            path=path,
            before=NOT_OBSERVED if said.after else state,
            after=state if said.after else NOT_OBSERVED,
            recorded_at=self._clock.now(),
            expected=said.expected,
            context=dict(said.operation_context or {}),
            metadata=dict(said.metadata or {}),
        )

    async def _said_before(self, operation: FileOperation) -> FileOperation | None:
        """The intent that ``operation`` repeats: an attempt after a crash says it all again."""
        if not is_open_to_repetition(operation):
            return None
        chain = await self._operations.on_paths([operation.path])
        return chain[-1] if chain and repeats(operation, chain[-1]) else None

    async def _judge_paths(self, paths: Collection[str]) -> Mapping[OperationId, Finding]:
        """Findings on everybody's operations on these paths, in the order of recording.

        The disk is observed before the operations are read: every declared change that the
        observation can show is then among them, as intents are recorded before the act.
        """
        ordered = sorted(paths)
        if not ordered:
            return {}
        found = dict(zip(ordered, await self._files.observe(ordered), strict=True))
        operations = await self._operations.on_paths(ordered)
        chains = groupby(sorted(operations, key=attrgetter("path")), key=attrgetter("path"))
        judged = {
            finding.operation_id: finding
            for path, chain in chains
            for finding in judge(list(chain), found[path])
        }
        return {operation.id: judged[operation.id] for operation in operations}

    def _report(self, task_id: TaskId | None, findings: Collection[Finding]) -> Report:
        return Report(
            id=ReportId(self._new_id()),
            task_id=task_id,
            findings=tuple(findings),
            verified_at=self._clock.now(),
        )

    async def _stored(self, report: Report) -> VerifyTaskResult:
        await self._reports.add(report)
        return VerifyTaskResult(success=True, verified=report.verified, report=report)


class FileTracker:
    """The file operations of one task."""

    def __init__(
        self,
        use_case: TrackFileOperationsUseCase,
        operations: FileOperationRepository,
        task_id: str,
    ) -> None:
        self.task_id = task_id
        self._use_case = use_case
        self._operations = operations

    async def track_file_create(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Record a creation; see ``TrackFileOperationsUseCase.track_file_creation``."""
        return await self._track(self._use_case.track_file_creation, path, metadata, after=after)

    async def track_file_modify(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Record a modification; see ``TrackFileOperationsUseCase.track_file_creation``."""
        track = self._use_case.track_file_modification
        return await self._track(track, path, metadata, after=after)

    async def track_file_delete(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Record a deletion; see ``TrackFileOperationsUseCase.track_file_creation``."""
        return await self._track(self._use_case.track_file_deletion, path, metadata, after=after)

    async def track_file_read(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Record a reading; see ``TrackFileOperationsUseCase.track_file_creation``."""
        return await self._track(self._use_case.track_file_read, path, metadata, after=after)

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

    async def _track(
        self,
        track: Callable[..., Awaitable[TrackFileOperationResult]],
        path: AnyPath,
        metadata: Mapping[str, object] | None,
        *,
        after: bool,
    ) -> TrackFileOperationResult:
        try:
            task = self._checked_task()
        except RequestError as refusal:
            return TrackFileOperationResult(success=False, file_path=path, error=str(refusal))
        return await track(path, metadata=metadata, task_id=task, after=after)

    def _checked_task(self) -> TaskId:
        return TaskId(checked_id(self.task_id, "task_id"))
