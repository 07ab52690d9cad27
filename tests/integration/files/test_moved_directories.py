"""Directories that are moved with what is in them, at the gate."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, Verdict
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.tracked_files import TaskFiles

Work = Callable[[Path, TaskFiles], Awaitable[None]]


def put(root: Path, path: str, text: str = "x") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


async def made_filled_moved(root: Path, files: TaskFiles) -> None:
    await files.mkdir("n")
    await files.write_text("n/x", "x")
    await files.write_text("n/sub/y", "x")
    await files.move("n", "m")


async def then_changed(root: Path, files: TaskFiles) -> None:
    await files.mkdir("n")
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.write_text("m/x", "y")
    await files.append("m/x", "z")


async def then_deleted(root: Path, files: TaskFiles) -> None:
    await files.mkdir("n")
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.delete("m/x")


async def chain(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.move("m", "o")
    await files.move("o", "n")


async def chain_out(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.move("m/x", "q")
    await files.rmdir("m")


async def swap(root: Path, files: TaskFiles) -> None:
    await files.write_text("a/x", "a")
    await files.write_text("b/x", "b")
    await files.move("a", "t")
    await files.move("b", "a")
    await files.move("t", "b")


async def intents(root: Path, files: TaskFiles) -> None:
    await files.track_file_create("n/x")
    put(root, "n/x")
    await files.track_file_move("n", "m")
    (root / "n").rename(root / "m")


async def intents2(root: Path, files: TaskFiles) -> None:
    await files.track_file_create("n/x")
    put(root, "n/x")
    await files.track_file_move("n", "m")
    (root / "n").rename(root / "m")
    await files.track_file_modify("m/x")
    put(root, "m/x", "new")


async def both(root: Path, files: TaskFiles) -> None:
    await files.track_file_create("n/x")
    put(root, "n/x")
    await files.track_file_create("n/x", after=True)
    await files.track_file_move("n", "m")
    (root / "n").rename(root / "m")
    await files.track_file_move("n", "m", after=True)


async def rewrite_old(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.write_text("n/x", "again")


async def read_then_move(root: Path, files: TaskFiles) -> None:
    put(root, "in/x")
    await files.allow("in/**")
    await files.read_text("in/x")
    await files.move("in", "out")


async def lost(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    (root / "m/x").unlink()


async def tampered(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    put(root, "m/x", "evil")


async def tampered2(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.move("n", "m")
    await files.move("m", "o")
    put(root, "o/x", "evil")


async def tampered_before(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    put(root, "n/x", "evil")
    await files.move("n", "m")


async def never(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.track_file_create("n/y")
    await files.move("n", "m")


async def announced_only(root: Path, files: TaskFiles) -> None:
    await files.write_text("n/x", "x")
    await files.track_file_move("n", "m")


async def lied(root: Path, files: TaskFiles) -> None:
    await files.track_file_create("n/x")
    (root / "n").mkdir()
    await files.track_file_move("n", "m")
    (root / "n").rename(root / "m")


HONEST: list[Work] = [
    made_filled_moved,
    then_changed,
    then_deleted,
    chain,
    chain_out,
    swap,
    intents,
    intents2,
    both,
    rewrite_old,
    read_then_move,
]
UNTRUE: list[Work] = [lost, tampered, tampered2, tampered_before, never, announced_only, lied]


@pytest.fixture(params=["off", "around"])
async def run(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    async with Container(workspace=str(tmp_path), snapshot_tasks=request.param) as container:

        async def run_work(work: Work) -> Any:
            async def handler(task: TaskContext) -> None:
                await work(tmp_path, task.files)

            container.get(Specialists).register("worker", handler)
            workflow = container.get(TaskExecutionWorkflow)
            result = await workflow.run(title="A", specialist_type="worker", task_id="t")
            verified = await container.get("track_file_operations").verify_all()
            return result, verified.verified

        yield run_work


@pytest.mark.parametrize("work", HONEST)
async def test_honest_work_in_a_directory_that_is_moved_passes(run: Any, work: Work) -> None:
    result, verified = await run(work)

    assert (result.status, verified) == ("completed", True), result.error


@pytest.mark.parametrize("work", UNTRUE)
async def test_what_is_not_so_in_a_directory_that_was_moved_is_refused(
    run: Any, work: Work
) -> None:
    result, verified = await run(work)

    assert (result.status, verified) == ("executed", False)


async def test_it_is_told_where_what_was_taken_along_is_not_as_it_was(run: Any) -> None:
    result, _ = await run(tampered)

    finding = next(one for one in result.findings if one.operation_id)
    assert (finding.path, finding.verdict) == ("n/x", Verdict.CHANGED_SINCE)
    assert finding.reason.startswith("it was taken along to 'm/x': true when done")
