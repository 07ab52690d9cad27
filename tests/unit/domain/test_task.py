"""Which way a task may go, and what each way changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vespera.domain.errors import IllegalTransition
from vespera.domain.ids import OwnerId, ReportId, TaskId
from vespera.domain.task import ALLOWED, FINISHED, Task, TaskFailure, TaskStatus

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
BOOM = TaskFailure(error_types=("ValueError", "Exception"), message="boom")
ME = OwnerId("me")


def a_task(status: TaskStatus = TaskStatus.PENDING, **fields: object) -> Task:
    task = Task(
        id=TaskId("t"),
        title="A",
        description="",
        specialist_type="coder",
        payload=b"{}",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(task, status=status, **fields)  # type: ignore[arg-type]


def test_a_claim_is_a_new_attempt_with_an_owner() -> None:
    task = a_task(attempt=2, run_after=NOW).claim(ME, LATER, NOW)

    assert (task.status, task.attempt, task.owner) == ("running", 3, "me")
    assert task.lease_until == LATER
    assert task.run_after is None


@pytest.mark.parametrize("status", list(TaskStatus))
def test_every_status_has_its_ways(status: TaskStatus) -> None:
    assert (status in FINISHED) == (not ALLOWED[status])


@pytest.mark.parametrize("status", sorted(FINISHED))
def test_a_finished_task_stays_as_it_is(status: TaskStatus) -> None:
    task = a_task(status)

    assert task.finished
    with pytest.raises(IllegalTransition, match=f"is {status}; it cannot become running"):
        task.claim(ME, LATER, NOW)


def test_a_failure_counts_and_lets_go() -> None:
    task = a_task().claim(ME, LATER, NOW).fail(BOOM, LATER)

    assert (task.status, task.failures, task.owner, task.error) == ("failed", 1, None, BOOM)
    assert task.updated_at == LATER


def test_a_retry_waits_and_counts_the_failure() -> None:
    task = a_task().claim(ME, LATER, NOW).try_again(BOOM, LATER, NOW)

    assert (task.status, task.failures, task.run_after) == ("pending", 1, LATER)


def test_a_release_is_not_a_failure() -> None:
    task = a_task().claim(ME, LATER, NOW).release(NOW)

    assert (task.status, task.failures, task.attempt, task.owner) == ("pending", 0, 1, None)


def test_completion_keeps_the_report_and_clears_the_error() -> None:
    executed = a_task().claim(ME, LATER, NOW).execute(b"1", NOW, BOOM)

    done = executed.complete(b"2", ReportId("r"), LATER)

    assert (done.status, done.outcome, done.report_id, done.error) == ("completed", b"2", "r", None)


def test_an_executed_task_keeps_its_outcome() -> None:
    task = a_task().claim(ME, LATER, NOW).execute(b"1", NOW)

    assert (task.status, task.outcome, task.owner) == ("executed", b"1", None)


def test_a_refusal_keeps_the_status() -> None:
    task = a_task(TaskStatus.ASSIGNED).refuse(BOOM, LATER)

    assert (task.status, task.error, task.updated_at) == ("assigned", BOOM, LATER)


def test_an_assigned_task_is_completed_by_somebody_outside() -> None:
    task = a_task().assign(NOW)

    assert task.status == "assigned"
    assert task.complete(b"1", None, NOW).status == "completed"


def test_a_pending_task_can_be_called_off() -> None:
    assert a_task().cancel(BOOM, NOW).status == "cancelled"


def test_a_pending_task_cannot_be_completed() -> None:
    with pytest.raises(IllegalTransition, match="Task 't' is pending; it cannot become completed"):
        a_task().complete(b"1", None, NOW)


def test_a_failure_reads_as_type_and_message() -> None:
    assert str(BOOM) == "ValueError: boom"
    assert str(TaskFailure(error_types=(), message="boom")) == "boom"
