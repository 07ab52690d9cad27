"""What nobody announced can be claimed and proven, if a snapshot tells what was there before."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vespera import Container, InspectFilesUseCase, TrackFileOperationsUseCase, Verdict
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.application.usecases.track_file_operations import FileTracker

VERIFIED, REFUTED, NO_EFFECT = Verdict.VERIFIED, Verdict.REFUTED, Verdict.NO_EFFECT


@pytest.fixture
async def tracker(container: Container, tmp_path: Path) -> FileTracker:
    """Of a task before which a snapshot was taken."""
    (tmp_path / "old.txt").write_text("old")
    await container.get(SnapshotWorkspaceUseCase).take("t")
    return container.get(TrackFileOperationsUseCase).tracker_for("t")


async def verdicts(tracker: FileTracker) -> list[Verdict]:
    return [finding.verdict for finding in (await tracker.verify_all_operations()).findings]


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text(text)


def nothing(_: Path) -> None:
    """Is done."""


@pytest.mark.parametrize(
    ("method", "name", "act", "verdict"),
    [
        ("track_file_create", "new.txt", write("new.txt", "new"), VERIFIED),
        ("track_file_create", "old.txt", write("old.txt", "new"), REFUTED),
        ("track_file_create", "old.txt", nothing, REFUTED),
        ("track_file_modify", "old.txt", write("old.txt", "new"), VERIFIED),
        ("track_file_modify", "old.txt", nothing, NO_EFFECT),
        ("track_file_modify", "new.txt", write("new.txt", "new"), REFUTED),
        ("track_file_delete", "old.txt", lambda root: (root / "old.txt").unlink(), VERIFIED),
        ("track_file_delete", "new.txt", nothing, REFUTED),
    ],
)
async def test_a_claim_alone(
    tracker: FileTracker,
    tmp_path: Path,
    method: str,
    name: str,
    act: Callable[[Path], object],
    verdict: Verdict,
) -> None:
    act(tmp_path)
    await getattr(tracker, method)(name, after=True)

    assert await verdicts(tracker) == [verdict]


async def test_a_creation_and_a_modification_each_claimed_after_it(
    tracker: FileTracker, tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text("one")
    await tracker.track_file_create("new.txt", after=True)
    (tmp_path / "new.txt").write_text("two")
    await tracker.track_file_modify("new.txt", after=True)

    assert await verdicts(tracker) == [VERIFIED, VERIFIED]


async def test_one_change_does_not_prove_two_claims(tracker: FileTracker, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("one")
    await tracker.track_file_create("new.txt", after=True)
    await tracker.track_file_modify("new.txt", after=True)

    assert await verdicts(tracker) == [VERIFIED, NO_EFFECT]


async def test_whoever_lists_the_operations_is_told_the_same(
    container: Container, tracker: FileTracker, tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text("new")
    await tracker.track_file_create("new.txt", after=True)
    listed = await container.get(InspectFilesUseCase).list_operations("t")

    assert [finding.verdict for _, finding in listed.operations] == await verdicts(tracker)
    assert await verdicts(tracker) == [VERIFIED]


async def test_the_snapshot_of_another_task_proves_nothing(
    container: Container, tracker: FileTracker, tmp_path: Path
) -> None:
    assert tracker
    (tmp_path / "new.txt").write_text("new")
    other = container.get(TrackFileOperationsUseCase).tracker_for("another")
    await other.track_file_create("new.txt", after=True)

    assert await verdicts(other) == [Verdict.UNVERIFIABLE]
