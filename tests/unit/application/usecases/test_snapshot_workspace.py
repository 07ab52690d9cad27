"""Taking, listing and comparing snapshots, over a scanner that sees what the test says."""

from collections.abc import AsyncIterator
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container
from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.scanning import WorkspaceScanner
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.changes import Change, Rename
from vespera.domain.content import ContentSource, NotKept, PutResult
from vespera.domain.errors import FileUnreadable, SnapshotNotFound, StoreFull, UnreadableValue
from vespera.domain.file_operation import Absent, DirectoryState, FileState
from vespera.domain.manifest import Folder, Manifest, PathEntry, StatKey, canonical, record_of
from vespera.testing import VirtualClock

ONE, TWO = (FileState("b3:" + digit * 64, 3, 0o644) for digit in "12")
KEY = StatKey(3, 1, 1, 1, 1, 0o100644)


class Disk(dict[str, FileState]):
    """The files in the workspace."""


@pytest.fixture
def disk() -> Disk:
    return Disk(a=ONE)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def scanner(disk: Disk, clock: VirtualClock) -> AsyncMock:
    def seen(*_: object, **__: object) -> Manifest:
        entries = {name.encode(): record_of(PathEntry(state, KEY)) for name, state in disk.items()}
        folder = Folder(state=DirectoryState(0o755), entries=entries, digest=canonical(entries))
        now = clock.now()
        return Manifest(folders={b"": folder}, began_at=now, ended_at=now, digest="b3:0", hashed=1)

    scanner = AsyncMock(spec=WorkspaceScanner)
    scanner.scan.side_effect = seen
    return scanner


@pytest.fixture
async def container(scanner: AsyncMock, clock: VirtualClock) -> AsyncIterator[Container]:
    container = Container(workspace="/nonexistent/vespera", snapshots_kept=3)
    container.override(WorkspaceScanner, scanner)
    container.override(Clock, clock)
    yield container
    await container.cleanup_async_services()


@pytest.fixture
def workspace(container: Container) -> SnapshotWorkspaceUseCase:
    return container.get(SnapshotWorkspaceUseCase)


async def test_a_snapshot_is_kept_with_what_it_was_taken_for(
    workspace: SnapshotWorkspaceUseCase, container: Container, clock: VirtualClock
) -> None:
    taken = await workspace.take("the build", "before")

    assert taken.success
    assert taken.snapshot
    assert (taken.snapshot.task_id, taken.snapshot.label) == ("the build", "before")
    assert (taken.snapshot.files, taken.snapshot.directories) == (1, 1)
    assert taken.snapshot.ended_at == clock.now()
    assert await container.get(SnapshotRepository).get(taken.snapshot.id) == taken.snapshot


async def test_the_scan_is_told_what_was_seen_before_and_how_to_look(
    workspace: SnapshotWorkspaceUseCase, scanner: AsyncMock
) -> None:
    def tell(_: object) -> None:
        """Nothing is done with it."""

    await workspace.take()
    await workspace.take(full=True, progress=tell)
    first, second = scanner.scan.await_args_list

    assert first.args == (None,)
    assert second.args[0].state_of("a") == ONE
    assert second.kwargs == {"full": True, "progress": tell}


async def test_a_new_process_goes_on_from_what_is_kept(
    workspace: SnapshotWorkspaceUseCase, scanner: AsyncMock, container: Container
) -> None:
    await workspace.take()
    other = SnapshotWorkspaceUseCase(
        scanner=scanner,
        snapshots=container.get(SnapshotRepository),
        contents=AsyncMock(spec=ContentStore),
        threads=container.get("threads"),
        clock=container.get(Clock),
        new_id=container.get("new_id"),
        kept=None,
    )
    await other.take()

    assert scanner.scan.await_args.args[0].state_of("a") == ONE
    assert len((await other.list()).snapshots) == 2


@pytest.mark.parametrize("error", [UnreadableValue("it is damaged"), SnapshotNotFound("s1")])
async def test_a_snapshot_can_be_taken_though_the_one_before_cannot_be_read(
    workspace: SnapshotWorkspaceUseCase,
    scanner: AsyncMock,
    container: Container,
    error: Exception,
) -> None:
    await workspace.take()
    snapshots = AsyncMock(spec=SnapshotRepository, wraps=container.get(SnapshotRepository))
    snapshots.manifest_of.side_effect = error
    other = SnapshotWorkspaceUseCase(
        scanner=scanner,
        snapshots=snapshots,
        contents=AsyncMock(spec=ContentStore),
        threads=container.get("threads"),
        clock=container.get(Clock),
        new_id=container.get("new_id"),
        kept=None,
    )

    assert (await other.take()).success
    assert scanner.scan.await_args.args == (None,)


async def test_what_has_changed_between_two_snapshots_is_told(
    workspace: SnapshotWorkspaceUseCase, disk: Disk, scanner: AsyncMock
) -> None:
    older = (await workspace.take()).snapshot
    del disk["a"]
    disk["b"] = ONE
    newer = (await workspace.take()).snapshot
    assert older
    assert newer
    found = await workspace.compare(older.id, newer.id)

    assert found.success
    assert found.changes == [Change("a", ONE, Absent()), Change("b", Absent(), ONE)]
    assert found.renames == [Rename("a", "b")]
    assert (found.older, found.newer) == (older, newer)
    assert scanner.scan.await_count == 2


