"""What a task did to files is taken back, and nothing else."""

import os
from contextlib import suppress

import pytest

from vespera import TaskExecutionWorkflow, TaskOrchestrator
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import PathRefused
from vespera.domain.rollback import StepKind
from vespera.domain.verification import Verdict


async def every_kind(task):
    files = task.files
    await files.write_text("new.txt", "new")
    await files.write_text("changed.txt", "changed")
    await files.append("longer.txt", ", and more")
    await files.delete("deleted.txt")
    await files.move("here.txt", "there.txt")
    await files.copy("changed.txt", "copied.txt")
    await files.mkdir("made")
    await files.write_text("made/inside.txt", "inside")
    await files.rmdir("empty")
    await files.symlink("link", "changed.txt")
    await files.chmod("locked.txt", 0o4700)
    await files.chmod("folder", 0o500)
    await files.read_text("kept.txt")


@pytest.fixture
def before(workspace, tree):
    for name in ("changed", "longer", "deleted", "here", "locked", "kept", "others"):
        (workspace / f"{name}.txt").write_text(f"{name} as it was")
    (workspace / "deleted.txt").chmod(0o640)
    (workspace / "changed.txt").chmod(0o755)
    (workspace / "empty").mkdir(mode=0o711)
    (workspace / "folder").mkdir()
    return tree()


async def test_all_that_a_task_did_is_taken_back(run, rolling, tree, before):
    assert (await run("a", every_kind)).success
    assert tree() != before
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert tree() == before
    assert len(result.steps) == 13


async def test_a_plan_changes_nothing_and_tells_what_would_be_done(run, rolling, tree, before):
    await run("a", every_kind)
    after = tree()
    plan = await rolling.plan("a")

    assert tree() == after
    assert plan.success
    assert not plan.conflicts
    done = (await rolling.roll_back("a")).steps
    assert [(step.path, step.kind) for step in plan.steps] == [(s.path, s.kind) for s in done]
    assert {step.kind for step in done} == set(StepKind)


async def test_a_rollback_can_be_taken_back_and_that_too_and_that_too(run, rolling, tree, before):
    await run("a", every_kind)
    after = tree()
    first = await rolling.roll_back("a")
    second = await rolling.undo(first.rollback_id)

    assert second.success, second.error
    assert tree() == after
    third = await rolling.undo("rollback:" + first.rollback_id)
    assert third.success, third.error
    assert tree() == before


async def test_what_was_taken_back_and_put_there_again_can_be_taken_back(
    run, rolling, tree, before
):
    await run("a", every_kind)
    await rolling.roll_back("a")
    await rolling.undo("a")
    again = await rolling.roll_back("a")

    assert again.success, again.error
    assert tree() == before


async def test_taking_back_twice_is_taking_back_once(run, rolling, tree, before):
    await run("a", every_kind)
    await rolling.roll_back("a")
    again = await rolling.roll_back("a")

    assert (again.success, again.rollback_id, again.steps) == (True, None, ())
    assert tree() == before


async def test_the_task_is_verified_as_superseded_and_the_rollback_as_done(
    run, rolling, container, before
):
    await run("a", every_kind)
    result = await rolling.roll_back("a")
    tracking = container.get(TrackFileOperationsUseCase)

    own = await tracking.verify_task("a")
    changed = {f.verdict for f in own.findings if f.path != "kept.txt"}
    assert changed == {Verdict.SUPERSEDED}, [str(f) for f in own.findings]
    of_rollback = await tracking.verify_task(f"rollback:{result.rollback_id}")
    assert {f.verdict for f in of_rollback.findings} == {Verdict.VERIFIED}


async def test_names_that_are_no_utf_8_are_taken_back(run, rolling, workspace, tree):
    name = os.fsdecode(b"caf\xe9")
    (workspace / name).write_text("old")
    before = tree()

    async def handler(task):
        await task.files.write_text(os.fsencode(name), "new")
        await task.files.write_text(b"\xff\xfe", "new")

    await run("a", handler)
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert tree() == before


