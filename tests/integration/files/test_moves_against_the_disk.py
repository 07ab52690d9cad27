"""What is said of moves, copies, directories, links and modes, and what the disk says to it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from vespera import TrackFileOperationsUseCase
from vespera.application.usecases.track_file_operations import FileTracker
from vespera.domain.file_operation import Absent, FileState
from vespera.domain.verdict import Verdict


@pytest.fixture
def tracker(tracking: TrackFileOperationsUseCase) -> FileTracker:
    return tracking.tracker_for("task")


@pytest.fixture
def other(tracking: TrackFileOperationsUseCase) -> FileTracker:
    return tracking.tracker_for("another task")


@pytest.fixture
def source(workspace: Path) -> Path:
    path = workspace / "source.txt"
    path.write_text("content")
    return path


async def verdicts(tracker: FileTracker) -> list[Verdict]:
    return [finding.verdict for finding in (await tracker.verify_all_operations()).findings]


class TestWhatIsTrue:
    """None of it may be refused."""

    async def test_a_file_moved_into_another_directory(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_mkdir("sub")
        await tracker.track_file_move(source, "sub/moved.txt")
        (workspace / "sub").mkdir()
        source.rename(workspace / "sub" / "moved.txt")

        summary = await tracker.verify_all_operations()

        assert summary.all_verified, summary.failed_verifications
        moved = summary.findings[1]
        assert (moved.path, moved.destination) == ("source.txt", "sub/moved.txt")
        assert isinstance(moved.before, FileState)
        assert moved.before == moved.after

    async def test_a_chain_of_moves(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        for name in ("second.txt", "third.txt", "source.txt"):
            await tracker.track_file_move(source, name)
            source = source.rename(workspace / name)

        assert await verdicts(tracker) == [Verdict.VERIFIED] * 3

    async def test_a_move_claimed_after_it_was_announced(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_file_move(source, "moved.txt")
        source.rename(workspace / "moved.txt")
        await tracker.track_file_move(source, "moved.txt", after=True)

        assert await verdicts(tracker) == [Verdict.VERIFIED] * 2

    async def test_a_move_over_a_file_that_was_said_to_be_one(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        (workspace / "old.txt").write_text("old")
        await tracker.track_file_move(source, "old.txt", overwrite=True)
        source.replace(workspace / "old.txt")

        assert await verdicts(tracker) == [Verdict.VERIFIED]

    @pytest.mark.parametrize("copy", [shutil.copyfile, shutil.copy2])
    async def test_a_copy_with_or_without_its_mode(
        self, tracker: FileTracker, source: Path, workspace: Path, copy: Any
    ) -> None:
        source.chmod(0o755)
        await tracker.track_file_copy(source, "copy.txt")
        copy(source, workspace / "copy.txt")

        assert await verdicts(tracker) == [Verdict.VERIFIED]

    async def test_a_directory_made_and_removed(
        self, tracker: FileTracker, workspace: Path
    ) -> None:
        await tracker.track_mkdir("sub")
        (workspace / "sub").mkdir()
        await tracker.track_rmdir("sub")
        (workspace / "sub").rmdir()

        assert await verdicts(tracker) == [Verdict.VERIFIED] * 2

    async def test_a_link_that_leads_where_it_was_to(
        self, tracker: FileTracker, workspace: Path
    ) -> None:
        await tracker.track_symlink("link", "some/where")
        (workspace / "link").symlink_to("some/where")

        assert await verdicts(tracker) == [Verdict.VERIFIED]

    async def test_a_mode(self, tracker: FileTracker, source: Path) -> None:
        await tracker.track_chmod(source, 0o750)
        source.chmod(0o750)

        assert await verdicts(tracker) == [Verdict.VERIFIED]

    async def test_what_another_task_moved_away_later(
        self, tracker: FileTracker, other: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_file_modify(source)
        source.write_text("other content")
        await other.track_file_move(source, "theirs.txt")
        source.rename(workspace / "theirs.txt")

        assert await verdicts(tracker) == [Verdict.SUPERSEDED]
        assert await verdicts(other) == [Verdict.VERIFIED]

    async def test_what_is_announced_again_after_a_crash_is_one_move(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        first = await tracker.track_file_move(source, "moved.txt")
        again = await tracker.track_file_move(source, "moved.txt")
        source.rename(workspace / "moved.txt")
        behind = await tracker.track_file_move(source, "moved.txt")

        assert first.operation_id == again.operation_id == behind.operation_id
        assert await verdicts(tracker) == [Verdict.VERIFIED]

    async def test_the_same_copy_made_twice_with_a_deletion_in_between(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        copy = workspace / "copy.txt"
        for _ in range(2):
            await tracker.track_file_copy(source, copy)
            shutil.copyfile(source, copy)
            await tracker.track_file_delete(copy)
            copy.unlink()

        assert await verdicts(tracker) == [Verdict.VERIFIED] * 4


class TestWhatIsFalse:
    """None of it may pass."""

    async def test_a_move_that_nobody_made(self, tracker: FileTracker, source: Path) -> None:
        await tracker.track_file_move(source, "moved.txt")

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_claimed_move_that_nobody_made(
        self, tracker: FileTracker, source: Path
    ) -> None:
        await tracker.track_file_read(source)
        await tracker.track_file_move(source, "moved.txt", after=True)

        assert (await verdicts(tracker))[1] is Verdict.REFUTED

    async def test_a_copy_passed_off_as_a_move(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_file_move(source, "moved.txt")
        shutil.copyfile(source, workspace / "moved.txt")

        [finding] = (await tracker.verify_all_operations()).findings
        assert finding.verdict is Verdict.REFUTED
        assert "at 'source.txt': it was not deleted" in finding.reason

    async def test_a_file_deleted_and_another_one_written_in_its_name(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_file_move(source, "moved.txt")
        source.unlink()
        (workspace / "moved.txt").write_text("CONTENT")

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_move_over_a_file_that_was_not_said_to_be_one(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        (workspace / "old.txt").write_text("old")
        await tracker.track_file_move(source, "old.txt")
        source.replace(workspace / "old.txt")

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_copy_changed_since(
        self, tracker: FileTracker, source: Path, workspace: Path
    ) -> None:
        await tracker.track_file_copy(source, "copy.txt")
        shutil.copyfile(source, workspace / "copy.txt")
        await tracker.track_file_read("copy.txt")
        (workspace / "copy.txt").write_text("changed")

        assert Verdict.VERIFIED not in await verdicts(tracker)

    async def test_a_mode_that_is_another_one(self, tracker: FileTracker, source: Path) -> None:
        await tracker.track_chmod(source, 0o750)
        source.chmod(0o700)

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_link_that_leads_elsewhere(self, tracker: FileTracker, workspace: Path) -> None:
        await tracker.track_symlink("link", b"some/where")
        (workspace / "link").symlink_to("elsewhere")

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_file_where_a_directory_was_to_be(
        self, tracker: FileTracker, workspace: Path
    ) -> None:
        await tracker.track_mkdir("sub")
        (workspace / "sub").write_text("")

        assert await verdicts(tracker) == [Verdict.REFUTED]


class TestWhatIsRefused:
    """Of what leads elsewhere it is recorded that it was tried; of what makes no sense, nothing."""

    @pytest.mark.parametrize("way", ["../out.txt", "/etc/passwd", "", "a\0b", ".vespera/db"])
    async def test_a_destination_outside_the_workspace(
        self, tracker: FileTracker, source: Path, way: str
    ) -> None:
        result = await tracker.track_file_move(source, way)

        assert not result.success
        assert str(result.error).startswith("destination: ")
        assert await verdicts(tracker) == [Verdict.REFUSED]

    async def test_a_destination_behind_a_link(
        self, tracker: FileTracker, source: Path, workspace: Path, outside: Path
    ) -> None:
        (workspace / "way_out").symlink_to(outside)

        result = await tracker.track_file_copy(source, "way_out/copy.txt")

        assert "destination: " in str(result.error)

    async def test_a_source_outside_the_workspace(
        self, tracker: FileTracker, outside: Path
    ) -> None:
        result = await tracker.track_file_move(outside / "theirs.txt", "mine.txt")

        assert str(result.error).startswith("file_path: ")

    async def test_a_move_to_where_it_is(self, tracker: FileTracker, source: Path) -> None:
        result = await tracker.track_file_move(source, "./source.txt")

        assert result.error == "destination: it is the source itself"

    @pytest.mark.parametrize("mode", [-1, 0o10000, True, "755", 7.0])
    async def test_what_is_no_mode(self, tracker: FileTracker, source: Path, mode: Any) -> None:
        result = await tracker.track_chmod(source, mode)

        assert str(result.error).startswith("mode: must be permission bits")

    @pytest.mark.parametrize("target", ["", "a\0b", 7, None])
    async def test_what_no_link_can_lead_to(self, tracker: FileTracker, target: Any) -> None:
        result = await tracker.track_symlink("link", target)

        assert str(result.error).startswith("target: must")

    async def test_what_is_neither_yes_nor_no(
        self, tracking: TrackFileOperationsUseCase, source: Path
    ) -> None:
        unclear: Any = "yes"

        result = await tracking.track_file_move(source, "b.txt", overwrite=unclear)

        assert result.error == "overwrite: must be True or False"


async def test_a_name_that_is_no_text_can_be_moved(tracker: FileTracker, workspace: Path) -> None:
    odd, odder = (os.fsencode(workspace) + b"/\xff" + end for end in (b"1", b"2"))
    Path(os.fsdecode(odd)).write_text("")
    await tracker.track_file_move(odd, odder)
    Path(os.fsdecode(odd)).rename(os.fsdecode(odder))

    assert await verdicts(tracker) == [Verdict.VERIFIED]


async def test_one_move_is_verified_at_both_ends(
    tracking: TrackFileOperationsUseCase, source: Path
) -> None:
    said = await tracking.track_file_move(source, "moved.txt", metadata={"why": "tidy"})

    result = await tracking.verify_operation(str(said.operation_id))

    assert result.success
    assert not result.verified
    assert (result.file_path, result.destination) == ("source.txt", "moved.txt")
    assert result.after == Absent()


async def test_all_operations_are_verified_where_they_lead_to(
    tracking: TrackFileOperationsUseCase, source: Path, workspace: Path
) -> None:
    await tracking.track_file_move(source, "moved.txt")
    source.rename(workspace / "moved.txt")

    assert (await tracking.verify_all()).verified
