"""What a task said of files and what it changed, as people are shown it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from hashlib import sha256
from unittest.mock import AsyncMock, Mock

import pytest

from vespera import Container, TaskOrchestrator, TrackFileOperationsUseCase
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.files import FileStore
from vespera.application.usecases import file_diffs
from vespera.application.usecases.file_diffs import ChangedFile
from vespera.application.usecases.inspect_files import InspectFilesUseCase
from vespera.domain.errors import ContentDamaged, ContentMissing, FileUnreadable
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SymlinkState,
    UnknownState,
)

Disk = dict[str, bytes | PathState]


@pytest.fixture
async def container() -> AsyncIterator[Container]:
    """Not started, so that its files can be made up."""
    container = Container(workspace="/nonexistent/vespera")
    yield container
    await container.cleanup_async_services()


def digest_of(content: bytes) -> str:
    return f"b3:{sha256(content).hexdigest()}"


def state_of(there: bytes | PathState) -> PathState:
    return FileState(digest_of(there), len(there), 0o644) if isinstance(there, bytes) else there


@pytest.fixture
def disk() -> Disk:
    """What is at each path: the content of a file, or another state; nothing, if it is not here."""
    return {}


@pytest.fixture
def kept() -> dict[str, bytes]:
    """What the store of contents has."""
    return {}


@pytest.fixture
def files(container: Container, disk: Disk) -> Mock:
    def read(path: str) -> bytes:
        there = disk.get(path)
        if not isinstance(there, bytes):
            raise FileUnreadable
        return there

    files = AsyncMock(spec=FileStore)
    files.locate.side_effect = str
    files.digest = Mock(side_effect=digest_of)
    files.read.side_effect = read
    files.observe.side_effect = lambda paths: [state_of(disk.get(p, Absent())) for p in paths]
    container.override(FileStore, files)
    return files


@pytest.fixture
def contents(container: Container, kept: dict[str, bytes]) -> Mock:
    def get(digest: str) -> bytes:
        if digest not in kept:
            raise ContentMissing
        return kept[digest]

    contents = AsyncMock(spec=ContentStore)
    contents.get.side_effect = get
    container.override(ContentStore, contents)
    return contents


@pytest.fixture
def desk(container: Container, files: Mock, contents: Mock, disk: Disk, kept: Mapping[str, bytes]):
    return Desk(container, disk, dict(kept))


class Desk:
    """A task that says what it does, in a workspace that is made up."""

    def __init__(self, container: Container, disk: Disk, kept: dict[str, bytes]) -> None:
        self.inspect = container.get(InspectFilesUseCase)
        self.disk, self.kept = disk, kept
        self.tracker = container.get(TrackFileOperationsUseCase).tracker_for("task")

    async def modify(self, path: str, content: bytes | PathState) -> None:
        await self.tracker.track_file_modify(path)
        self.disk[path] = content

    async def create(self, path: str, content: bytes) -> None:
        await self.tracker.track_file_create(path)
        self.disk[path] = content

    async def delete(self, path: str) -> None:
        await self.tracker.track_file_delete(path)
        del self.disk[path]

    async def move(self, path: str, to: str) -> None:
        await self.tracker.track_file_move(path, to)
        self.disk[to] = self.disk.pop(path)

    async def changes(self) -> Sequence[ChangedFile]:
        shown = await self.inspect.show_changes("task")
        assert shown.success, shown.error
        return shown.changes

    async def only(self) -> ChangedFile:
        [one] = await self.changes()
        return one


@pytest.fixture
def keep(kept: dict[str, bytes]) -> Callable[[bytes], bytes]:
    """Let the store have this content; gives it."""

    def keep(content: bytes) -> bytes:
        kept[digest_of(content)] = content
        return content

    return keep


@pytest.mark.parametrize("method", ["list_operations", "show_changes"])
async def test_an_unknown_task_and_what_is_no_id_is_told(desk: Desk, method: str) -> None:
    ask = getattr(desk.inspect, method)

    assert (await ask("nobody")).error == "No task has the id 'nobody'."
    assert "task_id" in ((await ask("")).error or "")
    assert not (await ask("")).success


async def test_operations_come_oldest_first_with_their_verdicts(desk: Desk) -> None:
    await desk.create("b", b"one")
    await desk.tracker.track_file_create("a")
    listed = await desk.inspect.list_operations("task")

    assert [(op.path, finding.verdict) for op, finding in listed.operations] == [
        ("b", "verified"),
        ("a", "refuted"),
    ]
    assert [finding.operation_id for _, finding in listed.operations] == [
        operation.id for operation, _ in listed.operations
    ]


async def test_a_task_that_touched_nothing_has_nothing_to_show(
    container: Container, desk: Desk, files: Mock
) -> None:
    made = await container.get(TaskOrchestrator).create_task(
        {"title": "T", "specialist_type": "outside"}
    )
    listed = await desk.inspect.list_operations(str(made.task_id))
    shown = await desk.inspect.show_changes(str(made.task_id))

    assert (listed.success, listed.operations) == (True, [])
    assert (shown.success, shown.changes) == (True, [])
    files.observe.assert_not_awaited()


async def test_what_is_different_is_shown_from_the_store_to_the_disk(
    desk: Desk, disk: Disk, keep: Callable[[bytes], bytes]
) -> None:
    disk["a.txt"] = keep(b"one\ntwo\n")
    await desk.modify("a.txt", b"one\n2\n")
    one = await desk.only()

    assert one.patch == "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    assert (one.diff.added, one.diff.removed, one.note, one.remarks) == (1, 1, "", [])


async def test_new_and_removed_files_are_shown_as_patch_wants_it(
    desk: Desk, disk: Disk, keep: Callable[[bytes], bytes]
) -> None:
    disk["old"] = keep(b"gone\n")
    await desk.delete("old")
    await desk.create("new", b"came\n")
    new, old = await desk.changes()

    assert new.patch == "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+came\n"
    assert old.patch == "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"


async def test_what_was_moved_and_changed_is_compared_with_what_it_was(
    desk: Desk, disk: Disk, keep: Callable[[bytes], bytes]
) -> None:
    disk["a"] = keep(b"one\n")
    await desk.move("a", "b")
    await desk.modify("b", b"two\n")
    away, there = await desk.changes()

    assert (away.patch, away.remarks) == ("", ["moved to 'b'"])
    assert there.patch == "--- a/a\n+++ b/b\n@@ -1 +1 @@\n-one\n+two\n"
    assert there.remarks == ["moved from 'a'"]


async def test_what_was_only_moved_is_told_without_reading_it(
    desk: Desk, disk: Disk, files: Mock
) -> None:
    disk["a"] = b"one\n"
    await desk.move("a", "b")

    assert [one.note for one in await desk.changes()] == [
        "moved to 'b'",
        "its content is the same",
    ]
    files.read.assert_not_awaited()


async def test_content_that_was_not_kept_is_told(desk: Desk, disk: Disk) -> None:
    disk["a"] = b"one\n"
    await desk.modify("a", b"two\n")

    assert (await desk.only()).note == "before: its content was not kept"


async def test_content_that_is_there_no_more_is_taken_from_the_store(
    desk: Desk, disk: Disk, keep: Callable[[bytes], bytes]
) -> None:
    await desk.create("a", keep(b"one\n"))
    await desk.tracker.track_file_create("a", after=True)
    disk["a"] = b"others\n"
    one = await desk.only()

    assert one.patch.endswith("+one\n")
    assert one.remarks[0].startswith("now there is a file of 7 bytes")


async def test_content_that_is_there_no_more_and_not_in_the_store_is_told(
    desk: Desk, disk: Disk
) -> None:
    await desk.create("a", b"one\n")
    await desk.tracker.track_file_create("a", after=True)
    disk["a"] = b"others\n"

    assert (await desk.only()).note == "after: its content was not kept"


@pytest.mark.parametrize("race", ["gone", "changed"])
async def test_what_changes_while_it_is_looked_at_is_never_shown_for_something_else(
    desk: Desk, files: Mock, keep: Callable[[bytes], bytes], race: str
) -> None:
    await desk.create("a", b"one\n")
    files.read.side_effect = FileUnreadable if race == "gone" else None
    files.read.return_value = b"others\n"

    assert (await desk.only()).note == "after: its content was not kept"
    keep(b"one\n")
    assert (await desk.only()).patch.endswith("+one\n")


async def test_damaged_content_is_told(desk: Desk, disk: Disk, contents: Mock) -> None:
    disk["a"] = b"one\n"
    await desk.modify("a", b"two\n")
    contents.get.side_effect = ContentDamaged("pack 7 is damaged")

    assert (await desk.only()).note == "before: pack 7 is damaged"


@pytest.mark.parametrize("content", [b"\0", b"text\0", b"\xff\xfe"])
async def test_what_is_no_text_is_never_shown(desk: Desk, content: bytes) -> None:
    await desk.create("a", content)

    assert (await desk.only()).note == "after: it is binary"


async def test_what_is_too_large_is_not_even_read(desk: Desk, files: Mock) -> None:
    await desk.create("a", b"x" * (file_diffs.LARGEST_TEXT + 1))

    assert (await desk.only()).note == "after: 524,289 bytes are too many to be shown"
    files.read.assert_not_awaited()


async def test_too_many_lines_are_not_shown(desk: Desk) -> None:
    await desk.create("a", b"\n" * (file_diffs.MOST_LINES + 1))

    assert (await desk.only()).note == "after: more than 20,000 lines are too many to be shown"


@pytest.mark.parametrize("path", [".env", "tls/Server.KEY"])
async def test_a_secret_is_never_shown(
    desk: Desk, disk: Disk, files: Mock, contents: Mock, path: str
) -> None:
    disk[path] = b"TOKEN=1"
    await desk.modify(path, b"TOKEN=2")
    one = await desk.only()

    assert one.note == "before: its content is never shown, as it is named like a secret"
    assert one.patch == ""
    files.read.assert_not_awaited()
    contents.get.assert_not_awaited()


async def test_a_secret_is_not_shown_under_an_innocent_name_either(
    desk: Desk, disk: Disk, keep: Callable[[bytes], bytes]
) -> None:
    disk[".env"] = keep(b"TOKEN=1\n")
    await desk.tracker.track_file_copy(".env", "notes.txt")
    disk["notes.txt"] = disk[".env"]
    await desk.move(".env", "plain.txt")
    await desk.modify("plain.txt", b"harmless\n")

    assert not [one.patch for one in await desk.changes() if one.patch]


@pytest.mark.parametrize(
    ("before", "after", "remark"),
    [
        (SymlinkState("x"), Absent(), "there was a symbolic link to 'x', then nothing"),
        (b"x", UnknownState("unreadable"), "what is there now is not known: unreadable"),
        (UnknownState("unreadable"), b"x", "what was there before is not known: unreadable"),
        (
            FileState("b3:1", 1, 0o644),
            FileState("b3:1", 1, 0o755),
            "its mode was 0644 and became 0755",
        ),
        (DirectoryState(0o755), DirectoryState(0o700), "its mode was 0755 and became 0700"),
    ],
)
async def test_what_is_no_matter_of_text_is_told_in_words(
    desk: Desk, disk: Disk, before: bytes | PathState, after: bytes | PathState, remark: str
) -> None:
    disk["a"] = before
    await desk.modify("a", after)

    assert remark in (await desk.only()).remarks


async def test_that_others_were_at_it_meanwhile_is_told(desk: Desk, disk: Disk) -> None:
    await desk.create("a", b"one\n")
    await desk.tracker.track_file_create("a", after=True)
    disk["a"] = b"others\n"
    await desk.modify("a", b"two\n")

    assert "others changed it meanwhile" in (await desk.only()).remarks


async def test_a_name_that_would_break_a_heading_is_escaped(desk: Desk) -> None:
    await desk.create("a\n+++ b", b"x\n")

    assert "+++ 'b/a\\n+++ b'\n" in (await desk.only()).patch


async def test_without_differences_no_content_is_read(desk: Desk, files: Mock) -> None:
    await desk.create("a", b"one\n")
    shown = await desk.inspect.show_changes("task", diffs=False)

    assert [(one.net.change.path, one.patch) for one in shown.changes] == [("a", "")]
    files.read.assert_not_awaited()
