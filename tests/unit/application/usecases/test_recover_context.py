"""What whoever takes a task over is told of it."""

from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import TaskContext, TaskOrchestrator, TaskOutcome
from vespera.application.ports.persistence import StepRepository
from vespera.application.ports.scanning import WorkspaceScanner
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.find_undeclared import (
    FindUndeclaredResult,
    FindUndeclaredUseCase,
)
from vespera.application.usecases.recover_context import RecoverContextUseCase
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.changes import Change
from vespera.domain.context_forms import json_of
from vespera.domain.context_recovery import RecoveredContext, StepOutline
from vespera.domain.errors import ContentError
from vespera.domain.file_operation import Absent, FileState, SpecialState, UnknownState
from vespera.domain.ids import TaskId
from vespera.domain.manifest import Manifest
from vespera.domain.step import StepRecord
from vespera.domain.undeclared import Account, Accounted
from vespera.testing import VirtualClock


async def context_of(desk: Any, **options: Any) -> RecoveredContext:
    use_case = desk.container.get(RecoverContextUseCase)
    result = await use_case.recover("task", **options)
    assert result.success, result.error
    return result.context


async def test_an_unknown_task_and_what_is_no_id_is_told(desk: Any) -> None:
    use_case = desk.container.get(RecoverContextUseCase)

    assert (await use_case.recover("nobody")).error == "No task has the id 'nobody'."
    assert not (await use_case.recover("")).success


async def test_what_was_under_way_is_what_was_announced_and_did_not_come_to_be(desk: Any) -> None:
    await desk.create("done.txt", b"x")
    await desk.tracker.track_file_create("open.txt")
    await desk.tracker.track_file_read("open.txt")
    await desk.tracker.track_file_create("claimed.txt", after=True)
    context = await context_of(desk)

    assert [finding.path for finding in context.open_intents] == ["open.txt"]
    assert [f.path for f in context.failing] == ["open.txt", "open.txt", "claimed.txt"]
    assert context.operations == 4


async def test_changes_are_told_with_what_is_different(desk: Any) -> None:
    desk.disk["a"] = desk.keep(b"one\n")
    await desk.modify("a", b"two\n")
    [one] = (await context_of(desk)).changes

    assert one.patch.endswith("-one\n+two\n")


@pytest.mark.parametrize(
    ("now", "stale"),
    [
        (b"read", False),
        (b"another", True),
        (SpecialState("fifo"), True),
        (UnknownState("unreadable"), False),
    ],
)
async def test_what_was_read_and_is_another_now_is_stale(desk: Any, now: Any, stale: bool) -> None:
    desk.disk["in"] = b"read"
    await desk.tracker.track_file_read("in")
    desk.disk["in"] = now

    assert [one.path for one in (await context_of(desk)).stale] == ["in"] * stale


async def test_what_was_read_again_is_not_stale(desk: Any) -> None:
    desk.disk["in"] = b"first"
    await desk.tracker.track_file_read("in")
    desk.disk["in"] = b"second"
    await desk.tracker.track_file_read("in", after=True)

    assert (await context_of(desk)).stale == []


async def test_what_the_task_itself_wrote_since_is_not_stale(desk: Any) -> None:
    desk.disk["a"] = b"read"
    await desk.tracker.track_file_read("a")
    await desk.modify("a", b"written")
    assert (await context_of(desk)).stale == []

    await desk.tracker.track_file_modify("a", after=True)
    desk.disk["a"] = b"by others"
    assert [one.path for one in (await context_of(desk)).stale] == ["a"]


async def test_a_reading_of_nothing_is_never_stale(desk: Any) -> None:
    await desk.tracker.track_file_read("in")
    desk.disk["in"] = b"came"

    assert (await context_of(desk)).stale == []


async def test_what_can_be_taken_back_is_told_as_far_as_its_content_is_kept(desk: Any) -> None:
    desk.disk |= {"kept": desk.keep(b"kept"), "lost": b"lost", "moved": b"m", "same": b"s"}
    desk.disk |= {"over": b"o", "met": b"lost, too"}
    await desk.delete("kept")
    await desk.delete("lost")
    await desk.create("new", b"new")
    await desk.move("moved", "there")
    await desk.tracker.track_file_move("over", "met", overwrite=True)
    desk.disk["met"] = desk.disk.pop("over")
    await desk.modify("same", b"s")
    await desk.tracker.track_file_copy("there", "copy")
    await desk.tracker.track_file_create("claimed", after=True)
    points = (await context_of(desk)).restore_points

    assert [point.operation.path for point in points] == ["kept", "new", "moved"]
    assert points[1].before == Absent()