async def test_what_takes_the_place_of_another_kind_of_thing_is_taken_back(
    run, rolling, workspace, tree
):
    (workspace / "file").write_text("a file")
    (workspace / "link").symlink_to("file")
    (workspace / "folder").mkdir(mode=0o750)
    before = tree()

    async def handler(task):
        for path in ("file", "link"):
            await task.files.delete(path)
        await task.files.rmdir("folder")
        await task.files.mkdir("file")
        await task.files.write_text("file/below", "below")
        await task.files.write_text("link", "a file now")
        await task.files.symlink("folder", "nowhere")

    await run("a", handler)
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert tree() == before


async def test_only_one_attempt_is_taken_back(run, rolling, workspace, tree, container):
    (workspace / "a.txt").write_text("old")

    async def handler(task):
        await task.files.write_text("1.txt", "once")
        if task.attempt == 1:
            raise OSError("again")
        await task.files.track_file_create("2.txt")
        (workspace / "2.txt").write_text("said and done")

    retry = {"max_attempts": 2, "delay": 0.0}
    result = await run("a", handler, retry=retry)
    assert result.success, result.error
    recorded = await container.get(FileOperationRepository).of_task("a")
    assert [(one.path, one.attempt) for one in recorded] == [("1.txt", 1), ("2.txt", 2)]
    result = await rolling.roll_back("a", attempt=1)

    assert result.success, result.error
    assert set(tree()) == {"a.txt", "2.txt"}
    assert (await rolling.roll_back("a", attempt=2)).success
    assert set(tree()) == {"a.txt"}


async def test_an_allowance_and_a_refused_attempt_are_nothing_to_take_back(run, rolling, tree):
    async def handler(task):
        await task.files.allow("build/**")
        with suppress(PathRefused):
            await task.files.write_text("../elsewhere.txt", "never")
        await task.files.write_text("one.txt", "by the task")

    await run("a", handler)
    result = await rolling.roll_back("a")

    assert result.success, result.error
    assert [step.path for step in result.steps] == ["one.txt"]
    assert tree() == {}


async def test_a_task_that_is_retried_does_anew_what_was_taken_back(
    run, rolling, workspace, tree, container
):
    tries = []

    async def writer(task):
        await task.files.write_text("a.txt", "once more")
        await task.files.write_text("b.txt", "once")
        tries.append(task.attempt)
        if len(tries) == 1:
            raise OSError("not yet")

    assert (await run("a", writer)).status == "failed"
    assert (await rolling.roll_back("a", paths=["a.txt"])).success
    orchestrator = container.get(TaskOrchestrator)
    assert (await orchestrator.retry_task("a")).success
    await orchestrator.run_until_idle()

    assert len(tries) == 2
    assert set(tree()) == {"a.txt", "b.txt"}
    assert (await container.get(TrackFileOperationsUseCase).verify_task("a")).verified


async def test_a_task_that_was_taken_back_before_its_completion_cannot_be_completed(
    rolling, container
):
    async def handler(task):
        await task.files.write_text("one.txt", "by the task")

    container.get(Specialists).register("writer", handler)
    workflow = container.get(TaskExecutionWorkflow)
    await workflow.create_task(title="A task", specialist_type="writer", task_id="a")
    await workflow.execute_task("a")
    await rolling.roll_back("a")
    refused = await workflow.complete_task("a")

    assert not refused.success
    assert "it was rolled back; retry the task" in str(refused.error)

    rollback = (await container.get(RollbackRepository).of_task("a"))[0]
    assert (await rolling.undo(rollback.id)).success
    assert (await workflow.complete_task("a")).success


async def test_nor_can_its_parent_if_a_child_was_taken_back(rolling, container):
    async def child(task):
        await task.files.write_text("one.txt", "by the child")

    async def parent(task):
        await (await task.spawn(title="Child", specialist_type="child")).outcome()

    for name, handler in (("child", child), ("parent", parent)):
        container.get(Specialists).register(name, handler)
    workflow = container.get(TaskExecutionWorkflow)
    await workflow.create_task(title="Parent", specialist_type="parent", task_id="p")
    await workflow.execute_task("p")
    assert (await rolling.roll_back("p", tree=True)).success
    refused = await workflow.complete_task("p")

    assert not refused.success
    assert "it was rolled back" in str(refused.error)
