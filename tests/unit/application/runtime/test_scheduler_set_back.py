"""Schedules that were planned by a clock that was ahead."""

from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskOrchestrator
from vespera.application.ports.schedules import ScheduleRepository
from vespera.application.runtime.scheduler import Scheduler
from vespera.domain.errors import InvalidRequest, StaleSchedule
from vespera.domain.schedule import TaskSchedule
from vespera.testing import VirtualClock

AHEAD = timedelta(days=3)
TASK = {"title": "Back up", "specialist_type": "coder"}


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
async def container(clock: VirtualClock) -> Container:
    made = Container(workspace="/nonexistent/vespera")
    made.override("clock", clock)
    clock.watch(lambda: made.get("database").in_flight)
    async with made:
        yield made


@pytest.fixture
async def scheduler(container: Container) -> Scheduler:
    """Of three schedules, made by a clock that was ahead; one is paused."""
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.schedule("a", TASK, cron="@hourly", time_zone="Europe/Berlin")
    await orchestrator.schedule("b", TASK, every=3600)
    await orchestrator.schedule("c", TASK, every=3600)
    await orchestrator.pause_schedule("c")
    repository = container.get(ScheduleRepository)
    for schedule in await repository.all():
        later = schedule.next_due + AHEAD
        await repository.save(schedule.changed(schedule.updated_at, next_due=later))
    return container.get(Scheduler)


async def due_late(container: Container) -> list[str]:
    """Which schedules wait for longer than an hour."""
    found: list[TaskSchedule] = list(await container.get(ScheduleRepository).all())
    return [each.name for each in found if each.next_due > datetime(2030, 1, 1, 1, tzinfo=UTC)]


async def test_they_are_due_when_their_next_moment_comes(
    container: Container, scheduler: Scheduler
) -> None:
    await scheduler.fire_due()

    assert await due_late(container) == ["c"]


async def test_they_are_looked_at_once_and_again_when_the_clock_was_set(
    container: Container, scheduler: Scheduler
) -> None:
    scheduler._schedules = AsyncMock(wraps=scheduler._schedules, spec=ScheduleRepository)
    for _ in range(3):
        scheduler.look_again()
        await scheduler.fire_due()
    assert scheduler._schedules.all.await_count == 1
    scheduler.clock_was_set()
    await scheduler.fire_due()

    assert scheduler._schedules.all.await_count == 2


async def test_one_that_somebody_else_changes_meanwhile_is_left_to_them(
    container: Container, scheduler: Scheduler
) -> None:
    repository = scheduler._schedules
    scheduler._schedules = AsyncMock(wraps=repository, spec=ScheduleRepository)
    scheduler._schedules.save.side_effect = [StaleSchedule, None]
    await scheduler.fire_due()

    assert scheduler._schedules.save.await_count == 2


async def test_one_that_makes_no_sense_here_does_not_hold_up_the_others(
    container: Container, scheduler: Scheduler
) -> None:
    scheduler._timetable = AsyncMock()

    def refuse(*_: object) -> None:
        raise InvalidRequest("is not known here", field="time_zone")

    scheduler._timetable.after = refuse
    await scheduler.fire_due()

    assert await due_late(container) == ["a", "c"]


async def test_one_that_has_no_moment_left_is_left_alone(
    container: Container, scheduler: Scheduler
) -> None:
    repository = container.get(ScheduleRepository)
    ended = await repository.get("b")
    await repository.save(ended.changed(ended.updated_at, next_due=None))
    await scheduler.fire_due()

    assert (await repository.get("b")).next_due is None


async def test_where_all_is_as_planned_nothing_is_written(
    container: Container, clock: VirtualClock
) -> None:
    await container.get(TaskOrchestrator).schedule("n", TASK, every=3600)
    scheduler = container.get(Scheduler)
    scheduler._schedules = AsyncMock(wraps=scheduler._schedules, spec=ScheduleRepository)
    await clock.advance(minutes=30)
    await scheduler.fire_due()

    scheduler._schedules.save.assert_not_awaited()
