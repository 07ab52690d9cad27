"""Keeping what stands in the workspace, and telling what has changed since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.scanning import TellProgress, WorkspaceScanner
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.file_statements import checked_id
from vespera.domain.changes import Change, Rename, changes, renames, repository_changes
from vespera.domain.content import NotKept, contents_of
from vespera.domain.errors import (
    ContentError,
    FileUnreadable,
    InvalidRequest,
    SnapshotNotFound,
    UnreadableValue,
)
from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Manifest
from vespera.domain.retention import age_of
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of
from vespera.domain.snapshot import Snapshot, snapshot_of

NEWEST = "newest"
"""Stands for the id of the newest snapshot."""

LONGEST_LABEL = 200
LARGEST_PAGE = 1000
_REFUSALS = (InvalidRequest, SnapshotNotFound, FileUnreadable, UnreadableValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotResult:
    """What became of a snapshot that was to be taken.

    ``not_kept``: the files whose contents were to be kept and are not, each with the reason.
    """

    success: bool
    snapshot: Snapshot | None = None
    not_kept: Sequence[tuple[str, NotKept]] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSnapshotsResult:
    """What is different between two snapshots, or between one and what stands there now.

    Attributes:
        changes: in the order of paths; of unknown kind, where it cannot be known.
        renames: pairs of removed and added files of the same content; for information only.
        repository: a line for each part of a git repository that changed.
        older: the one that was asked for.
        newer: the other one; None: what stands there now.
    """

    success: bool
    changes: Sequence[Change] = ()
    renames: Sequence[Rename] = ()
    repository: Sequence[str] = ()
    older: Snapshot | None = None
    newer: Snapshot | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSnapshotsResult:
    """Snapshots, the newest first; ``next`` goes on behind them, None if there are no more."""

    success: bool
    snapshots: Sequence[Snapshot] = ()
    next: SnapshotId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSnapshotsResult:
    """How many snapshots were removed."""

    success: bool
    removed: int = 0
    error: str | None = None


class SnapshotWorkspaceUseCase:
    """Takes snapshots, lists them, and compares them.

    Of the snapshots as many stay as ``kept`` says (None: all), besides those of tasks that are not
    finished, and those from which others are kept as the difference.
    """

    def __init__(
        self,
        *,
        scanner: WorkspaceScanner,
        snapshots: SnapshotRepository,
        contents: ContentStore,
        threads: BlockingCalls,
        clock: Clock,
        new_id: Callable[[], str],
        kept: int | None,
    ) -> None:
        self._scanner, self._snapshots, self._contents = scanner, snapshots, contents
        self._threads, self._clock = threads, clock
        self._new_id, self._kept = new_id, kept
        self._last: tuple[SnapshotId, Manifest] | None = None

    async def take(
        self,
        task_id: str | None = None,
        label: str = "",
        *,
        full: bool = False,
        contents: bool = False,
        progress: TellProgress | None = None,
    ) -> SnapshotResult:
        """Scan the workspace and keep what was found; durable when it returns.

        Args:
            task_id: for which task; any id will do.
            label: what to call it, at most 200 characters.
            full: read every file, whatever the file system says of it.
            contents: have the store keep what the files contain, as long as the snapshot is kept:
                but not of those that are only watched, and of none whose name says that it is
                secret. If the store has no room, nothing is kept, and no snapshot is taken.
            progress: is called now and then, in the event loop.

        Returns:
            ``success=False`` with an ``error``, if an argument cannot be used, the workspace cannot
            be scanned, or the store cannot do its work.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            task = None if task_id is None else checked_id(task_id, "task_id")
            _check_label(label)
            before = await self._newest_manifest()
            manifest = await self._scanner.scan(before, full=full, progress=progress)
            kept, not_kept = await self._keep(manifest) if contents else (0, ())
        except (*_REFUSALS, ContentError) as error:
            return SnapshotResult(success=False, error=str(error))
        new_id = SnapshotId(self._new_id())
        snapshot = await self._threads.call(
            lambda: snapshot_of(manifest, new_id, task_id=task, label=label, kept=kept)
        )
        await self._snapshots.add(snapshot, manifest)
        self._last = (snapshot.id, manifest)
        if self._kept is not None:
            await self._snapshots.forget(keep=self._kept)
        return SnapshotResult(success=True, snapshot=snapshot, not_kept=not_kept)

    async def compare(
        self,
        older: str,
        newer: str | None = None,
        *,
        full: bool = False,
        progress: TellProgress | None = None,
    ) -> CompareSnapshotsResult:
        """What has changed since a snapshot: until another one, or until now, which is not kept.

        Args:
            older: the id of a snapshot, or ``"newest"``.
            newer: another one; None: scan the workspace.
            full: of a scan; as for ``take``.
            progress: of a scan; as for ``take``.
        """
        try:
            first = await self._found(older)
            second = None if newer is None else await self._found(newer)
            before = await self._manifest(first.id)
            if second is None:
                after = await self._scanner.scan(before, full=full, progress=progress)
            else:
                after = await self._manifest(second.id)
        except _REFUSALS as error:
            return CompareSnapshotsResult(success=False, error=str(error))
        return await self._threads.call(lambda: _compared(first, before, second, after))

    async def list(self, *, limit: int = 100, before: str | None = None) -> ListSnapshotsResult:
        """Snapshots, the newest first.

        Args:
            limit: how many, 1 to 1000.
            before: begin behind the snapshot of this id.
        """
        try:
            whole_number_of(limit, "limit", least=1, most=LARGEST_PAGE)
            behind = None if before is None else SnapshotId(checked_id(before, "before"))
        except InvalidRequest as error:
            return ListSnapshotsResult(success=False, error=str(error))
        found = await self._snapshots.page(before=behind, limit=limit + 1)
        page = found[:limit]
        more = page[-1].id if len(found) > limit else None
        return ListSnapshotsResult(success=True, snapshots=page, next=more)

    async def forget(
        self, older_than: timedelta | float | None = None, *, keep: int | None = None
    ) -> ForgetSnapshotsResult:
        """Remove snapshots that are older, and all but the ``keep`` newest.

        Args:
            older_than: an age; a number is in seconds.
            keep: how many are to stay, 0 or more.
        """
        try:
            if older_than is None and keep is None:
                raise InvalidRequest("give this, or 'keep'", field="older_than")
            if keep is not None:
                whole_number_of(keep, "keep", least=0, most=LARGEST_WHOLE)
            age = None if older_than is None else age_of(older_than, "older_than")
        except InvalidRequest as error:
            return ForgetSnapshotsResult(success=False, error=str(error))
        before = None if age is None else self._clock.now() - age
        removed = await self._snapshots.forget(before=before, keep=keep)
        return ForgetSnapshotsResult(success=True, removed=removed)

    async def manifest_of(self, snapshot_id: str) -> Manifest:
        """All that the snapshot has seen, also what was not examined, and why.

        Raises:
            SnapshotNotFound: there is none of this id.
            UnreadableValue: what is stored is damaged or gone.
        """
        return await self._manifest((await self._found(snapshot_id)).id)

    async def _keep(self, manifest: Manifest) -> tuple[int, Sequence[tuple[str, NotKept]]]:
        """Have the store keep all contents; how many it keeps, and which it does not."""
        sources = await self._threads.call(lambda: list(contents_of(manifest)))
        results = await self._contents.put(sources)
        left_out = [
            (source.path, result.reason)
            for source, result in zip(sources, results, strict=True)
            if result.reason is not None
        ]
        return len(sources) - len(left_out), left_out

    async def _found(self, snapshot_id: str) -> Snapshot:
        if snapshot_id == NEWEST:
            found = await self._snapshots.newest()
            told = "There is no snapshot yet; take one first."
        else:
            found = await self._snapshots.get(SnapshotId(checked_id(snapshot_id, "snapshot")))
            told = f"No snapshot has the id {snapshot_id!r}."
        if found is None:
            raise SnapshotNotFound(told)
        return found

    async def _manifest(self, snapshot_id: SnapshotId) -> Manifest:
        if self._last is None or self._last[0] != snapshot_id:
            self._last = (snapshot_id, await self._snapshots.manifest_of(snapshot_id))
        return self._last[1]

    async def _newest_manifest(self) -> Manifest | None:
        """What a scan may share with; None if there is nothing, or nothing that can be read."""
        newest = await self._snapshots.newest()
        if newest is None:
            return None
        try:
            return await self._manifest(newest.id)
        except (SnapshotNotFound, UnreadableValue):
            return None


def _compared(
    older: Snapshot, before: Manifest, newer: Snapshot | None, after: Manifest
) -> CompareSnapshotsResult:
    found = changes(before, after)
    return CompareSnapshotsResult(
        success=True,
        changes=found,
        renames=renames(found),
        repository=repository_changes(before, after),
        older=older,
        newer=newer,
    )


def _check_label(label: str) -> None:
    given: object = label
    if not isinstance(given, str) or len(given) > LONGEST_LABEL:
        raise InvalidRequest(f"must be text of at most {LONGEST_LABEL} characters", field="label")
    if label and not label.isprintable():
        raise InvalidRequest(f"must be printable text, not {label!r}", field="label")
