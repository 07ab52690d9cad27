"""How far the work has come, as lines in a pipe."""

from unittest.mock import AsyncMock

import pytest

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.errors import DatabaseLocked
from vespera.domain.task import TaskStatus
from vespera.interfaces.cli.progress import Count, shown_progress
from vespera.testing import VirtualClock

S = TaskStatus
PENDING, DONE, FAILED = S.PENDING, S.COMPLETED, S.FAILED


@pytest.fixture
def clock():
    return VirtualClock()


def tasks_that_stand(*counts: dict[TaskStatus, int] | Exception) -> TaskRepository:
    tasks = AsyncMock(spec=TaskRepository)
    tasks.count_by_status.side_effect = counts
    return tasks


def test_a_count_says_what_failed():
    assert str(Count(2, 7, 0)) == "2/7 tasks"
    assert str(Count(2, 7, 1)) == "2/7 tasks, 1 failed"
    assert str(Count(2, 7, 1, 3)) == "2/7 tasks, 1 failed, 3 waiting"


async def test_a_line_appears_whenever_something_has_changed(clock, capsys):
    tasks = tasks_that_stand({}, {PENDING: 3}, {PENDING: 3}, {PENDING: 1, DONE: 2}, {DONE: 3})

    async with shown_progress(tasks, clock):
        await clock.advance(seconds=6)

    shown = capsys.readouterr()
    assert shown.err == "0/3 tasks\n2/3 tasks\n3/3 tasks\n"
    assert shown.out == ""


async def test_what_earlier_runs_finished_does_not_count(clock, capsys):
    tasks = tasks_that_stand({DONE: 5, FAILED: 1, PENDING: 2}, {DONE: 6, FAILED: 2})

    async with shown_progress(tasks, clock):
        pass

    assert capsys.readouterr().err == "2/2 tasks, 1 failed\n"


async def test_what_waits_for_somebody_else_is_not_to_be_done_by_this_run(clock, capsys):
    tasks = tasks_that_stand(
        {S.EXECUTED: 5, S.ASSIGNED: 2},
        {S.EXECUTED: 5, S.ASSIGNED: 2, S.RUNNING: 1, PENDING: 2},
        {S.EXECUTED: 6, S.ASSIGNED: 3, DONE: 1},
    )

    async with shown_progress(tasks, clock):
        await clock.advance(seconds=2)

    assert capsys.readouterr().err == "0/3 tasks\n3/3 tasks\n"


async def test_signing_off_earlier_work_is_no_progress_of_this_run(clock, capsys):
    async with shown_progress(tasks_that_stand({S.EXECUTED: 5}, {S.EXECUTED: 2, DONE: 3}), clock):
        pass

    assert capsys.readouterr().err == ""


async def test_a_task_taken_back_from_outside_does_not_count_below_nothing(clock, capsys):
    tasks = tasks_that_stand({S.ASSIGNED: 1}, {S.RUNNING: 1})

    async with shown_progress(tasks, clock):
        pass

    assert capsys.readouterr().err == "0/1 tasks\n"


async def test_a_program_without_tasks_shows_nothing(clock, capsys):
    async with shown_progress(tasks_that_stand({}, {}), clock):
        pass

    assert capsys.readouterr().err == ""


async def test_an_error_of_the_database_while_looking_is_left_to_the_program(clock, capsys):
    tasks = tasks_that_stand({}, DatabaseLocked(), {PENDING: 1}, DatabaseLocked())

    async with shown_progress(tasks, clock):
        await clock.advance(seconds=5)

    assert capsys.readouterr().err == "0/1 tasks\n"


async def test_an_error_of_the_program_passes(clock):
    with pytest.raises(ValueError, match="its own"):
        async with shown_progress(tasks_that_stand({}), clock):
            raise ValueError("its own")
