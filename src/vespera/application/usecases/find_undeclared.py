"""Find changes in the workspace that nobody declared."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.persistence import FileOperationRepository, TaskRepository
from vespera.application.ports.scanning import TellProgress, WorkspaceScanner
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.file_statements import checked_id
from vespera.application.usecases.snapshot_workspace import NEWEST, SnapshotWorkspaceUseCase
from vespera.domain.changes import Change, changes, repository_changes
from vespera.domain.errors import (
    FileUnreadable,
    InvalidRequest,
    SnapshotNotFound,
    UnreadableValue,
)
from vespera.domain.file_operation import FileOperation, OperationKind, Phase
from vespera.domain.ids import SnapshotId, TaskId
from vespera.domain.manifest import Manifest
from vespera.domain.snapshot import Snapshot
from vespera.domain.undeclared import Account, Accounted, account_for, is_still_open


@dataclass(frozen=True, slots=True, kw_only=True)
class FindUndeclaredResult:
    """What has changed since a snapshot, and who declared it.

    ``success`` says that it was found out.

    Attributes:
        accounted: every change, in the order of paths, and to whom it is put down.
        repository: a line for each part of a git repository that changed.
        not_examined: the paths that were not looked at, each with the reason.
        since: the snapshot.
        ended_at: when the scan that it was compared with had come to its end.
        caution: of that scan; see ``Manifest``.
    """

    success: bool
    accounted: Sequence[Accounted] = ()
    repository: Sequence[str] = ()
    not_examined: Sequence[tuple[str, str]] = ()
    since: Snapshot | None = None
    ended_at: datetime | None = None
    caution: str = ""
    error: str | None = None

    @property
    def undeclared(self) -> Sequence[Change]:
        """The changes that nobody declared."""
        return [one.change for one in self.accounted if one.account is Account.UNDECLARED]


class FindUndeclaredUseCase:
    """Compares the workspace with a snapshot, and the changes with what was recorded.

    Nothing is written. A snapshot tells what changed, never who did it: a change that another task
    declared is put down to that task, and one that nobody declared to nobody.
    """

    def __init__(
        self,
        *,
        snapshot_workspace: SnapshotWorkspaceUseCase,
        snapshots: SnapshotRepository,
        scanner: WorkspaceScanner,
        operations: FileOperationRepository,
        tasks: TaskRepository,
        threads: BlockingCalls,
    ) -> None:
        self._snapshot_workspace, self._snapshots = snapshot_workspace, snapshots
        self._scanner, self._operations, self._tasks = scanner, operations, tasks
        self._threads = threads

    async def find(
        self,
        task_id: str | None = None,
        since: str | None = None,
        *,
        allowed: Sequence[str] = (),
        full: bool = False,
        progress: TellProgress | None = None,
    ) -> FindUndeclaredResult:
        """Find out who declared what has changed.

        Args:
            task_id: as this task sees it; None: whatever any task declared is declared.
            since: the id of a snapshot; by default the oldest that was taken for the task, or,
                without a task, the newest.
            allowed: patterns of paths that need not be declared, as ``build/**``; ``*`` and ``?``
                stay within a directory, ``**`` does not.
            full: read every file, whatever the file system says of it.
            progress: is called now and then, in the event loop.

        Returns:
            ``success=False`` with an ``error``, if there is no such snapshot, an argument cannot be
            used, or the workspace cannot be scanned.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            task = None if task_id is None else TaskId(checked_id(task_id, "task_id"))
            _check_patterns(allowed)
            first = await self._baseline(task, since)
            kin = () if task is None else (task,)
            return await self.look(kin, first, allowed=allowed, full=full, progress=progress)
        except (InvalidRequest, SnapshotNotFound, FileUnreadable, UnreadableValue) as error:
            return FindUndeclaredResult(success=False, error=str(error))

    async def look(
        self,
        kin: Sequence[TaskId],
        since: Snapshot,
        *,
        allowed: Sequence[str] = (),
        full: bool = False,
        progress: TellProgress | None = None,
    ) -> FindUndeclaredResult:
        """As ``find``, for tasks whose declarations count as one's own.

        Raises:
            FileUnreadable: the workspace cannot be scanned.
            SnapshotNotFound, UnreadableValue: the snapshot is gone, or damaged.
            StorageError: the database cannot do its work.
        """
        before = await self._snapshot_workspace.manifest_of(since.id)
        after = await self._scanner.scan(before, full=full, progress=progress)
        found = await self._threads.call(lambda: changes(before, after))
        own, others = await self._declared(kin, found, since, before)

        def told() -> FindUndeclaredResult:
            return FindUndeclaredResult(
                success=True,
                accounted=account_for(
                    found, before=before.state_of, own=own, others=others, allowed=allowed
                ),
                repository=repository_changes(before, after),
                not_examined=tuple(after.unexamined()),
                since=since,
                ended_at=after.ended_at,
                caution=after.caution,
            )

        return await self._threads.call(told)

    async def _baseline(self, task: TaskId | None, since: str | None) -> Snapshot:
        if since is None and task is not None:
            return await self._first_of(task)
        found = await (
            self._snapshots.newest()
            if since in {None, NEWEST}
            else self._snapshots.get(SnapshotId(checked_id(since, "since")))
        )
        if found is None:
            told = f"No snapshot has the id {since!r}."
            if since in {None, NEWEST}:
                told = "There is no snapshot yet; take one first."
            raise SnapshotNotFound(told)
        return found

    async def _first_of(self, task: TaskId) -> Snapshot:
        """The oldest snapshot that was taken for the task."""
        found = await self._snapshots.oldest_of(task)
        if found is None:
            told = f"No snapshot was taken for task {task!r}; say since which one to look."
            raise SnapshotNotFound(told)
        return found

    async def _declared(
        self, kin: Sequence[TaskId], found: Sequence[Change], since: Snapshot, before: Manifest
    ) -> tuple[Sequence[FileOperation], Sequence[FileOperation]]:
        """What the tasks recorded, and what others did meanwhile, or had announced before."""
        recorded = await self._operations.on_paths(_places(found))
        announced = [
            one
            for one in recorded
            if one.recorded_at < since.began_at
            and one.phase is Phase.INTENT
            and one.kind is not OperationKind.SCOPE
            and is_still_open(one, before.state_of)
        ]
        lately = [one for one in recorded if one.recorded_at >= since.began_at]
        lately += await self._of_unfinished(announced, since)
        lately += await self._allowances(since)
        if not kin:
            return lately, ()
        own = [one for task in kin for one in await self._operations.of_task(task)]
        return own, [one for one in lately if one.task_id not in kin]

    async def _allowances(self, since: Snapshot) -> Sequence[FileOperation]:
        """Those of others hold for as long as their tasks are not over. When work ends that is no
        task nobody knows: its older ones hold no more.
        """
        recorded = await self._operations.allowances()
        older = [one for one in recorded if one.recorded_at < since.began_at]
        known = await self._tasks.find({one.task_id for one in older if one.task_id is not None})
        holding = await self._of_unfinished([one for one in older if one.task_id in known], since)
        return [*holding, *(one for one in recorded if one.recorded_at >= since.began_at)]

    async def _of_unfinished(
        self, announced: Sequence[FileOperation], since: Snapshot
    ) -> Sequence[FileOperation]:
        """Those whose tasks had not ended when the window began."""
        ids = {one.task_id for one in announced if one.task_id is not None}
        tasks = await self._tasks.find(ids) if ids else {}
        over = {
            key for key, task in tasks.items() if task.finished and task.updated_at < since.began_at
        }
        return [one for one in announced if one.task_id not in over]


def _places(found: Sequence[Change]) -> Collection[str]:
    """Where operations may have been recorded that tell of these changes."""
    places = set[str]()
    for change in found:
        path = change.path
        while path not in places:
            places.add(path)
            path = path.rpartition("/")[0] or path
    return places


def _check_patterns(patterns: object) -> None:
    if isinstance(patterns, str) or not isinstance(patterns, Sequence):
        raise InvalidRequest(f"must be a list of patterns, not {patterns!r}", field="allowed")
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern:
            raise InvalidRequest(f"{pattern!r} is no pattern", field="allowed")
