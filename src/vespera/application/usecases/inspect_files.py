"""What a task said of files, and what it changed, for people to see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import FileOperationRepository, TaskRepository
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.file_diffs import FileDiffs
from vespera.application.usecases.file_statements import checked_id
from vespera.domain.carried import directories_of, goals_of
from vespera.domain.changed_file import ChangedFile
from vespera.domain.errors import (
    InvalidRequest,
    SnapshotNotFound,
    TaskNotFound,
    UnreadableValue,
)
from vespera.domain.file_operation import FileOperation, PathState, Phase, is_act
from vespera.domain.ids import TaskId
from vespera.domain.net_changes import NetChange, net_changes
from vespera.domain.snapshot import Snapshot
from vespera.domain.text_diff import TextDiff
from vespera.domain.verification import Finding, judge, refusal_of
from vespera.domain.witness import witnessed

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOfTask:
    """One look at all files that a task has said something of.

    Attributes:
        task_id: the task.
        operations: its own, oldest first.
        findings: on these, in the same order, as ``verify_task`` would judge them now.
        changes: what they come to, in the order of paths.
        found: what is at each of the paths now.
        chains: everybody's operations on these paths, oldest first.
    """

    task_id: TaskId
    operations: Sequence[FileOperation] = ()
    findings: Sequence[Finding] = ()
    changes: Sequence[NetChange] = ()
    found: Mapping[str, PathState]
    chains: Sequence[FileOperation] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOperationsResult:
    """The operations of a task, oldest first, each with its verdict; or why there are none."""

    success: bool
    operations: Sequence[tuple[FileOperation, Finding]] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowChangesResult:
    """The paths that a task changed, in order, each with what is different; or why not."""

    success: bool
    changes: Sequence[ChangedFile] = ()
    error: str | None = None


class InspectFilesUseCase:
    """Looks at what tasks did to files. Nothing is written.

    A task is known by its id. Operations may be recorded under names that no task has; then it is
    known by these.
    """

    def __init__(
        self,
        *,
        operations: FileOperationRepository,
        tasks: TaskRepository,
        snapshots: SnapshotRepository,
        files: FileStore,
        diffs: FileDiffs,
    ) -> None:
        self._operations, self._tasks, self._snapshots = operations, tasks, snapshots
        self._files, self._diffs = files, diffs

    async def list_operations(self, task_id: str) -> ListOperationsResult:
        """All that the task said of files, judged by what is on the disk now.

        An unknown task gives ``success=False`` and an ``error`` that names it.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            seen = await self.look(task_id)
        except (InvalidRequest, TaskNotFound) as error:
            return ListOperationsResult(success=False, error=str(error))
        judged = list(zip(seen.operations, seen.findings, strict=True))
        return ListOperationsResult(success=True, operations=judged)

    async def show_changes(self, task_id: str, *, diffs: bool = True) -> ShowChangesResult:
        """What the task changed, all in all: for each path the state before its first operation,
        and the one that its last operation left.

        Contents are read from the disk, where they are there still, and else from the store; a
        ``note`` says why one cannot be shown.

        Args:
            task_id: the task.
            diffs: with what is different in the text; otherwise nothing is read.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            seen = await self.look(task_id)
        except (InvalidRequest, TaskNotFound) as error:
            return ShowChangesResult(success=False, error=str(error))
        if diffs:
            return ShowChangesResult(success=True, changes=await self.compare(seen))
        bare = [ChangedFile(net=net, diff=TextDiff()) for net in seen.changes]
        return ShowChangesResult(success=True, changes=bare)

    async def look(self, task_id: str) -> FilesOfTask:
        """All that can be seen of the task's files at this moment.

        The disk is observed before the operations are read: every declared change that the
        observation can show is then among them, as intents are recorded before the act.

        Raises:
            InvalidRequest: it is no id.
            TaskNotFound: there is no such task, and no operation was recorded under this name.
        """
        task = TaskId(checked_id(task_id, "task_id"))
        own = await self._operations.of_task(task)
        if not own and not await self._tasks.find([task]):
            raise TaskNotFound(task)
        acts = [one for one in own if is_act(one)]
        paths = sorted({path for one in acts for path in one.paths}.union(goals_of(acts)))
        found = dict(zip(paths, await self._files.observe(paths), strict=True)) if paths else {}
        above = directories_of(paths)
        chains = await self._operations.on_paths([*paths, *above]) if paths else ()
        if any(one.phase is Phase.CLAIM for one in own):
            chains = await self._with_baseline(task, chains)
        findings = {finding.operation_id: finding for finding in judge(chains, found)}
        findings |= {one.id: refusal_of(one) for one in own if one.phase is Phase.REFUSED}
        newest = {one.id: one for one in chains}
        known = [newest.get(one.id, one) for one in own if one.id in findings]
        return FilesOfTask(
            task_id=task,
            operations=known,
            findings=[findings[operation.id] for operation in known],
            changes=net_changes(task, chains, found),
            found=found,
            chains=chains,
        )

    async def snapshots_of(self, task_id: TaskId) -> Sequence[Snapshot]:
        """The snapshots that were taken for the task, the oldest first."""
        found: list[Snapshot] = []
        behind = None
        while page := await self._snapshots.page(before=behind, limit=_PAGE):
            found += [one for one in page if one.task_id == task_id]
            behind = page[-1].id
        return found[::-1]

    async def compare(self, seen: FilesOfTask, *, most: int | None = None) -> Sequence[ChangedFile]:
        """What is different in the text of what was seen changed; see ``FileDiffs.of``."""
        return await self._diffs.of(seen.changes, seen.chains, most=most)

    async def _with_baseline(
        self, task: TaskId, chains: Sequence[FileOperation]
    ) -> Sequence[FileOperation]:
        """With what the first snapshot of the task saw among them, as at the gate."""
        oldest = await self._snapshots.oldest_of(task)
        if oldest is None:
            return chains
        try:
            return witnessed(chains, await self._snapshots.manifest_of(oldest.id))
        except (SnapshotNotFound, UnreadableValue):  # removed meanwhile, or damaged
            return chains
