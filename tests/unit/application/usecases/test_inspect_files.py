"""What a task said of files and what it changed, as people are shown it."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.scanning import WorkspaceScanner
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases import file_diffs
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.errors import ContentDamaged, FileUnreadable, UnreadableValue
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Manifest
from vespera.domain.snapshot import snapshot_of


@pytest.mark.parametrize("method", ["list_operations", "show_changes"])
async def test_an_unknown_task_and_what_is_no_id_is_told(desk: Any, method: str) -> None:
    ask = getattr(desk.inspect, method)

    assert (await ask("nobody")).error == "No task has the id 'nobody'."
    assert "task_id" in ((await ask("")).error or "")
    assert not (await ask("")).success


async def test_operations_come_oldest_first_with_their_verdicts(desk: Any) -> None:
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


async def test_a_task_that_touched_nothing_has_nothing_to_show(desk: Any) -> None:
    made = await desk.container.get(TaskOrchestrator).create_task(
        {"title": "T", "specialist_type": "outside"}
    )
    listed = await desk.inspect.list_operations(str(made.task_id))
    shown = await desk.inspect.show_changes(str(made.task_id))

    assert (listed.success, listed.operations) == (True, [])
    assert (shown.success, shown.changes) == (True, [])
    desk.files.observe.assert_not_awaited()


async def test_what_is_different_is_shown_from_the_store_to_the_disk(desk: Any) -> None:
    desk.disk["a.txt"] = desk.keep(b"one\ntwo\n")
    await desk.modify("a.txt", b"one\n2\n")
    one = await desk.only()

    assert one.patch == "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    assert (one.diff.added, one.diff.removed, one.note, one.remarks) == (1, 1, "", [])


async def test_new_and_removed_files_are_shown_as_patch_wants_it(desk: Any) -> None:
    desk.disk["old"] = desk.keep(b"gone\n")
    await desk.delete("old")
    await desk.create("new", b"came\n")
    new, old = await desk.changes()

    assert new.patch == "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+came\n"
    assert old.patch == "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"


async def test_what_was_moved_and_changed_is_compared_with_what_it_was(desk: Any) -> None:
    desk.disk["a"] = desk.keep(b"one\n")
    await desk.move("a", "b")
    await desk.modify("b", b"two\n")
    away, there = await desk.changes()

    assert (away.patch, away.remarks) == ("", ["moved to 'b'"])
    assert there.patch == "--- a/a\n+++ b/b\n@@ -1 +1 @@\n-one\n+two\n"
    assert there.remarks == ["moved from 'a'"]


async def test_what_was_only_moved_is_told_without_reading_it(desk: Any) -> None:
    desk.disk["a"] = b"one\n"
    await desk.move("a", "b")

    assert [one.note for one in await desk.changes()] == [
        "moved to 'b'",
        "its content is the same",
    ]
    desk.files.read.assert_not_awaited()


async def test_content_that_was_not_kept_is_told(desk: Any) -> None:
    desk.disk["a"] = b"one\n"
    await desk.modify("a", b"two\n")

    assert (await desk.only()).note == "before: its content was not kept"


async def test_content_that_is_there_no_more_is_taken_from_the_store(desk: Any) -> None:
    await desk.create("a", desk.keep(b"one\n"))
    await desk.tracker.track_file_create("a", after=True)
    desk.disk["a"] = b"others\n"
    one = await desk.only()

    assert one.patch.endswith("+one\n")
    assert one.remarks[0].startswith("now there is a file of 7 bytes")


async def test_content_that_is_there_no_more_and_not_in_the_store_is_told(desk: Any) -> None:
    await desk.create("a", b"one\n")
    await desk.tracker.track_file_create("a", after=True)
    desk.disk["a"] = b"others\n"

    assert (await desk.only()).note == "after: its content was not kept"


@pytest.mark.parametrize("race", ["gone", "changed"])
async def test_what_changes_while_it_is_looked_at_is_never_shown_for_something_else(
    desk: Any, race: str
) -> None:
    await desk.create("a", b"one\n")
    desk.files.read.side_effect = FileUnreadable if race == "gone" else None
    desk.files.read.return_value = b"others\n"

    assert (await desk.only()).note == "after: its content was not kept"
    desk.keep(b"one\n")
    assert (await desk.only()).patch.endswith("+one\n")


async def test_damaged_content_is_told(desk: Any) -> None:
    desk.disk["a"] = b"one\n"
    await desk.modify("a", b"two\n")
    desk.contents.get.side_effect = ContentDamaged("pack 7 is damaged")

    assert (await desk.only()).note == "before: pack 7 is damaged"


@pytest.mark.parametrize("content", [b"\0", b"text\0", b"\xff\xfe"])
async def test_what_is_no_text_is_never_shown(desk: Any, content: bytes) -> None:
    await desk.create("a", content)

    assert (await desk.only()).note == "after: it is binary"


async def test_what_is_too_large_is_not_even_read(desk: Any) -> None:
    await desk.create("a", b"x" * (file_diffs.LARGEST_TEXT + 1))

    assert (await desk.only()).note == "after: 524,289 bytes are too many to be shown"
    desk.files.read.assert_not_awaited()


async def test_too_many_lines_are_not_shown(desk: Any) -> None:
    await desk.create("a", b"\n" * (file_diffs.MOST_LINES + 1))

    assert (await desk.only()).note == "after: more than 20,000 lines are too many to be shown"


@pytest.mark.parametrize("path", [".env", "tls/Server.KEY"])
async def test_a_secret_is_never_shown(desk: Any, path: str) -> None:
    desk.disk[path] = b"TOKEN=1"
    await desk.modify(path, b"TOKEN=2")
    one = await desk.only()

    assert one.note == "before: its content is never shown, as it is named like a secret"
    assert one.patch == ""
    desk.files.read.assert_not_awaited()
    desk.contents.get.assert_not_awaited()


async def test_a_secret_is_not_shown_under_an_innocent_name_either(desk: Any) -> None:
    desk.disk[".env"] = desk.keep(b"TOKEN=1\n")
    await desk.tracker.track_file_copy(".env", "notes.txt")
    desk.disk["notes.txt"] = desk.disk[".env"]
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
    desk: Any, before: bytes | PathState, after: bytes | PathState, remark: str
) -> None:
    desk.disk["a"] = before
    await desk.modify("a", after)

    assert remark in (await desk.only()).remarks


async def test_that_others_were_at_it_meanwhile_is_told(desk: Any) -> None:
    await desk.create("a", b"one\n")
    await desk.tracker.track_file_create("a", after=True)
    desk.disk["a"] = b"others\n"
    await desk.modify("a", b"two\n")

    assert "others changed it meanwhile" in (await desk.only()).remarks


async def test_a_name_that_would_break_a_heading_is_escaped(desk: Any) -> None:
    await desk.create("a\n+++ b", b"x\n")

    assert "+++ 'b/a\\n+++ b'\n" in (await desk.only()).patch


async def test_without_differences_no_content_is_read(desk: Any) -> None:
    await desk.create("a", b"one\n")
    shown = await desk.inspect.show_changes("task", diffs=False)

    assert [(one.net.change.path, one.patch) for one in shown.changes] == [("a", "")]
    desk.files.read.assert_not_awaited()


async def test_of_many_changes_only_the_smallest_are_compared_if_one_says_how_many(
    desk: Any,
) -> None:
    for name, size in (("large", 300), ("small", 1), ("middle", 20)):
        await desk.create(name, b"x" * size)
    compared = await desk.inspect.compare(await desk.inspect.look("task"), most=2)

    assert [(one.net.change.path, bool(one.patch)) for one in compared] == [
        ("large", False),
        ("middle", True),
        ("small", True),
    ]
    assert compared[0].note == "not compared, as so many paths changed"


class TestBaseline:
    """What a claim alone does not tell, a snapshot that was taken before does."""

    @pytest.fixture
    def scanned(self, desk: Any) -> datetime:
        """The scan that every snapshot comes of: nothing was there."""
        now = desk.container.get(Clock).now()
        scanner = AsyncMock(spec=WorkspaceScanner)
        scanner.scan.return_value = Manifest({}, now, now, "")
        desk.container.override(WorkspaceScanner, scanner)
        return now

    async def kinds(self, desk: Any) -> list[str]:
        return [one.net.change.kind for one in await desk.changes()]

    async def claimed(self, desk: Any) -> list[str]:
        desk.disk["a"] = b"x"
        await desk.tracker.track_file_create("a", after=True)
        return await self.kinds(desk)

    @pytest.mark.usefixtures("scanned")
    async def test_it_is_asked_if_it_was_taken_for_the_task_before(self, desk: Any) -> None:
        await desk.container.get(SnapshotWorkspaceUseCase).take("task")

        assert await self.claimed(desk) == ["added"]

    @pytest.mark.usefixtures("scanned")
    async def test_those_of_others_are_not(self, desk: Any) -> None:
        await desk.container.get(SnapshotWorkspaceUseCase).take("other")

        assert await self.claimed(desk) == ["unknown"]

    async def test_those_that_were_taken_later_are_not(self, desk: Any, scanned: datetime) -> None:
        later = scanned + timedelta(hours=1)
        scanner = desk.container.get(WorkspaceScanner)
        scanner.scan.return_value = Manifest({}, later, later, "")
        await desk.container.get(SnapshotWorkspaceUseCase).take("task")

        assert await self.claimed(desk) == ["unknown"]

    async def test_one_that_cannot_be_read_tells_nothing(self, desk: Any) -> None:
        snapshots = AsyncMock(spec=SnapshotRepository)
        now = desk.container.get(Clock).now()
        kept = snapshot_of(Manifest({}, now, now, ""), SnapshotId("s"), task_id="task")
        snapshots.oldest_of.return_value = kept
        snapshots.manifest_of.side_effect = UnreadableValue("damaged")
        desk.container.override(SnapshotRepository, snapshots)

        assert await self.claimed(desk) == ["unknown"]
