"""What an attempt before said of files does not spoil the proof of the one after."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskResult
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists


class Writer:
    """Writes a file, in a way that its ``habit`` says."""

    def __init__(self, workspace: Path) -> None:
        self.workspace, self.habit = workspace, "clean"

    async def execute(self, task: TaskContext) -> str:
        doing = getattr(self, self.habit)
        await doing(task)
        return self.habit

    async def clean(self, task: TaskContext) -> None:
        await task.files.write_text("a.txt", "a whole report")
        await task.files.write_text("b.txt", "an index")

    async def overwritten(self, task: TaskContext) -> None:
        await self.clean(task)
        (self.workspace / "a.txt").write_text("somebody else's")

    async def all_talk(self, task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")
        await task.files.write_text("b.txt", "an index")

    async def breaks_off(self, task: TaskContext) -> None:
        await task.files.write_text("a.txt", "a whole report")
        raise ValueError("no ink")

    async def takes_back(self, task: TaskContext) -> None:
        async def remove(_given: object) -> None:
            await task.files.delete("a.txt")

        await task.files.write_text("a.txt", "a whole report")
        await task.step("announce", lambda: "out now", undo=remove)
        if task.attempt == 1:
            raise ValueError("too early")

    async def second_thoughts(self, task: TaskContext) -> None:
        await task.files.write_text("a.txt", f"draft {task.attempt}")
        await task.files.append("log.txt", f"attempt {task.attempt}\n")
        await task.files.append("kept.txt", "once")
        await task.files.chmod("kept.txt", 0o600 if task.attempt == 1 else 0o640)
        if task.attempt == 1:
            await task.files.write_text("error.txt", "no ink")
            raise ValueError("no ink")
        await task.files.write_text("b.txt", "an index")

    async def mends_what_it_read(self, task: TaskContext) -> str:
        paper = self.workspace / "paper.txt"
        if task.attempt == 1:
            paper.write_text("wet")
        content = await task.files.read_text("paper.txt")
        if task.attempt == 1:
            await task.files.read_text("paper.txt")
            paper.write_text("dry")
            raise ValueError("no ink")
        return content

    async def has_it_changed_before_it_reads_again(self, task: TaskContext) -> str:
        paper = self.workspace / "paper.txt"
        if task.attempt == 1:
            paper.write_text("wet")
        else:  # as somebody else might
            paper.write_text("dry")
        content = await task.files.read_text("paper.txt")
        if task.attempt == 1:
            raise ValueError("no ink")
        return content

    async def announces_something_else(self, task: TaskContext) -> None:
        name = "a.txt" if task.attempt == 1 else "b.txt"
        await task.files.track_file_create(name)
        if task.attempt == 1:
            raise ValueError("no ink")
        (self.workspace / name).write_text("an index")

    async def claims_again(self, task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")
        (self.workspace / "a.txt").write_text(f"draft {task.attempt}")
        await task.files.track_file_create("a.txt", after=True)
        await task.files.track_file_create("b.txt")
        (self.workspace / "b.txt").write_text("the same")
        await task.files.track_file_create("b.txt", after=True)
        await task.files.track_file_read("a.txt", after=True)
        if task.attempt == 1:
            raise ValueError("no ink")


TRIED_TWICE: Any = {
    "title": "t",
    "specialist_type": "writer",
    "retry": {"max_attempts": 2, "delay": 0},
}


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[Container]:
    async with Container(workspace=str(tmp_path)) as container:
        yield container


@pytest.fixture
def writer(container: Container, tmp_path: Path) -> Writer:
    writer = Writer(tmp_path)
    container.get(Specialists).register("writer", writer)
    return writer


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def again(orchestrator: TaskOrchestrator, writer: Writer, *habits: str) -> list[TaskResult]:
    """The first habit, and then the others, one after each retry."""
    writer.habit = habits[0]
    request: Any = {"title": "t", "specialist_type": "writer", "task_id": "t"}
    results = [await orchestrator.run(request)]
    for habit in habits[1:]:
        writer.habit = habit
        assert (await orchestrator.retry_task("t")).success
        results.append(await orchestrator.execute_task("t"))
    return results


@pytest.mark.parametrize("habit", ["overwritten", "all_talk"])
async def test_what_the_proof_gate_refused_is_done_anew(
    orchestrator: TaskOrchestrator, writer: Writer, tmp_path: Path, habit: str
) -> None:
    refused, done = await again(orchestrator, writer, habit, "clean")

    assert (refused.status, len(refused.findings)) == ("executed", 1)
    assert (done.status, done.result) == ("completed", "clean")
    assert (tmp_path / "a.txt").read_text() == "a whole report"


async def test_what_was_put_right_meanwhile_stays_as_it_is(
    orchestrator: TaskOrchestrator, writer: Writer, tmp_path: Path, container: Container
) -> None:
    await again(orchestrator, writer, "overwritten")
    before = await container.get(FileOperationRepository).of_task("t")
    (tmp_path / "a.txt").write_text("a whole report")
    writer.habit = "clean"
    await orchestrator.retry_task("t")

    assert (await orchestrator.execute_task("t")).status == "completed"
    assert list(await container.get(FileOperationRepository).of_task("t")) == list(before)


async def test_a_refused_task_may_be_refused_again(
    orchestrator: TaskOrchestrator, writer: Writer
) -> None:
    results = await again(orchestrator, writer, "overwritten", "overwritten", "clean")

    assert [str(result.status) for result in results] == ["executed", "executed", "completed"]


async def test_what_was_written_before_a_failure_is_proven_with_the_rest(
    orchestrator: TaskOrchestrator, writer: Writer, container: Container
) -> None:
    failed, done = await again(orchestrator, writer, "breaks_off", "clean")
    said = await container.get(FileOperationRepository).of_task("t")

    assert (failed.status, done.status) == ("failed", "completed")
    assert [operation.path for operation in said] == ["a.txt", "b.txt"]


async def test_a_file_that_was_taken_back_is_written_again(
    orchestrator: TaskOrchestrator, writer: Writer, tmp_path: Path
) -> None:
    failed, done = await again(orchestrator, writer, "takes_back", "takes_back")

    assert (failed.status, done.status) == ("failed", "completed")
    assert (tmp_path / "a.txt").read_text() == "a whole report"


async def test_what_is_written_otherwise_after_a_failure_is_written(
    orchestrator: TaskOrchestrator, writer: Writer, tmp_path: Path
) -> None:
    writer.habit = "second_thoughts"
    done = await orchestrator.run(TRIED_TWICE)

    assert done.status == "completed", done.error
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.txt": "draft 2",
        "b.txt": "an index",
        "error.txt": "no ink",
        "kept.txt": "once",
        "log.txt": "attempt 1\nattempt 2\n",
    }
    assert (tmp_path / "kept.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "habit", ["mends_what_it_read", "announces_something_else", "claims_again"]
)
async def test_what_was_said_before_a_failure_and_is_outdated_is_not_held_against_the_task(
    orchestrator: TaskOrchestrator, writer: Writer, habit: str
) -> None:
    writer.habit = habit
    done = await orchestrator.run(TRIED_TWICE)

    assert done.status == "completed", (done.error, done.findings)


async def test_what_is_read_anew_and_is_another_now_takes_the_place_of_what_was_read(
    orchestrator: TaskOrchestrator, writer: Writer, container: Container
) -> None:
    writer.habit = "has_it_changed_before_it_reads_again"

    result = await orchestrator.run({**TRIED_TWICE, "task_id": "t"})

    assert (result.status, result.error) == ("completed", None)
    [read] = await container.get(FileOperationRepository).of_task("t")
    assert read.kind == "read"
