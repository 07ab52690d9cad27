"""Which way a task may go, and what each way changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vespera.domain.errors import IllegalTransition
from vespera.domain.ids import OwnerId, ReportId, TaskId
from vespera.domain.task import ALLOWED, FINISHED, Completion, Task, TaskFailure, TaskStatus

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


def ways_to(status: TaskStatus) -> set[TaskStatus]:
    return {before for before, ways in ALLOWED.items() if status in ways}


def test_only_a_task_at_work_fails_or_is_executed() -> None:
    assert ways_to(TaskStatus.FAILED) == ways_to(TaskStatus.EXECUTED) == {"running"}


def test_what_was_done_is_not_done_again_and_what_waits_is_not_completed() -> None:
    assert ways_to(TaskStatus.PENDING) == {"running", "waiting"}
    assert ways_to(TaskStatus.COMPLETED) == {"running", "executed", "assigned"}


def test_whatever_is_not_finished_can_be_called_off() -> None:
    assert ways_to(TaskStatus.CANCELLED) == set(TaskStatus) - FINISHED


def test_a_failure_counts_and_lets_go() -> None:
    task = a_task().claim(ME, LATER, NOW).fail(BOOM, LATER)

    assert (task.status, task.failures, task.owner, task.error) == ("failed", 1, None, BOOM)
    assert task.updated_at == LATER


def test_a_retry_waits_and_counts_the_failure() -> None:
    task = a_task().claim(ME, LATER, NOW).try_again(BOOM, LATER, NOW)

    assert (task.status, task.failures, task.run_after) == ("pending", 1, LATER)
    assert (task.owner, task.lease_until) == (None, None)


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
    task = a_task().claim(ME, LATER, NOW).assign(NOW)

    assert (task.status, task.owner, task.lease_until) == ("assigned", None, None)
    assert task.complete(b"1", None, NOW).status == "completed"


def test_a_pending_task_can_be_called_off() -> None:
    assert a_task().cancel(BOOM, NOW).status == "cancelled"


def test_a_pending_task_cannot_be_completed() -> None:
    with pytest.raises(IllegalTransition, match="Task 't' is pending; it cannot become completed"):
        a_task().complete(b"1", None, NOW)


@pytest.mark.parametrize("status", list(TaskStatus))
def test_what_is_finished_is_not_paused(status: TaskStatus) -> None:
    assert a_task(status, paused_at=NOW).paused == (status not in FINISHED)
    assert not a_task(status).paused


def test_a_task_is_refused_only_where_it_was_to_be_completed_by_itself() -> None:
    executed = a_task().claim(ME, LATER, NOW).execute(b"1", NOW, BOOM)
    by_itself = replace(executed, completion=Completion.AUTO)

    assert by_itself.refused
    assert not executed.refused
    assert not replace(by_itself, error=None).refused
    assert not by_itself.complete(b"1", None, NOW).refused


def test_what_was_taken_once_has_begun() -> None:
    claimed = a_task().claim(ME, LATER, NOW)

    assert not a_task().begun
    assert claimed.begun
    assert claimed.release(NOW).begun
    assert a_task().cancel(BOOM, NOW).begun


def test_a_failure_reads_as_type_and_message() -> None:
    assert str(BOOM) == "ValueError: boom"
    assert str(TaskFailure(error_types=(), message="boom")) == "boom"
    assert str(TaskFailure(error_types=("ValueError",), message="")) == "ValueError"
