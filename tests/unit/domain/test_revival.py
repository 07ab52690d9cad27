"""What does not hold any more when a task runs again after its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.revival import (
    called_off_with,
    falls_with,
    is_retryable,
    revived,
    was_cancelled_with_another,
)
from vespera.domain.step import UNDOING, StepRecord
from vespera.domain.task import (
    Completion,
    OnFailedDependency,
    ParentEnd,
    Task,
    TaskFailure,
    TaskStatus,
)
from vespera.testing.conformance.samples import NOW, a_step, a_task, an_operation

ENDED = a_task(status=TaskStatus.FAILED, attempt=1)
LATER = datetime(2030, 1, 2, tzinfo=UTC)
FAILURE = TaskFailure(error_types=("DependencyFailed",), message="it waited")


def undo_of(name: str, **fields: Any) -> StepRecord:
    return a_step(name=f"undo:{name}", seq=9, recorded_at=LATER, **fields)


def marker() -> StepRecord:
    return a_step(name=UNDOING[0], seq=8, recorded_at=LATER)


def plan(*records: StepRecord, operations: Any = (), refused: Any = ()) -> Any:
    return revived(ENDED, records, operations, refused=refused, undone=b"undone")


def test_a_step_that_was_undone_stands_as_a_failure() -> None:
    step = a_step()
    made = plan(step, marker(), undo_of("plan"))

    assert made.undone == [replace(step, value=None, error=b"undone")]
    assert made.forgotten == [("undo:plan", 1), UNDOING]


def test_a_step_that_could_not_be_undone_stays_done() -> None:
    made = plan(a_step(), marker(), undo_of("plan", value=None, error=b"no"))

    assert (made.undone, made.forgotten) == ([], [("undo:plan", 1), UNDOING])


@pytest.mark.parametrize(
    ("undos", "left"),
    [
        ([], True),
        ([marker()], True),
        ([marker(), undo_of("plan")], False),
        ([marker(), undo_of("plan"), a_step(name="pay", seq=2)], True),
        ([marker(), undo_of("plan"), a_step(name="spawn:child", seq=2)], False),
        ([marker(), undo_of("plan", value=None, error=b"no")], True),
    ],
)
def test_it_is_known_whether_something_is_left_to_be_undone(
    undos: list[StepRecord], left: bool
) -> None:
    task = replace(ENDED, undoable=True)
    made = revived(task, [a_step(), *undos], (), refused=(), undone=b"undone")

    assert made.undoable is left


def test_a_step_that_only_sounds_like_an_undo_is_kept() -> None:
    made = plan(a_step(), undo_of("plan"))

    assert (made.undone, made.forgotten) == ([], [])


@pytest.mark.parametrize(
    ("name", "wake_at", "forgotten"),
    [
        ("signal:go", LATER, [("signal:go", 1)]),
        ("signal:go", None, []),
        ("sleep", LATER, []),
    ],
)
def test_only_a_wait_for_a_signal_that_has_a_clock_running_begins_anew(
    name: str, wake_at: datetime | None, forgotten: list[object]
) -> None:
    assert plan(a_step(name=name, value=None, awaits="x", wake_at=wake_at)).forgotten == forgotten


def test_refused_operations_are_withdrawn() -> None:
    operations = [an_operation("o1"), an_operation("o2", "b.txt")]

    assert plan(operations=operations, refused={"o2"}).withdrawn == ["o2"]
    assert plan(operations=operations).withdrawn == []


def test_operations_on_what_was_touched_while_undoing_are_withdrawn() -> None:
    def at(operation_id: str, path: str, moment: datetime) -> FileOperation:
        return an_operation(operation_id, path, recorded_at=moment)

    operations = [
        at("o1", "a.txt", NOW),
        at("o2", "b.txt", NOW),
        at("o3", "a.txt", LATER + timedelta(seconds=1)),
    ]

    assert plan(marker(), operations=operations).withdrawn == [
        OperationId("o1"),
        OperationId("o3"),
    ]


@pytest.mark.parametrize("status", TaskStatus)
def test_what_ended_badly_can_be_retried(status: TaskStatus) -> None:
    assert is_retryable(a_task(status=status)) is (status in {"failed", "cancelled"})


def test_a_refused_completion_can_be_retried() -> None:
    refused = a_task(status=TaskStatus.EXECUTED, completion=Completion.AUTO, error=FAILURE)

    assert is_retryable(refused)
    assert not is_retryable(replace(refused, completion=Completion.MANUAL))


def a_child(**fields: Any) -> Task:
    given = {"parent_id": TaskId("p"), "on_parent_end": ParentEnd.CANCEL, **fields}
    return a_task(**given)


@pytest.mark.parametrize(
    ("child", "falls"),
    [
        (a_child(status=TaskStatus.FAILED), True),
        (a_child(status=TaskStatus.FAILED, on_parent_end=ParentEnd.LEAVE), False),
        (a_child(status=TaskStatus.FAILED, parent_id=None), False),
        (a_child(status=TaskStatus.CANCELLED), False),
        (a_child(status=TaskStatus.CANCELLED, cancelling="nobody needs it"), False),
        (a_child(status=TaskStatus.CANCELLED, cancelling=called_off_with(TaskId("p"), "x")), True),
        (a_child(status=TaskStatus.PENDING, cancelling=called_off_with(TaskId("p"), "x")), True),
        (a_child(status=TaskStatus.COMPLETED, cancelling=called_off_with(TaskId("p"))), False),
        (a_child(), False),
    ],
)
def test_a_child_falls_with_its_parent_if_it_failed_or_was_called_off_with_it(
    child: Task, falls: bool
) -> None:
    assert falls_with(child) is falls


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"status": TaskStatus.FAILED}, False),
        ({"on_failed_dependency": OnFailedDependency.BLOCK}, False),
        ({"error": None}, False),
        ({"error": replace(FAILURE, error_types=("Cancelled",))}, False),
    ],
)
def test_a_task_was_cancelled_with_another_if_its_error_says_so(
    fields: Any, expected: bool
) -> None:
    given = {
        "status": TaskStatus.CANCELLED,
        "on_failed_dependency": OnFailedDependency.CANCEL,
        "error": FAILURE,
    }

    assert was_cancelled_with_another(a_task(**{**given, **fields})) is expected
