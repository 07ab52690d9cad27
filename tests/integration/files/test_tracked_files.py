"""A specialist's file work: recorded, done once under replay, and proven before completion."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vespera import (
    Container,
    FileStore,
    TaskContext,
    TaskExecutionWorkflow,
    TrackFileOperationsUseCase,
)
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.file_operation import FileState


async def test_a_written_file_is_there_and_proven(run, tmp_path: Path, container) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.write_text("src/answer.py", "print(42)\n")

    result = await run(handler)

    assert result.completed, result.error
    assert (tmp_path / "src/answer.py").read_text() == "print(42)\n"
    verified = await container.get(TrackFileOperationsUseCase).verify_task("t")
    assert verified.verified
    assert verified.total_operations == 1
    assert result.report_id is not None


async def test_a_file_can_be_written_changed_read_and_deleted(run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> str:
        await task.files.write_text("a.txt", "one")
        await task.files.write_bytes("a.txt", b"two")
        seen = await task.files.read_text("a.txt")
        await task.files.delete("a.txt")
        await task.files.write_text("b.txt", seen)
        return seen

    result = await run(handler)

    assert result.completed, result.error
    assert result.result == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt"]


async def test_writing_what_is_there_already_is_fine(run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("same")

    async def handler(task: TaskContext) -> None:
        await task.files.write_text("a.txt", "same")

    result = await run(handler)

    assert result.completed, result.error


async def test_a_file_changed_behind_the_back_of_the_task_refuses_its_completion(
    run, tmp_path: Path, container
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.write_text("a.txt", "mine")
        (tmp_path / "a.txt").write_text("theirs")

    refused = await run(handler)

    assert not refused.success
    assert refused.status == "executed"
    assert "a.txt" in str(refused.error)
    assert refused.findings[0].verdict == "changed_since"
    workflow = container.get(TaskExecutionWorkflow)
    again = await workflow.complete_task("t")
    assert not again.success
    assert again.findings[0].path == "a.txt"
    (tmp_path / "a.txt").write_text("mine")
    assert (await workflow.complete_task("t")).completed


async def test_a_false_claim_cannot_complete(run) -> None:
    async def handler(task: TaskContext) -> str:
        await task.files.track_file_create("never.txt")
        return "written, honestly"

    refused = await run(handler)

    assert not refused.success
    assert "never.txt" in str(refused.error)
    assert refused.findings[0].verdict == "refuted"


async def test_honest_intents_of_all_kinds_complete(run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")
        (tmp_path / "a.txt").write_text("one")
        await task.files.track_file_modify("a.txt", {"why": "better"})
        (tmp_path / "a.txt").write_text("two")
        await task.files.track_file_read("a.txt")
        await task.files.track_file_delete("a.txt")
        (tmp_path / "a.txt").unlink()

    assert (await run(handler)).completed


async def test_what_is_to_be_left_can_be_said_beforehand(run, tmp_path: Path) -> None:
    promised = FileState("b3:" + "0" * 64, 4, 0o644)

    async def handler(task: TaskContext) -> None:
        await task.files.track_file_create("a.txt", expected=promised)
        (tmp_path / "a.txt").write_text("else")

    result = await run(handler)

    assert result.status == "executed"
    assert result.findings[0].reason.startswith("it was to leave a file of 4 bytes (b3:0000")


async def test_a_claim_recorded_from_outside_is_examined_too(run, container) -> None:
    async def handler(task: TaskContext) -> None:
        tracker = container.get(TrackFileOperationsUseCase).tracker_for(task.id)
        await tracker.track_file_create("never.txt")

    refused = await run(handler)

    assert refused.status == "executed"
    assert "never.txt" in str(refused.error)


async def test_a_path_outside_fails_the_task(run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.write_text("../escaped.txt", "x")

    result = await run(handler)

    assert result.status == "failed"
    assert "../escaped.txt" in str(result.error)
    assert not (tmp_path.parent / "escaped.txt").exists()


async def test_a_refused_note_is_a_value(run) -> None:
    async def handler(task: TaskContext) -> bool:
        noted = await task.files.track_file_create("../escaped.txt")
        return noted.success

    result = await run(handler)

    assert result.status == "executed"  # the gate knows of the attempt
    assert result.result is False


@pytest.mark.parametrize("act", ["write", "delete", "delete nothing"])
async def test_what_is_no_file_is_left_alone(run, tmp_path: Path, act: str) -> None:
    (tmp_path / "folder").mkdir()

    async def handler(task: TaskContext) -> None:
        if act == "write":
            await task.files.write_text("folder", "x")
        await task.files.delete("folder" if act == "delete" else "nothing")

    result = await run(handler)

    assert result.status == "failed"
    assert "FileUnreadable" in str(result.error)
    assert (tmp_path / "folder").is_dir()


async def test_a_symbolic_link_is_not_written_through(run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")

    async def handler(task: TaskContext) -> None:
        await task.files.write_text("link", "x")

    result = await run(handler)

    assert result.status == "failed"
    assert "symbolic link to 'target'" in str(result.error)


CRASHES = [
    pytest.param(FileOperationRepository, "add", 1, True, id="behind the intent"),
    pytest.param(FileStore, "write", 1, False, id="before the write"),
    pytest.param(FileStore, "write", 1, True, id="behind the write"),
    pytest.param(FileOperationRepository, "save", 1, True, id="behind the record"),
    pytest.param(FileOperationRepository, "add", 2, True, id="behind the second intent"),
    pytest.param(FileStore, "delete", 1, True, id="behind the delete"),
    pytest.param(FileOperationRepository, "save", 2, True, id="behind the record of the delete"),
]


@pytest.mark.parametrize(("port", "method", "nth", "behind"), CRASHES)
async def test_a_crash_anywhere_leaves_the_same_end(
    lives, port: type, method: str, nth: int, behind: bool
) -> None:
    (lives.workspace / "old.txt").write_text("old")

    async def handler(task: TaskContext) -> str:
        await task.files.write_text("new.txt", "new")
        await task.files.delete("old.txt")
        return "done"

    result = await lives.run(handler, port, method, nth=nth, behind=behind)

    assert result.completed, result.error
    assert lives.files() == {"new.txt": "new"}
    kept = [(op.kind, op.phase) for op in lives.operations]
    assert kept == [("create", "done"), ("delete", "done")]


async def test_a_finished_write_is_not_repeated_by_a_replay(lives) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.write_text("a.txt", "first" if task.attempt == 1 else "second")
        await task.files.read_text("a.txt")

    await lives.run(handler, FileOperationRepository, "add", nth=2, behind=True)

    assert lives.files() == {"a.txt": "first"}


async def test_somebody_else_s_edit_after_a_crash_is_not_overwritten(lives) -> None:
    async def handler(task: TaskContext) -> None:
        if task.attempt == 2:
            (lives.workspace / "a.txt").write_text("theirs")
        await task.files.write_text("a.txt", "mine")

    result = await lives.run(handler, FileStore, "write", nth=1, behind=False)

    assert result.status == "failed"
    assert "FileConflict" in str(result.error)
    assert lives.files() == {"a.txt": "theirs"}


async def test_a_replay_that_touches_other_files_is_told_so(lives) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.write_text(f"{task.attempt}.txt", "x")

    result = await lives.run(handler, FileStore, "write", nth=1, behind=True)

    assert result.status == "failed"
    assert "NonDeterministicTask" in str(result.error)
    assert "'1.txt'" in str(result.error)
    assert "'2.txt'" in str(result.error)


async def test_notes_and_reads_are_recorded_once(lives) -> None:
    (lives.workspace / "in.txt").write_text("in")
    target = lives.workspace / "a.txt"

    async def handler(task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")
        target.write_text("one")
        await task.files.read_bytes("in.txt")
        await task.files.track_file_modify("a.txt")
        target.write_text("two")
        await task.files.write_text("b.txt", "x")

    result = await lives.run(handler, FileStore, "write", nth=1, behind=True)

    assert result.completed, result.error
    assert [op.kind for op in lives.operations] == ["create", "read", "modify", "create"]


async def test_a_replay_that_says_something_else_of_a_file_is_told_so(lives) -> None:
    (lives.workspace / "a.txt").write_text("one")

    async def handler(task: TaskContext) -> None:
        if task.attempt == 1:
            await task.files.track_file_read("a.txt")
        else:
            await task.files.track_file_delete("a.txt")
        await task.files.write_text("b.txt", "x")

    result = await lives.run(handler, FileStore, "write", nth=1, behind=True)

    assert result.status == "failed"
    assert "recorded read 'a.txt'" in str(result.error)


async def test_somebody_else_s_file_in_place_of_the_one_to_delete_is_left_alone(
    lives,
) -> None:
    (lives.workspace / "old.txt").write_text("old")

    async def handler(task: TaskContext) -> None:
        if task.attempt == 2:
            (lives.workspace / "old.txt").write_text("precious")
        await task.files.delete("old.txt")

    result = await lives.run(handler, FileStore, "delete", nth=1, behind=False)

    assert result.status == "failed"
    assert "FileConflict" in str(result.error)
    assert lives.files() == {"old.txt": "precious"}


async def test_a_caller_s_own_context_is_not_mistaken_for_the_engine_s(run, container) -> None:
    async def handler(task: TaskContext) -> None:
        tracking = container.get(TrackFileOperationsUseCase)
        await tracking.track_file_read("in.txt", {"order": {"id": 7}}, task_id=task.id)
        await task.files.write_text("a.txt", "x")
        if task.attempt == 1:
            raise OSError("again")

    (Path(container.config.workspace()) / "in.txt").write_text("in")

    result = await run(handler, retry={"max_attempts": 2, "delay": 0})

    assert result.completed, result.error


@pytest.mark.parametrize("name", ["w.db", "w.db-wal", "w.db.lock", "w.db.owners/somebody"])
async def test_the_database_in_the_workspace_is_nobody_s_business(
    tmp_path: Path, name: str
) -> None:
    """To hash it would drop the locks by which SQLite keeps it whole."""
    (tmp_path / "link").symlink_to(tmp_path)
    settings = {"database_url": str(tmp_path / "link" / "w.db"), "workspace": str(tmp_path)}
    async with Container(settings) as container:
        tracking = container.get(TrackFileOperationsUseCase)

        refused = await tracking.track_file_read(name)
        fine = await tracking.track_file_read("w.db.txt")

    assert not refused.success
    assert "Vespera's own database" in str(refused.error)
    assert fine.success


async def test_what_is_asked_for_side_by_side_at_one_path_keeps_its_order(lives) -> None:
    async def handler(task: TaskContext) -> None:
        copies = (task.files.copy("a.txt", f"{n}.txt") for n in range(5))
        await task.files.write_text("a.txt", "x")
        await asyncio.gather(*copies)
        await task.files.delete("a.txt")

    result = await lives.run(handler, FileStore, "delete", nth=1, behind=True)

    assert result.completed, result.error
    assert lives.files() == {f"{n}.txt": "x" for n in range(5)}


async def test_what_is_appended_side_by_side_is_all_there(run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> None:
        await asyncio.gather(*(task.files.append("log.txt", str(n)) for n in range(5)))

    result = await run(handler)

    assert result.completed, result.error
    assert (tmp_path / "log.txt").read_text() == "01234"


async def test_tasks_that_append_to_one_file_at_once_lose_nothing(
    container: Container, tmp_path: Path
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.files.append("log.txt", f"{task.payload['name']}\n")

    container.get(Specialists).register("worker", handler)
    workflow = container.get(TaskExecutionWorkflow)
    names = [str(number) for number in range(5)]
    results = await asyncio.gather(
        *(workflow.run(title="A", specialist_type="worker", payload={"name": n}) for n in names)
    )

    assert sorted((tmp_path / "log.txt").read_text().split()) == names
    assert all(result.completed for result in results), [result.error for result in results]


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda files: files.write_bytes("a.txt", "text"), "content: must be bytes, not str"),
        (lambda files: files.write_text("a.txt", None), "content: must be text, not NoneType"),
        (lambda files: files.write_text("a.txt", "\ud800"), "content: cannot be written: 'utf-8'"),
        (lambda files: files.write_text("a.txt", "x", encoding="no"), "unknown encoding: no"),
        (lambda files: files.append("a.txt", 5), "content: must be bytes, not int"),
        (lambda files: files.move("a.txt", "b", overwrite="no"), "overwrite: must be True or"),
        (lambda files: files.copy("a.txt", "b", overwrite=1), "overwrite: must be True or False"),
        (lambda files: files.mkdir("a", exist_ok="no"), "exist_ok: must be True or False"),
    ],
)
async def test_what_is_of_the_wrong_type_is_refused_by_name(
    run, act: Callable[[Any], Awaitable[None]], told: str
) -> None:
    result = await run(lambda task: act(task.files))

    assert result.status == "failed"
    assert told in str(result.error)
