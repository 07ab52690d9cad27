"""Schedules: made, replaced, paused; and fired when their moments come, each of them once."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.application.runtime.scheduler import Scheduler
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.worker import Worker
from vespera.domain.errors import DatabaseFull, InvalidRequest, StaleSchedule
from vespera.domain.task import Task
from vespera.testing import VirtualClock

HOUR = timedelta(hours=1)
TASK = {"title": "Back up", "specialist_type": "coder"}


@pytest.fixture
async def clock() -> VirtualClock:
    """Stands still until it is moved: a started worker with a schedule would never let it rest."""
    return VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
async def container(clock: VirtualClock) -> Container:
    made = Container(workspace="/nonexistent/vespera")
    made.override("clock", clock)
    clock.watch(lambda: made.get("database").in_flight)
    async with made:
        yield made


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    async def moment(task: TaskContext) -> object:
        return task.payload["scheduled_at"]

    specialists.register("coder", moment)
    return container.get(TaskOrchestrator)


async def tasks_of(container: Container) -> list[Task]:
    return list(await container.get(TaskRepository).page())


async def moments(container: Container) -> list[str]:
    """For which moments there is a task."""
    keys = [str(task.idempotency_key) for task in await tasks_of(container)]
    return sorted(key.partition(":")[2].partition(":")[2][5:16] for key in keys)


async def fired(container: Container) -> int:
    return len(await container.get(Scheduler).fire_due())


class TestFiring:
    async def test_each_moment_gets_its_task_while_a_worker_works(
        self, orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("nightly", TASK, cron="0 3 * * *")
        await orchestrator.start()

        await clock.advance(days=3)
        await orchestrator.stop()

        assert await moments(container) == ["01-01T03:00", "01-02T03:00", "01-03T03:00"]
        done = [await orchestrator.get_task_status(t.id) for t in await tasks_of(container)]
        assert [result.result for result in done] == [
            datetime(2030, 1, day, 3, tzinfo=UTC) for day in (1, 2, 3)
        ]

    async def test_a_schedule_that_is_made_while_a_worker_sleeps_wakes_it(
        self, orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("yearly", TASK, cron="@yearly")
        await orchestrator.start()
        await clock.advance(hours=1)

        await orchestrator.schedule("soon", TASK, every=60)
        await clock.advance(minutes=2)
        await orchestrator.stop()

        assert await moments(container) == ["01-01T01:01", "01-01T01:02"]

    async def test_running_until_idle_fires_what_is_due_and_waits_for_nothing_more(
        self, orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("hourly", TASK, every=3600)
        await orchestrator.run_until_idle()
        assert await tasks_of(container) == []

        await clock.advance(hours=1)
        await orchestrator.run_until_idle()

        (task,) = await tasks_of(container)
        assert task.status == "completed"

    async def test_a_full_worker_creates_them_all_the_same(
        self, specialists: Specialists, clock: VirtualClock
    ) -> None:
        container = Container(workspace="/nonexistent/vespera", concurrency=1)
        container.override("clock", clock)
        clock.watch(lambda: container.get("database").in_flight)

        async def never(task: TaskContext) -> None:
            await asyncio.Event().wait()

        container.get(Specialists).register("coder", never)
        async with container:
            orchestrator = container.get(TaskOrchestrator)
            await orchestrator.schedule("hourly", TASK, every=3600)
            await orchestrator.start()
            await clock.advance(hours=3)

            assert len(await tasks_of(container)) == 3

    async def test_what_was_missed_is_made_up_for_once(
        self, orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("hourly", TASK, cron="0 * * * *")
        await clock.advance(days=5, minutes=30)

        await orchestrator.run_until_idle()
        await orchestrator.run_until_idle()

        assert await moments(container) == ["01-06T00:00"]
        (schedule,) = await orchestrator.schedules()
        assert schedule.next_due == datetime(2030, 1, 6, 1, tzinfo=UTC)
        assert schedule.last_due == datetime(2030, 1, 6, tzinfo=UTC)

    async def test_or_in_full_or_not_at_all_as_it_is_told(
        self, orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("all", TASK, every=3600, catch_up="all", most_catch_up=3)
        await orchestrator.schedule("none", TASK, every=3600, catch_up="none")
        await clock.advance(hours=7, minutes=30)

        await orchestrator.run_until_idle()

        assert await moments(container) == ["01-01T05:00", "01-01T06:00", "01-01T07:00"]

    async def test_a_clock_that_goes_back_makes_no_moment_come_twice(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("hourly", TASK, every=3600)
        await clock.advance(hours=2)
        assert await fired(container) == 1
        scheduler = container.get(Scheduler)
        behind = AsyncMock(spec=VirtualClock, wraps=clock)
        behind.now = lambda: clock.now() - 2 * HOUR
        scheduler._clock = behind

        scheduler.look_again()
        assert await fired(container) == 0
        await clock.advance(hours=3)
        scheduler.look_again()
        assert await fired(container) == 1

        assert await moments(container) == ["01-01T02:00", "01-01T03:00"]

    async def test_a_moment_that_has_its_task_already_gets_no_second_one(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        for _ in range(2):
            await orchestrator.schedule("hourly", TASK, cron="0 * * * *")
            await orchestrator.unschedule("hourly")
        await orchestrator.schedule("hourly", TASK, cron="0 * * * *")
        await orchestrator.create_task(
            TASK, idempotency_key="schedule:hourly:2030-01-01T01:00:00+00:00"
        )
        await clock.advance(hours=1)

        assert await fired(container) == 0
        assert len(await tasks_of(container)) == 1


class TestOverlap:
    async def test_skip_creates_none_while_the_last_one_is_not_finished(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("hourly", TASK, every=3600, overlap="skip")
        for hours in (1, 1, 1):
            await clock.advance(hours=hours)
            await container.get(Scheduler).fire_due()
        assert await moments(container) == ["01-01T01:00"]

        await orchestrator.run_until_idle()
        await clock.advance(hours=1)
        await container.get(Scheduler).fire_due()

        assert await moments(container) == ["01-01T01:00", "01-01T04:00"]

    async def test_allow_creates_another_one(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("hourly", TASK, every=3600)
        for _ in range(2):
            await clock.advance(hours=1)
            await container.get(Scheduler).fire_due()

        assert await moments(container) == ["01-01T01:00", "01-01T02:00"]


class TestTheBook:
    async def test_the_same_again_changes_nothing(
        self, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        first = await orchestrator.schedule("n", TASK, every=3600, payload={"a": 1})
        await clock.advance(minutes=30)

        again = await orchestrator.schedule("n", TASK, every=3600, payload={"a": 1})

        assert (first.change, again.change) == ("created", "unchanged")
        assert again.schedule == first.schedule

    @pytest.mark.parametrize(
        "other",
        [{"payload": {"a": 2}}, {"title": "Other"}, {"overlap": "skip"}, {"most_catch_up": 7}],
    )
    async def test_another_request_replaces_it_and_its_next_moment_stays(
        self, orchestrator: TaskOrchestrator, clock: VirtualClock, other: Mapping[str, object]
    ) -> None:
        first = await orchestrator.schedule("n", TASK, every=3600)
        await clock.advance(minutes=30)

        replaced = await orchestrator.schedule("n", {**TASK}, every=3600, **other)  # type: ignore[arg-type]

        assert replaced.change == "replaced"
        assert first.schedule is not None
        assert replaced.schedule is not None
        assert replaced.schedule.next_due == first.schedule.next_due
        assert replaced.schedule.created_at == first.schedule.created_at
        assert await orchestrator.schedules() == [replaced.schedule]

    async def test_another_rhythm_begins_anew_and_a_paused_one_stays_paused(
        self, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600)
        await orchestrator.pause_schedule("n")

        replaced = await orchestrator.schedule("n", TASK, cron="0 5 * * *")

        assert replaced.schedule is not None
        assert replaced.schedule.paused
        assert replaced.schedule.next_due == datetime(2030, 1, 1, 5, tzinfo=UTC)

    async def test_a_paused_schedule_is_silent_and_goes_on_with_the_next_moment(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600)
        assert (await orchestrator.pause_schedule("n")).change == "paused"
        assert (await orchestrator.pause_schedule("n")).change == "unchanged"
        await clock.advance(hours=5, minutes=30)
        assert await fired(container) == 0

        assert (await orchestrator.resume_schedule("n")).change == "resumed"
        assert (await orchestrator.resume_schedule("n")).change == "unchanged"
        assert await fired(container) == 0
        await clock.advance(minutes=30)
        await container.get(Scheduler).fire_due()

        assert await moments(container) == ["01-01T06:00"]

    async def test_a_removed_schedule_leaves_its_tasks(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600)
        await clock.advance(hours=1)
        await container.get(Scheduler).fire_due()

        assert (await orchestrator.unschedule("n")).change == "removed"

        assert await orchestrator.schedules() == []
        assert len(await tasks_of(container)) == 1

    async def test_a_task_can_be_had_by_hand_as_often_as_one_likes(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600, overlap="skip")
        await orchestrator.pause_schedule("n")

        results = [await orchestrator.trigger("n") for _ in range(2)]
        await orchestrator.run_until_idle()

        assert all(result.success for result in results)
        done = [await orchestrator.get_task_status(str(r.task_id)) for r in results]
        assert [(r.status, r.result) for r in done] == [("completed", clock.now())] * 2

    async def test_a_name_that_is_not_there_is_refused_and_a_similar_one_named(
        self, orchestrator: TaskOrchestrator
    ) -> None:
        await orchestrator.schedule("nightly", TASK, cron="@daily")
        for call in (
            orchestrator.unschedule,
            orchestrator.pause_schedule,
            orchestrator.resume_schedule,
            orchestrator.trigger,
        ):
            result = await call("nihgtly")
            assert not result.success
            assert result.error == "There is no schedule 'nihgtly'; did you mean 'nightly'?"
            assert not (await call(5)).success  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"cron": "often"}, "cron: 'often' is no cron text"),
            ({"cron": "@daily", "time_zone": "Mars"}, "time_zone: there is no time zone 'Mars'"),
            ({"cron": "@daily", "titel": "A"}, "titel: unknown field; did you mean 'title'?"),
            ({"cron": "@daily", "payload": {"a": object()}}, "a"),
            ({}, "cron: give one of cron and every"),
            ({"cron": "0 0 */31 * 1#2"}, "cron: '0 0 */31 * 1#2'"),
        ],
    )
    async def test_what_makes_no_sense_is_refused_and_nothing_is_stored(
        self, orchestrator: TaskOrchestrator, wrong: Mapping[str, object], told: str
    ) -> None:
        result = await orchestrator.schedule("n", TASK, **wrong)  # type: ignore[arg-type]

        assert not result.success
        assert told in str(result.error)
        assert await orchestrator.schedules() == []

    async def test_of_many_who_make_it_at_once_all_are_content(
        self, orchestrator: TaskOrchestrator
    ) -> None:
        calls = [orchestrator.schedule("n", TASK, every=60) for _ in range(10)]

        results = await asyncio.gather(*calls)

        assert {result.change for result in results} == {"created", "unchanged"}
        assert len(await orchestrator.schedules()) == 1

    async def test_one_that_is_changed_again_and_again_by_others_is_refused_in_the_end(
        self, container: Container, orchestrator: TaskOrchestrator
    ) -> None:
        await orchestrator.schedule("n", TASK, every=60)
        repository = container.get(ScheduleRepository)
        book = container.get("schedule_book")
        stale = AsyncMock(wraps=repository, spec=ScheduleRepository)
        stale.save.side_effect = StaleSchedule
        object.__setattr__(book, "schedules", stale)

        result = await orchestrator.pause_schedule("n")
        triggered = await orchestrator.trigger("n")

        assert not result.success
        assert "omebody else changed the schedule" in str(result.error)
        assert not triggered.success


class TestTrouble:
    async def test_one_that_cannot_be_fired_here_keeps_no_other_from_it(
        self,
        container: Container,
        orchestrator: TaskOrchestrator,
        clock: VirtualClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        await orchestrator.schedule("a", TASK, cron="0 * * * *")
        await orchestrator.schedule("b", TASK, every=3600)
        await clock.advance(hours=1)
        scheduler = container.get(Scheduler)
        right = scheduler._timetable
        scheduler._timetable = AsyncMock(spec=Timetable)
        scheduler._timetable.after = lambda *_: refuse()

        def refuse() -> None:
            raise InvalidRequest("is not known here", field="time_zone")

        with caplog.at_level(logging.CRITICAL, "vespera"):
            assert [schedule.name for schedule, _ in await scheduler.fire_due()] == ["b"]
            assert await fired(container) == 0, "not looked at again for a minute"
        assert scheduler.pause(clock.now()) == timedelta(minutes=1)
        scheduler._timetable = right
        await clock.advance(minutes=1)

        assert [schedule.name for schedule, _ in await scheduler.fire_due()] == ["a"]

    async def test_a_database_in_trouble_is_asked_again(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600)
        await clock.advance(hours=1)
        scheduler = container.get(Scheduler)
        repository = scheduler._schedules
        scheduler._schedules = AsyncMock(wraps=repository, spec=ScheduleRepository)
        scheduler._schedules.save.side_effect = [DatabaseFull("full")]

        with pytest.raises(DatabaseFull):
            await scheduler.fire_due()
        assert await tasks_of(container) == []
        scheduler._schedules = repository

        assert await fired(container) == 1

    async def test_one_that_somebody_else_has_fired_is_looked_at_again(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        await orchestrator.schedule("n", TASK, every=3600)
        await clock.advance(hours=1)
        scheduler = container.get(Scheduler)
        repository = scheduler._schedules
        scheduler._schedules = AsyncMock(wraps=repository, spec=ScheduleRepository)
        scheduler._schedules.save.side_effect = StaleSchedule

        assert await fired(container) == 0
        assert scheduler.pause(clock.now()) == timedelta(0)
        assert await tasks_of(container) == []
        scheduler._schedules = repository

        assert await fired(container) == 1

    async def test_a_change_while_it_looks_is_not_overlooked(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        scheduler = container.get(Scheduler)
        repository = scheduler._schedules

        async def next_due(after: datetime) -> datetime | None:
            due = await repository.next_due(after)
            await orchestrator.schedule("n", TASK, every=60)
            return due

        scheduler._schedules = AsyncMock(wraps=repository, spec=ScheduleRepository)
        scheduler._schedules.next_due.side_effect = next_due
        await scheduler.fire_due()

        assert scheduler.pause(clock.now()) < timedelta(0)

    async def test_without_schedules_nothing_is_looked_for(
        self, container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
    ) -> None:
        scheduler = container.get(Scheduler)
        await scheduler.fire_due()
        watched = AsyncMock(wraps=scheduler._schedules, spec=ScheduleRepository)
        scheduler._schedules = watched

        await clock.advance(days=1)
        await scheduler.fire_due()

        watched.due.assert_not_awaited()
        assert scheduler.pause(clock.now()) == timedelta.max
        assert not container.get(Worker).started


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_that_is_cancelled_has_done_all_or_nothing(
    container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock, turns: int
) -> None:
    await orchestrator.schedule("n", TASK, every=3600)
    await clock.advance(hours=1)
    scheduler = container.get(Scheduler)
    for call in (orchestrator.trigger("n"), scheduler.fire_due()):
        begun = asyncio.ensure_future(call)
        for _ in range(turns):
            await asyncio.sleep(0)
        begun.cancel()
        await asyncio.wait({begun})

        (schedule,) = await orchestrator.schedules()
        last = (await tasks_of(container))[-1:]
        assert (last[0].id if last else None) == schedule.last_task_id

    scheduler.look_again()
    await scheduler.fire_due()
    assert "01-01T01:00" in await moments(container), "nothing that was broken off is forgotten"
