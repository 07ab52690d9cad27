"""Who waits to hear of a task is told."""

from dataclasses import replace
from datetime import UTC, datetime

from vespera.application.runtime.notices import Notices
from vespera.domain.ids import TaskId
from vespera.domain.task import Task, TaskStatus

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TASK = Task(
    id=TaskId("t"),
    title="A",
    description="",
    specialist_type="coder",
    payload=b"{}",
    created_at=NOW,
    updated_at=NOW,
)


def test_only_those_who_wait_for_the_task_are_told_of_its_changes() -> None:
    notices = Notices()
    with notices.about(TaskId("t")) as mine, notices.about(TaskId("u")) as other:
        notices.changed(TASK)

        assert mine.is_set()
        assert not other.is_set()


def test_a_dead_end_is_told_to_all() -> None:
    notices = Notices()
    with notices.about(TaskId("u")) as other:
        notices.changed(replace(TASK, status=TaskStatus.FAILED))

        assert other.is_set()


def test_several_may_wait_for_one_task() -> None:
    notices = Notices()
    with notices.about(TaskId("t")) as one:
        with notices.about(TaskId("t")) as other:
            notices.changed(TASK)
            assert other.is_set()
        one.clear()
        notices.changed(TASK)

        assert one.is_set()


def test_every_change_may_mean_work() -> None:
    notices = Notices()
    with notices.of_work() as work:
        notices.changed(TASK)

        assert work.is_set()


def test_who_comes_after_the_closing_is_told_at_once() -> None:
    notices = Notices()
    notices.close()

    with notices.about(TaskId("t")) as about, notices.of_work() as work:
        assert about.is_set()
        assert work.is_set()
