"""What changed in a real workspace, and who declared it."""

from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TrackFileOperationsUseCase
from vespera.application.usecases.find_undeclared import FindUndeclaredUseCase
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.undeclared import Account


class Desk:
    """A workspace of which a snapshot was taken before a task began."""

    def __init__(self, container: Container, workspace: Path) -> None:
        self.workspace = workspace
        self.tracking = container.get(TrackFileOperationsUseCase)
        self.snapshots = container.get(SnapshotWorkspaceUseCase)
        self.search = container.get(FindUndeclaredUseCase)
        self.tracker = self.tracking.tracker_for("task")

    async def begin(self) -> None:
        taken = await self.snapshots.take("task")
        assert taken.success, taken.error

    async def accounts(self, task_id: str | None = "task", **options: Any) -> dict[str, str]:
        found = await self.search.find(task_id, **options)
        assert found.success, found.error
        return {one.change.path: one.account.value for one in found.accounted}


@pytest.fixture
async def desk(container: Container, tmp_path: Path) -> Desk:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    desk = Desk(container, tmp_path)
    await desk.begin()
    return desk


async def test_where_nothing_changed_nothing_is_undeclared(desk: Desk) -> None:
    assert await desk.accounts() == {}


async def test_an_edit_through_the_shell_is_seen(desk: Desk) -> None:
    await desk.tracker.track_file_create("said.txt")
    (desk.workspace / "said.txt").write_text("said")
    (desk.workspace / "unsaid.txt").write_text("unsaid")
    (desk.workspace / "old.txt").write_text("changed")
    (desk.workspace / "sub" / "a.txt").unlink()

    found = await desk.search.find("task")

    assert [(change.path, change.kind) for change in found.undeclared] == [
        ("old.txt", "modified"),
        ("sub/a.txt", "removed"),
        ("unsaid.txt", "added"),
    ]
    assert found.since is not None
    assert found.since.task_id == "task"


async def test_what_another_task_declared_is_put_down_to_it(desk: Desk) -> None:
    other = desk.tracking.tracker_for("other")
    await other.track_file_modify("old.txt")
    (desk.workspace / "old.txt").write_text("theirs")
    (desk.workspace / "new.txt").write_text("whose?")

    found = await desk.search.find("task")

    foreign, nobody = found.accounted[1], found.accounted[0]
    assert (foreign.change.path, foreign.account, foreign.tasks) == (
        "old.txt",
        Account.FOREIGN,
        ["other"],
    )
    assert (nobody.change.path, nobody.account) == ("new.txt", Account.UNDECLARED)


async def test_what_was_declared_and_done_before_the_snapshot_tells_nothing_of_it(
    desk: Desk,
) -> None:
    other = desk.tracking.tracker_for("other")
    await other.track_file_modify("old.txt", after=True)
    await desk.snapshots.take("later")
    (desk.workspace / "old.txt").write_text("changed behind it")

    assert await desk.accounts("later") == {"old.txt": "undeclared"}
    assert await desk.accounts(None) == {"old.txt": "undeclared"}


async def test_a_moved_directory_takes_along_what_is_in_it(desk: Desk) -> None:
    await desk.tracker.track_file_move("sub", "moved")
    (desk.workspace / "sub").rename(desk.workspace / "moved")
    (desk.workspace / "moved" / "more.txt").write_text("more")

    assert await desk.accounts() == {
        "moved": "own",
        "moved/a.txt": "own",
        "moved/more.txt": "undeclared",
        "sub": "own",
        "sub/a.txt": "own",
    }


async def test_another_task_s_directory_is_found_by_what_is_in_it(desk: Desk) -> None:
    other = desk.tracking.tracker_for("other")
    await other.track_rmdir("sub")
    (desk.workspace / "sub" / "a.txt").unlink()
    (desk.workspace / "sub").rmdir()

    assert await desk.accounts() == {"sub": "foreign", "sub/a.txt": "foreign"}


async def test_what_is_allowed_or_ignored_is_not_undeclared(desk: Desk) -> None:
    (desk.workspace / ".gitignore").write_text("*.pyc\n")
    for name in ("a.pyc", "build.log", "other.txt"):
        (desk.workspace / name).write_text("")

    accounts = await desk.accounts(allowed=["*.log", ".gitignore"])

    assert accounts == {
        ".gitignore": "allowed",
        "build.log": "allowed",
        "other.txt": "undeclared",
    }


async def test_without_a_task_whatever_any_of_them_declared_is_declared(desk: Desk) -> None:
    await desk.tracker.track_file_modify("old.txt")
    (desk.workspace / "old.txt").write_text("new")
    (desk.workspace / "unsaid.txt").write_text("unsaid")

    assert await desk.accounts(None) == {"old.txt": "own", "unsaid.txt": "undeclared"}


async def test_a_task_s_window_begins_with_its_first_snapshot(desk: Desk) -> None:
    (desk.workspace / "early.txt").write_text("early")
    await desk.snapshots.take("task")
    await desk.snapshots.take("other")
    (desk.workspace / "late.txt").write_text("late")

    assert set(await desk.accounts()) == {"early.txt", "late.txt"}
    assert set(await desk.accounts("other")) == {"late.txt"}
    assert set(await desk.accounts("task", since="newest")) == {"late.txt"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task_id": "nobody"}, "No snapshot was taken for task 'nobody'"),
        ({"since": "no such"}, "No snapshot has the id 'no such'"),
        ({"task_id": ""}, "task_id: must be text"),
        ({"since": 7}, "since: must be text"),
        ({"allowed": "**"}, "allowed: must be a list of patterns"),
        ({"allowed": [""]}, "allowed: '' is no pattern"),
    ],
)
async def test_what_cannot_be_found_out_is_told(
    desk: Desk, given: dict[str, Any], told: str
) -> None:
    found = await desk.search.find(**given)

    assert not found.success
    assert told in str(found.error)


async def test_without_any_snapshot_one_is_asked_for(container: Container) -> None:
    found = await container.get(FindUndeclaredUseCase).find()

    assert found.error == "There is no snapshot yet; take one first."