async def test_what_has_changed_since_the_newest_is_told_and_not_kept(
    workspace: SnapshotWorkspaceUseCase, disk: Disk
) -> None:
    await workspace.take()
    disk["a"] = TWO
    found = await workspace.compare("newest", full=True)

    assert found.changes == [Change("a", ONE, TWO)]
    assert found.newer is None
    assert len((await workspace.list()).snapshots) == 1


async def test_a_change_of_the_repository_is_told_apart(
    workspace: SnapshotWorkspaceUseCase, disk: Disk
) -> None:
    await workspace.take()
    disk[".git"] = ONE
    found = await workspace.compare("newest")

    assert found.changes == []
    assert found.repository == ["the git repository appeared, went, or was exchanged"]


async def test_snapshots_are_listed_newest_first_page_by_page(
    workspace: SnapshotWorkspaceUseCase,
) -> None:
    for number in range(3):
        await workspace.take(label=str(number))
    first = await workspace.list(limit=2)
    second = await workspace.list(limit=2, before=first.next)

    assert [snapshot.label for snapshot in first.snapshots] == ["2", "1"]
    assert [snapshot.label for snapshot in second.snapshots] == ["0"]
    assert second.next is None


async def test_only_so_many_are_kept(workspace: SnapshotWorkspaceUseCase, disk: Disk) -> None:
    for number in range(5):
        disk.clear()
        disk.update({f"{number}-{name}": ONE for name in range(9)})
        await workspace.take(label=str(number))

    assert [s.label for s in (await workspace.list()).snapshots] == ["4", "3", "2"]


async def test_those_that_are_old_can_be_removed(
    workspace: SnapshotWorkspaceUseCase, clock: VirtualClock
) -> None:
    await workspace.take()
    async with clock.running():
        await clock.sleep(100)
    removed = await workspace.forget(timedelta(seconds=99))

    assert (removed.success, removed.removed) == (True, 1)
    assert (await workspace.list()).snapshots == []


async def test_all_but_some_can_be_removed(workspace: SnapshotWorkspaceUseCase) -> None:
    await workspace.take()

    assert (await workspace.forget(keep=1)).removed == 0
    assert (await workspace.forget(keep=0)).removed == 1


async def test_the_whole_manifest_is_there_for_whoever_needs_it(
    workspace: SnapshotWorkspaceUseCase,
) -> None:
    await workspace.take()

    assert (await workspace.manifest_of("newest")).state_of("a") == ONE
    with pytest.raises(SnapshotNotFound):
        await workspace.manifest_of("nothing")


async def test_a_workspace_that_cannot_be_seen_is_told_as_a_value(
    workspace: SnapshotWorkspaceUseCase, scanner: AsyncMock
) -> None:
    await workspace.take()
    scanner.scan.side_effect = FileUnreadable("it is not there")

    for result in (await workspace.take(), await workspace.compare("newest")):
        assert (result.success, result.error) == (False, "it is not there")


@pytest.mark.parametrize("label", [7, "x" * 201, "a\nb"])
async def test_a_label_is_one_line_of_text(workspace: SnapshotWorkspaceUseCase, label: str) -> None:
    taken = await workspace.take(label=label)

    assert not taken.success
    assert taken.error
    assert taken.error.startswith("label: must be")


async def test_what_makes_no_sense_is_refused_as_a_value(
    workspace: SnapshotWorkspaceUseCase,
) -> None:
    results = [
        await workspace.take(""),
        await workspace.list(limit=0),
        await workspace.list(before=""),
        await workspace.forget(),
        await workspace.forget(-1),
        await workspace.forget(keep=-1),
        await workspace.compare(""),
        await workspace.compare("newest"),
    ]

    assert [result.success for result in results] == [False] * len(results)
    assert [(result.error or "").partition(":")[0] for result in results] == [
        *("task_id", "limit", "before", "older_than", "older_than", "keep", "snapshot"),
        "There is no snapshot yet; take one first.",
    ]


@pytest.fixture
def contents(container: Container) -> AsyncMock:
    contents = AsyncMock(spec=ContentStore)
    contents.put.side_effect = lambda sources: [
        PutResult(s.digest, reason=NotKept.NEVER if s.path == "key" else None) for s in sources
    ]
    container.override(ContentStore, contents)
    return contents


async def test_a_snapshot_with_contents_gives_them_to_the_store_and_tells_what_it_refused(
    contents: AsyncMock, workspace: SnapshotWorkspaceUseCase, disk: Disk
) -> None:
    disk["key"] = TWO

    taken = await workspace.take(contents=True)

    contents.put.assert_awaited_once_with(
        [ContentSource("a", ONE.digest), ContentSource("key", TWO.digest)]
    )
    assert taken.snapshot
    assert taken.snapshot.kept == 1
    assert list(taken.not_kept) == [("key", NotKept.NEVER)]


async def test_without_contents_the_store_is_left_alone(
    contents: AsyncMock, workspace: SnapshotWorkspaceUseCase
) -> None:
    taken = await workspace.take()

    contents.put.assert_not_awaited()
    assert taken.snapshot
    assert taken.snapshot.kept == 0


async def test_no_snapshot_is_taken_if_the_store_has_no_room(
    contents: AsyncMock, workspace: SnapshotWorkspaceUseCase, container: Container
) -> None:
    contents.put.side_effect = StoreFull("it is full")

    taken = await workspace.take(contents=True)

    assert taken.error == "it is full"
    assert await container.get(SnapshotRepository).newest() is None