async def test_a_store_that_cannot_be_read_has_nothing(desk: Any) -> None:
    desk.disk["a"] = desk.keep(b"one")
    await desk.modify("a", b"two")
    desk.contents.has.side_effect = ContentError

    assert (await context_of(desk)).restore_points == []


async def test_without_a_snapshot_nobody_looks_for_undeclared_changes(desk: Any) -> None:
    await desk.create("a", b"x")
    context = await context_of(desk)

    assert context.undeclared is None
    assert "No snapshot was taken for task 'task'" in context.why_not_looked
    assert context.not_examined == []


async def test_nobody_looks_for_them_if_nobody_wants_it(desk: Any) -> None:
    await desk.create("a", b"x")

    assert "was not scanned" in (await context_of(desk, scan=False)).why_not_looked


async def test_undeclared_and_doubtful_changes_are_told_and_what_was_not_looked_at(
    desk: Any,
) -> None:
    state = FileState("b3:1", 1, 0o644)
    found = [
        Accounted(Change(name, Absent(), state), account)
        for name, account in zip("abcde", Account, strict=True)
    ]
    search = AsyncMock(spec=FindUndeclaredUseCase)
    search.find.return_value = FindUndeclaredResult(
        success=True, accounted=found, not_examined=[("odd", "unreadable"), ("log", "ignored")]
    )
    desk.container.override(FindUndeclaredUseCase, search)
    desk.disk["odd"] = UnknownState("unreadable")
    await desk.tracker.track_file_read("odd")
    context = await context_of(desk, progress=print)

    assert [one.account for one in context.undeclared or ()] == ["undeclared", "unknown"]
    assert context.not_examined == [("odd", "unreadable"), ("log", "ignored")]
    search.find.assert_awaited_once_with("task", progress=print)


async def test_snapshots_of_the_task_are_told_oldest_first(desk: Any) -> None:
    clock = VirtualClock()
    scanner = AsyncMock(spec=WorkspaceScanner)
    scanner.scan.return_value = Manifest({}, clock.now(), clock.now(), "")
    desk.container.override(WorkspaceScanner, scanner)
    await desk.create("a", b"x")
    take = desk.container.get(SnapshotWorkspaceUseCase).take
    for label, task in (("one", "task"), ("others", "other"), ("two", "task")):
        taken = await take(task, label)
        assert taken.success, taken.error

    assert [one.label for one in (await context_of(desk)).snapshots] == ["one", "two"]


async def a_task(desk: Any, handler: Any) -> None:
    desk.container.get(Specialists).register("clerk", handler)
    await desk.container.get(TaskOrchestrator).run(
        title="Write", specialist_type="clerk", task_id="task"
    )


async def test_what_the_task_is_and_what_it_has_said_is_told(desk: Any) -> None:
    async def clerk(task: TaskContext) -> TaskOutcome:
        await task.step("plan", str)
        await task.files.track_file_create("never.txt")
        await task.spawn({"title": "Child", "specialist_type": "outside"})
        return TaskOutcome(summary="half of it", next_action="the rest")

    await a_task(desk, clerk)
    context = await context_of(desk)

    assert context.task is not None
    assert (context.task.status, context.summary, context.next_action) == (
        "executed",
        "half of it",
        "the rest",
    )
    assert context.steps[0] == StepOutline(name="plan", occurrence=1, stands="done")
    assert [child.title for child in context.children] == ["Child"]


async def test_steps_that_failed_are_told(desk: Any) -> None:
    def fail() -> None:
        raise ValueError

    async def clerk(task: TaskContext) -> None:
        await task.step("fail", fail)

    await a_task(desk, clerk)
    context = await context_of(desk)

    assert [step.stands for step in context.steps] == ["failed"]
    assert (context.summary, context.next_action) == ("", "")
    assert context.task is not None
    assert context.task.error is not None


async def test_a_wait_that_has_not_ended_tells_what_it_waits_for(desk: Any) -> None:
    steps = AsyncMock(spec=StepRepository)
    steps.of_task.return_value = [
        StepRecord(
            task_id=TaskId("task"),
            name="go",
            occurrence=1,
            seq=1,
            epoch=0,
            value=None,
            error=None,
            recorded_at=VirtualClock().now(),
            awaits="signal 'go'",
        )
    ]
    desk.container.override(StepRepository, steps)
    await desk.create("a", b"x")

    assert [step.stands for step in (await context_of(desk)).steps] == ["signal 'go'"]


async def test_the_same_question_gives_the_same_answer_and_writes_nothing(desk: Any) -> None:
    for name in ("b", "a", "\udcff"):
        await desk.create(name, b"x")
    first, second = await context_of(desk), await context_of(desk)

    assert json_of(first) | {"verified_at": ""} == json_of(second) | {"verified_at": ""}
    assert not desk.files.write.called
    assert not desk.contents.put.called
