"""What agents say of files, true and false, against a real disk and a real database."""

import os
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TrackFileOperationsUseCase, Verdict
from vespera.application.usecases.track_file_operations import FileTracker
from vespera.domain.file_operation import FileState


@pytest.fixture
def tracker(tracking: TrackFileOperationsUseCase) -> FileTracker:
    return tracking.tracker_for("test_subtask_001")


@pytest.fixture
def file(workspace: Path) -> Path:
    return workspace / "test_file.txt"


async def verdicts(tracker: FileTracker) -> list[Verdict]:
    return [finding.verdict for finding in (await tracker.verify_all_operations()).findings]


async def all_verified(tracker: FileTracker) -> bool:
    found = await verdicts(tracker)
    return bool(found) and set(found) == {Verdict.VERIFIED}


class TestWhatIsTrue:
    """None of it may be refused."""

    async def test_create_write_modify_write_read(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(str(file), {"test": "creation"})
        file.write_text("Hello, file tracking system!")
        await tracker.track_file_modify(str(file), {"test": "modification"})
        file.write_text("Hello, modified file tracking system!")
        await tracker.track_file_read(str(file), {"test": "read"})
        summary = await tracker.verify_all_operations()

        assert summary["all_verified"]
        assert summary["total_operations"] == 3
        assert len(summary.failed_verifications) == 0

    async def test_the_same_and_then_a_delete(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(file)
        file.write_text("one")
        await tracker.track_file_modify(file)
        file.write_text("two")
        await tracker.track_file_read(file)
        await tracker.track_file_delete(file)
        file.unlink()

        assert await verdicts(tracker) == [Verdict.VERIFIED] * 4

    @pytest.mark.parametrize("content", ["evil", "longer"])
    async def test_an_edit_of_the_same_size_and_of_another(
        self, tracker: FileTracker, file: Path, content: str
    ) -> None:
        file.write_text("good")
        await tracker.track_file_modify(file)
        file.write_text(content)

        assert await all_verified(tracker)

    async def test_a_changed_mode(self, tracker: FileTracker, file: Path) -> None:
        file.touch(0o644)
        await tracker.track_file_modify(file)
        file.chmod(0o755)

        assert await all_verified(tracker)

    async def test_create_then_delete(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(file)
        file.touch()
        await tracker.track_file_delete(file)
        file.unlink()

        assert await all_verified(tracker)

    async def test_delete_then_create_again(self, tracker: FileTracker, file: Path) -> None:
        file.write_text("old")
        await tracker.track_file_delete(file)
        file.unlink()
        await tracker.track_file_create(file)
        file.write_text("old")

        assert await all_verified(tracker)

    async def test_deleting_a_link_whose_target_stays(
        self, tracker: FileTracker, file: Path, outside: Path
    ) -> None:
        file.symlink_to(outside / "secret.txt")
        await tracker.track_file_delete(file)
        file.unlink()

        assert await all_verified(tracker)

    async def test_creating_a_directory(self, tracker: FileTracker, workspace: Path) -> None:
        await tracker.track_file_create("sub")
        (workspace / "sub").mkdir()

        assert await all_verified(tracker)

    async def test_creating_an_empty_file(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(file)
        file.touch()

        assert await all_verified(tracker)

    async def test_claims_that_follow_an_intent(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(file)
        file.write_text("one")
        await tracker.track_file_create(file, after=True)
        file.write_text("two")
        await tracker.track_file_modify(file, after=True)

        assert await all_verified(tracker)

    async def test_a_name_that_is_no_text(self, tracker: FileTracker, workspace: Path) -> None:
        await tracker.track_file_create(b"caf\xe9")
        os.close(os.open(os.fsencode(workspace) + b"/caf\xe9", os.O_CREAT))

        assert await all_verified(tracker)

    async def test_an_intent_repeated_after_a_crash(
        self, tracking: TrackFileOperationsUseCase, file: Path
    ) -> None:
        await tracking.tracker_for("task").track_file_create(file)
        file.write_text("content")
        again = tracking.tracker_for("task")
        await again.track_file_create(file)
        file.write_text("content")

        assert await all_verified(again)


class TestTwoTasksAtOneFile:
    """What one task says never speaks for what another one said."""

    @pytest.fixture
    def other(self, tracking: TrackFileOperationsUseCase) -> FileTracker:
        return tracking.tracker_for("another_task")

    @pytest.mark.parametrize("kind", ["modify", "delete", "read"])
    async def test_tampering_shows_whatever_is_announced_later(
        self, tracker: FileTracker, other: FileTracker, file: Path, kind: str
    ) -> None:
        await tracker.track_file_create(file)
        file.write_text("good")
        await tracker.track_file_create(file, after=True)
        file.write_text("evil")
        await getattr(other, f"track_file_{kind}")(file)

        assert await verdicts(tracker) == [Verdict.VERIFIED, Verdict.CHANGED_SINCE]

    async def test_a_deletion_never_done_is_not_proven_by_the_claim_of_a_modification(
        self, tracker: FileTracker, other: FileTracker, file: Path
    ) -> None:
        file.write_text("old")
        await tracker.track_file_delete(file)
        await other.track_file_modify(file, after=True)

        assert await verdicts(tracker) == [Verdict.UNVERIFIABLE]

    async def test_a_creation_never_done_is_not_proven_by_the_claim_of_another(
        self, tracker: FileTracker, other: FileTracker, file: Path
    ) -> None:
        await tracker.track_file_create(file)
        file.write_text("made by another task")
        await other.track_file_create(file, after=True)

        assert await verdicts(tracker) == [Verdict.UNVERIFIABLE]

    async def test_both_announce_before_both_write_and_claim(
        self, tracker: FileTracker, other: FileTracker, file: Path
    ) -> None:
        file.write_text("0")
        await tracker.track_file_modify(file)
        await other.track_file_modify(file)
        file.write_text("1")
        await tracker.track_file_modify(file, after=True)
        file.write_text("2")
        await other.track_file_modify(file, after=True)

        assert await verdicts(tracker) == [Verdict.SUPERSEDED] * 2
        assert await all_verified(other)


class TestWhatIsFalse:
    """None of it may pass."""

    async def test_a_creation_of_an_old_untouched_file(
        self, tracker: FileTracker, file: Path
    ) -> None:
        file.write_text("old")
        await tracker.track_file_create(file)

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_creation_of_an_old_file_claimed_afterwards(
        self, tracker: FileTracker, file: Path
    ) -> None:
        file.write_text("old")
        await tracker.track_file_create(file, after=True)

        assert await verdicts(tracker) == [Verdict.UNVERIFIABLE]

    async def test_a_creation_that_never_happened(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_create(file)

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_modification_that_never_happened(
        self, tracker: FileTracker, file: Path
    ) -> None:
        file.write_text("old")
        await tracker.track_file_modify(file)

        assert await verdicts(tracker) == [Verdict.NO_EFFECT]

    async def test_a_touched_file_is_not_modified(self, tracker: FileTracker, file: Path) -> None:
        file.write_text("old")
        await tracker.track_file_modify(file)
        os.utime(file)

        assert await verdicts(tracker) == [Verdict.NO_EFFECT]

    async def test_a_deletion_of_what_never_existed(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_delete(file)

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_deletion_while_a_dangling_link_sits_there(
        self, tracker: FileTracker, file: Path
    ) -> None:
        file.symlink_to("nowhere")
        await tracker.track_file_delete(file)

        assert await verdicts(tracker) == [Verdict.REFUTED]

    async def test_a_file_of_nothing_where_content_was_promised(
        self, tracking: TrackFileOperationsUseCase, file: Path
    ) -> None:
        promised = FileState("b3:of the content", 7, 0o644)
        await tracking.track_file_creation(file, task_id="task", expected=promised)
        file.touch()

        assert await verdicts(tracking.tracker_for("task")) == [Verdict.REFUTED]

    async def test_content_exchanged_after_the_claim(
        self, tracker: FileTracker, file: Path
    ) -> None:
        await tracker.track_file_create(file)
        file.write_text("good")
        await tracker.track_file_create(file, after=True)
        file.write_text("evil")

        assert Verdict.CHANGED_SINCE in await verdicts(tracker)

    async def test_permissions_taken_away_after_the_claim(
        self, tracker: FileTracker, file: Path
    ) -> None:
        await tracker.track_file_create(file)
        file.write_text("good")
        await tracker.track_file_create(file, after=True)
        file.chmod(0)

        found = await verdicts(tracker)
        assert {Verdict.CHANGED_SINCE, Verdict.UNVERIFIABLE} & set(found)

    @pytest.mark.usefixtures("ordinary_user")
    async def test_content_that_could_not_be_read_when_it_was_claimed(
        self, common_workspace: Path
    ) -> None:
        file = common_workspace / "a.txt"
        file.write_text("good")
        file.chmod(0)
        async with Container(workspace=str(common_workspace)) as container:
            tracker = container.get(TrackFileOperationsUseCase).tracker_for("task")
            await tracker.track_file_read(file)
            file.chmod(0o600)
            file.write_text("evil")

            assert await verdicts(tracker) == [Verdict.UNVERIFIABLE]

    async def test_a_file_of_somebody_else_claimed_after_nothing_was_read(
        self, tracker: FileTracker, file: Path
    ) -> None:
        await tracker.track_file_read(file)
        file.write_text("made by somebody else")
        await tracker.track_file_create(file, after=True)

        assert await verdicts(tracker) == [Verdict.REFUTED, Verdict.UNVERIFIABLE]

    async def test_a_file_read_that_was_not_there(self, tracker: FileTracker, file: Path) -> None:
        await tracker.track_file_read(file)

        assert await verdicts(tracker) == [Verdict.REFUTED]


class TestWhatIsRefused:
    """Of paths that lead elsewhere it is recorded that they were tried, and no more."""

    @pytest.mark.parametrize(
        "path",
        [
            "../../../../../etc/passwd",
            "/etc/passwd",
            "link/secret.txt",
            "link/../secret.txt",
            "",
            "a\0b",
            ".vespera/x",
            5,
        ],
    )
    async def test_a_path_that_leads_elsewhere(
        self, tracker: FileTracker, workspace: Path, outside: Path, path: Any
    ) -> None:
        (workspace / "link").symlink_to(outside)
        result = await tracker.track_file_modify(path)

        assert not result.success
        assert result.file_path == path
        assert "file_path" in str(result.error)
        [finding] = (await tracker.verify_all_operations()).findings
        assert (finding.verdict, finding.operation_id) == (Verdict.REFUSED, result.operation_id)


async def test_a_file_never_written_is_tracked_and_its_verification_runs(
    tracking: TrackFileOperationsUseCase,
) -> None:
    result = await tracking.track_file_creation(
        file_path="test_file.txt",
        operation_context={"test": "creation", "task_id": "test_001"},
        metadata={"created_by": "test_user"},
    )
    verification = await tracking.verify_operation(str(result.operation_id))

    assert result.success, result.error
    assert result.file_path == "test_file.txt"
    assert verification.success
    assert not verification.verified


async def test_an_absolute_path_is_given_back_as_it_was_given(
    tracker: FileTracker, file: Path
) -> None:
    assert (await tracker.track_file_create(str(file))).file_path == str(file)


async def test_one_changed_byte_is_found_among_all_files(
    tracking: TrackFileOperationsUseCase, workspace: Path
) -> None:
    for number in range(20):
        path = workspace / f"{number}.txt"
        await tracking.track_file_creation(path)
        path.write_text("good")
        await tracking.track_file_read(path)
    (workspace / "7.txt").write_text("goof")
    result = await tracking.verify_all()

    assert {finding.path for finding in result.failed_verifications} == {"7.txt"}
