"""Moves, copies, directories, links, modes and appended text in a specialist's hands."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import (
    Container,
    FileStore,
    InspectFilesUseCase,
    TaskContext,
    TaskExecutionWorkflow,
    TrackFileOperationsUseCase,
)
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import FileUnreadable

Act = Callable[[Any], Awaitable[None]]
ACTS: dict[str, tuple[Act, str]] = {
    "append": (lambda files: files.append("log.txt", "two"), "write"),
    "move": (lambda files: files.move("old.txt", "new/place.txt"), "move"),
    "move over": (lambda files: files.move("old.txt", "log.txt", overwrite=True), "move"),
    "move a directory": (lambda files: files.move("full", "moved"), "move"),
    "copy": (lambda files: files.copy("old.txt", "new/copy.txt"), "copy"),
    "copy over": (lambda files: files.copy("old.txt", "log.txt", overwrite=True), "copy"),
    "mkdir": (lambda files: files.mkdir("made/below"), "make_directory"),
    "rmdir": (lambda files: files.rmdir("empty"), "remove_directory"),
    "symlink": (lambda files: files.symlink("link", "old.txt"), "make_link"),
    "chmod": (lambda files: files.chmod("old.txt", 0o750), "change_mode"),
}

DIRECTORY = "755 directory"
ENDS = {
    "append": {"log.txt": "644 one, two"},
    "move": {"old.txt": "", "new": DIRECTORY, "new/place.txt": "640 old"},
    "move over": {"old.txt": "", "log.txt": "640 old"},
    "move a directory": {
        "full": "",
        "full/a.txt": "",
        "moved": DIRECTORY,
        "moved/a.txt": "644 a",
    },
    "copy": {"new": DIRECTORY, "new/copy.txt": "640 old"},
    "copy over": {"log.txt": "640 old"},
    "mkdir": {"made": DIRECTORY, "made/below": DIRECTORY},
    "rmdir": {"empty": ""},
    "symlink": {"link": "-> old.txt"},
    "chmod": {"old.txt": "750 old"},
}


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def lay_out(workspace: Path) -> None:
    (workspace / "log.txt").write_text("one, ")
    (workspace / "old.txt").write_text("old")
    (workspace / "old.txt").chmod(0o640)
    (workspace / "empty").mkdir()
    (workspace / "full").mkdir()
    (workspace / "full" / "a.txt").write_text("a")


def layout(workspace: Path) -> dict[str, str]:
    """Everything there is, with content, target or mode."""
    found = {}
    for path in sorted(workspace.rglob("*")):
        mode = f"{path.lstat().st_mode & 0o7777:o}"
        if path.is_symlink():
            told = f"-> {path.readlink()}"
        else:
            told = f"{mode} directory" if path.is_dir() else f"{mode} {path.read_text()}"
        found[str(path.relative_to(workspace))] = told
    return found


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_is_done_recorded_and_proven(
    run, container, tmp_path: Path, name: str
) -> None:
    act, _ = ACTS[name]
    lay_out(tmp_path)

    async def handler(task: TaskContext) -> None:
        await act(task.files)

    result = await run(handler)

    assert result.completed, result.error
    verified = await container.get(TrackFileOperationsUseCase).verify_task("t")
    assert verified.verified
    assert verified.total_operations == 1


MOMENTS = ["behind the intent", "before the act", "behind the act", "behind the record"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", ACTS)
async def test_a_crash_at_any_moment_of_an_act_leaves_the_same_end(
    lives, name: str, moment: str
) -> None:
    act, method = ACTS[name]
    lay_out(lives.workspace)
    before = layout(lives.workspace)

    async def handler(task: TaskContext) -> str:
        await act(task.files)
        await task.files.write_text("end.txt", "end")
        return "done"

    port, calls = (FileOperationRepository, {"behind the intent": "add"})
    if moment in {"before the act", "behind the act"}:
        port, called = FileStore, method
    else:
        called = calls.get(moment, "save")
    behind = moment != "before the act"
    result = await lives.run(handler, port, called, nth=1, behind=behind)

    assert result.completed, result.error
    expected = {**before, **ENDS[name], "end.txt": "644 end"}
    assert layout(lives.workspace) == {path: told for path, told in expected.items() if told}
    assert [op.phase for op in lives.operations] == ["done", "done"]


@pytest.mark.parametrize("name", ["append", "move", "copy", "chmod", "rmdir", "symlink", "mkdir"])
async def test_what_somebody_else_did_after_a_crash_is_left_alone(lives, name: str) -> None:
    act, method = ACTS[name]
    lay_out(lives.workspace)

    async def handler(task: TaskContext) -> None:
        if task.attempt == 2:
            meddle(name, lives.workspace)
        await act(task.files)

    result = await lives.run(handler, FileStore, method, nth=1, behind=False)

    assert result.status == "failed"
    assert "FileConflict" in str(result.error)


def meddle(name: str, workspace: Path) -> None:
    match name:
        case "append":
            (workspace / "log.txt").write_text("theirs")
        case "rmdir":
            (workspace / "empty").rmdir()
            (workspace / "empty").write_text("theirs")
        case "symlink":
            (workspace / "link").symlink_to("theirs")
        case "mkdir":
            (workspace / "made").mkdir()
            (workspace / "made" / "below").write_text("theirs")
        case _:
            (workspace / "old.txt").write_text("theirs")


async def test_what_somebody_writes_while_text_is_being_appended_is_left_alone(
    tmp_path: Path,
) -> None:
    lay_out(tmp_path)
    container = Container(workspace=str(tmp_path))
    real = container.get(FileOperationRepository)
    meddled = AsyncMock(wraps=real)

    async def add(*given: Any) -> None:
        await real.add(*given)
        (tmp_path / "log.txt").write_text("theirs")

    meddled.add = add
    container.override(FileOperationRepository, meddled)

    async def handler(task: TaskContext) -> None:
        await task.files.append("log.txt", "two")

    async with container:
        container.get(Specialists).register("worker", handler)
        workflow = container.get(TaskExecutionWorkflow)
        result = await workflow.run(title="A", specialist_type="worker")

    assert result.status == "failed"
    assert "FileConflict" in str(result.error)
    assert (tmp_path / "log.txt").read_text() == "theirs"


IMPOSSIBLE: list[tuple[Act, str]] = [
    (lambda files: files.move("nothing", "b"), "'nothing' cannot be moved: there is nothing"),
    (lambda files: files.move("old.txt", "log.txt"), "'log.txt' cannot be the destination"),
    (lambda files: files.move("old.txt", "full", overwrite=True), "there is a directory"),
    (lambda files: files.move("full", "full/below"), "'full' cannot be moved"),
    (lambda files: files.move("full", "full/a/b"), "'full/a/b' would be within it"),
    (lambda files: files.copy("old.txt", "old.txt/b"), "'old.txt/b' would be within it"),
    (lambda files: files.copy("full", "copy"), "'full' cannot be copied: there is a directory"),
    (lambda files: files.copy("old.txt", "log.txt"), "say overwrite=True"),
    (lambda files: files.mkdir("full"), "'full' cannot be made a directory"),
    (lambda files: files.mkdir("old.txt", exist_ok=True), "'old.txt' cannot be made a directory"),
    (lambda files: files.rmdir("full"), "Directory not empty"),
    (lambda files: files.rmdir("old.txt"), "'old.txt' cannot be removed as a directory"),
    (lambda files: files.symlink("old.txt", "x"), "'old.txt' cannot be made a symbolic link"),
    (lambda files: files.symlink("link", ""), "target: must not be empty"),
    (lambda files: files.symlink("link", "\ud800"), "target: '\\ud800' has characters that no"),
    (lambda files: files.chmod("nothing", 0o600), "'nothing' cannot be given another mode"),
    (lambda files: files.chmod("old.txt", 0o77777), "mode: must be permission bits"),
    (lambda files: files.move("old.txt", "../out.txt"), "outside the workspace"),
    (lambda files: files.copy("/etc/passwd", "passwd"), "outside the workspace"),
]


@pytest.mark.parametrize(("act", "told"), IMPOSSIBLE)
async def test_what_cannot_be_done_is_told_and_changes_nothing(
    run, tmp_path: Path, act: Act, told: str
) -> None:
    lay_out(tmp_path)
    before = layout(tmp_path)

    async def handler(task: TaskContext) -> None:
        await act(task.files)

    result = await run(handler)

    assert result.status == "failed"
    assert told in str(result.error)
    assert layout(tmp_path) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda files: files.write_text("old.txt/below", "x"),
        lambda files: files.append("old.txt/below", "x"),
        lambda files: files.move("full", "full/below"),
        lambda files: files.move("old.txt", "log.txt/below"),
        lambda files: files.copy("old.txt", "log.txt/below"),
        lambda files: files.mkdir("old.txt/below"),
        lambda files: files.rmdir("full"),
        lambda files: files.symlink("link", "x" * 5000),
    ],
)
async def test_what_cannot_be_done_is_not_held_against_who_goes_on_without_it(
    run, container, tmp_path: Path, act: Act
) -> None:
    lay_out(tmp_path)

    async def handler(task: TaskContext) -> None:
        with pytest.raises(FileUnreadable):
            await act(task.files)
        await task.files.write_text("instead.txt", "x")

    result = await run(handler)

    assert result.completed, result.error
    said = await container.get(FileOperationRepository).of_task(result.task_id)
    assert [str(operation.phase) for operation in said] == ["failed", "done"]
    listed = await container.get(InspectFilesUseCase).list_operations(result.task_id)
    assert [operation.path for operation, _ in listed.operations] == ["instead.txt"]
    judged = await container.get(TrackFileOperationsUseCase).verify_operation(said[0].id)
    assert "is what failed" in str(judged.error)


async def test_a_directory_that_is_there_may_be_asked_for(run, container, tmp_path: Path) -> None:
    lay_out(tmp_path)

    async def handler(task: TaskContext) -> None:
        await task.files.mkdir("full", exist_ok=True)
        await task.files.mkdir("new", exist_ok=True)

    result = await run(handler)

    assert result.completed, result.error
    operations = await container.get(FileOperationRepository).of_task("t")
    assert [operation.path for operation in operations] == ["new"]


async def test_bytes_are_appended_to_a_file_that_is_not_there(run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> None:
        for line in (b"\x00\xff\n", b"2\r\n"):
            await task.files.append("log", line)

    result = await run(handler)

    assert result.completed, result.error
    assert (tmp_path / "log").read_bytes() == b"\x00\xff\n2\r\n"


async def test_a_mode_that_it_has_already_is_no_failure(run, tmp_path: Path) -> None:
    lay_out(tmp_path)

    async def handler(task: TaskContext) -> None:
        await task.files.chmod("old.txt", 0o640)

    assert (await run(handler)).completed


async def test_notes_of_moves_and_their_kin_are_recorded_once(lives) -> None:
    lay_out(lives.workspace)

    async def handler(task: TaskContext) -> None:
        files, here = task.files, lives.workspace
        await files.track_mkdir("new")
        (here / "new").mkdir(exist_ok=True)
        await files.track_file_copy("old.txt", "new/copy.txt")
        (here / "new" / "copy.txt").write_text("old")
        await files.track_rmdir("empty")
        if (here / "empty").exists():
            (here / "empty").rmdir()
        await files.track_symlink("link", "log.txt")
        if not (here / "link").is_symlink():
            (here / "link").symlink_to("log.txt")
        await files.track_chmod("log.txt", 0o600)
        (here / "log.txt").chmod(0o600)
        await files.track_file_move("old.txt", "moved.txt")
        if (here / "old.txt").exists():
            (here / "old.txt").rename(here / "moved.txt")
        await files.write_text("end.txt", "end")

    result = await lives.run(handler, FileStore, "write", nth=1, behind=True)

    assert result.completed, result.error
    kinds = ["mkdir", "copy", "rmdir", "symlink", "chmod", "move", "create"]
    assert [op.kind for op in lives.operations] == kinds


async def test_a_replay_that_moves_to_another_place_is_told_so(lives) -> None:
    lay_out(lives.workspace)

    async def handler(task: TaskContext) -> None:
        await task.files.move("old.txt", f"{task.attempt}.txt")

    result = await lives.run(handler, FileStore, "move", nth=1, behind=True)

    assert result.status == "failed"
    assert "recorded move 'old.txt' -> '1.txt'" in str(result.error)
    assert "asks for move 'old.txt' -> '2.txt'" in str(result.error)
