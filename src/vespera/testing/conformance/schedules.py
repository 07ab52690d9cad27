"""The promises of ``ScheduleRepository`` and ``Timetable``."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
import pytest_asyncio

from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.domain.errors import DuplicateRow, InvalidRequest, StaleSchedule
from vespera.domain.ids import TaskId
from vespera.domain.schedule import CatchUp, Overlap, TaskSchedule
from vespera.testing.conformance.samples import LATER, NOW, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

SECOND = timedelta(seconds=1)


class ScheduleRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the repository of schedules is the one in question."""

    ports = (ScheduleRepository,)

    async def test_a_schedule_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        schedule = a_schedule(
            cron=None,
            every=0.1 + 0.2,
            time_zone="Europe/Berlin",
            catch_up=CatchUp.ALL,
            most_catch_up=7,
            overlap=Overlap.SKIP,
            last_due=NOW - SECOND,
            last_task_id=TaskId("t0"),
            paused=True,
        )
        await stores.schedules.add(schedule)

        assert await stores.schedules.get("nightly") == schedule

    async def test_a_schedule_that_is_not_there_is_none(self, stores: Stores) -> None:
        await stores.schedules.add(a_schedule())

        assert await stores.schedules.get("other") is None

    async def test_the_same_name_twice_is_refused_and_the_first_stays(self, stores: Stores) -> None:
        await stores.schedules.add(a_schedule())
        with pytest.raises(DuplicateRow):
            await stores.schedules.add(a_schedule(title="other"))

        assert await stores.schedules.get("nightly") == a_schedule()

    async def test_a_change_is_kept(self, stores: Stores) -> None:
        await stores.schedules.add(a_schedule())
        changed = a_schedule().changed(LATER, next_due=LATER, cron="* * * * *", paused=True)
        await stores.schedules.save(changed)

        assert await stores.schedules.get("nightly") == changed

    async def test_of_two_changes_of_one_version_the_second_is_refused(
        self, stores: Stores
    ) -> None:
        await stores.schedules.add(a_schedule())
        first = a_schedule().changed(LATER, next_due=LATER)
        await stores.schedules.save(first)
        with pytest.raises(StaleSchedule):
            await stores.schedules.save(a_schedule().changed(LATER, next_due=NOW))

        assert await stores.schedules.get("nightly") == first

    async def test_what_is_gone_cannot_be_changed_or_removed(self, stores: Stores) -> None:
        with pytest.raises(StaleSchedule):
            await stores.schedules.save(a_schedule().changed(LATER))
        with pytest.raises(StaleSchedule):
            await stores.schedules.remove(a_schedule())

    async def test_a_removed_schedule_is_gone(self, stores: Stores) -> None:
        await stores.schedules.add(a_schedule())
        await stores.schedules.add(a_schedule("other"))
        await stores.schedules.remove(a_schedule())

        assert list(await stores.schedules.all()) == [a_schedule("other")]

    async def test_another_version_is_not_removed(self, stores: Stores) -> None:
        await stores.schedules.add(a_schedule())
        with pytest.raises(StaleSchedule):
            await stores.schedules.remove(a_schedule().changed(LATER))

        assert await stores.schedules.get("nightly") == a_schedule()

    async def test_all_are_given_by_name(self, stores: Stores) -> None:
        for name in ("b", "c", "a"):
            await stores.schedules.add(a_schedule(name))

        assert [schedule.name for schedule in await stores.schedules.all()] == ["a", "b", "c"]

    async def test_due_are_those_whose_moment_has_come_and_that_are_not_paused(
        self, stores: Stores
    ) -> None:
        await stores.schedules.add(a_schedule("now"))
        await stores.schedules.add(a_schedule("before", next_due=NOW - SECOND))
        await stores.schedules.add(a_schedule("later", next_due=NOW + SECOND))
        await stores.schedules.add(a_schedule("never", next_due=None))
        await stores.schedules.add(a_schedule("paused", paused=True))

        assert [one.name for one in await stores.schedules.due(NOW)] == ["before", "now"]

    async def test_the_next_moment_is_the_first_that_is_still_to_come(self, stores: Stores) -> None:
        assert await stores.schedules.next_due(NOW) is None
        await stores.schedules.add(a_schedule("now"))
        await stores.schedules.add(a_schedule("never", next_due=None))
        await stores.schedules.add(a_schedule("paused", next_due=NOW + SECOND, paused=True))
        assert await stores.schedules.next_due(NOW) is None
        await stores.schedules.add(a_schedule("later", next_due=NOW + 3 * SECOND))
        await stores.schedules.add(a_schedule("soon", next_due=NOW + 2 * SECOND))

        assert await stores.schedules.next_due(NOW) == NOW + 2 * SECOND

    async def test_a_unit_moves_a_schedule_and_creates_a_task_or_does_neither(
        self, stores: Stores
    ) -> None:
        await stores.schedules.add(a_schedule())
        moved = a_schedule().changed(LATER, next_due=LATER)
        async with stores.unit_of_work():
            await stores.schedules.save(moved)
            await stores.tasks.add(a_task())
        with pytest.raises(StaleSchedule):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("t2"))
                await stores.schedules.save(moved)

        assert await stores.schedules.get("nightly") == moved
        found = await stores.tasks.find([TaskId("t1"), TaskId("t2")])
        assert list(found) == ["t1"]


class TimetableConformance(AdapterSuite):
    """Give ``make_timetable``.

    class TestMyTimetable(TimetableConformance):
        def make_timetable(self):
            return MyTimetable()
    """

    ports = (Timetable,)

    def make_timetable(self) -> Made[Timetable]:
        """The timetable to be tested."""
        raise self.missing("make_timetable", "a Timetable")

    @pytest_asyncio.fixture
    async def timetable(self) -> AsyncIterator[Timetable]:
        """The timetable of ``make_timetable``."""
        async with adapter_of(self.make_timetable) as timetable:
            yield timetable

    async def test_moments_come_in_order_in_utc_and_after_the_one_that_was_given(
        self, timetable: Timetable
    ) -> None:
        found = list(islice(timetable.after("0 3 * * *", "UTC", _utc(1, 1, 3)), 3))

        assert found == [_utc(1, 2, 3), _utc(1, 3, 3), _utc(1, 4, 3)]
        assert {moment.tzinfo for moment in found} == {UTC}

    async def test_the_text_is_read_in_its_time_zone(self, timetable: Timetable) -> None:
        in_summer = next(timetable.after("0 3 * * *", "Europe/Berlin", _utc(7, 1)))

        assert in_summer == _utc(7, 1, 1)

    async def test_a_local_time_that_comes_twice_counts_once(self, timetable: Timetable) -> None:
        """On 25 October 2026 it is half past two twice in Berlin."""
        after = timetable.after("30 2 * * *", "Europe/Berlin", _utc(10, 24, 12))

        found = list(islice(after, 2))

        assert [moment.date().day for moment in found] == [25, 26]

    async def test_a_moment_between_the_two_is_not_followed_by_one_before_it(
        self, timetable: Timetable
    ) -> None:
        between = _utc(10, 25, 1) + timedelta(minutes=15)

        assert next(timetable.after("30 2 * * *", "Europe/Berlin", between)) > between

    async def test_a_local_time_that_is_left_out_is_not_forgotten(
        self, timetable: Timetable
    ) -> None:
        """On 29 March 2026 there is no half past two in Berlin."""
        after = timetable.after("30 2 * * *", "Europe/Berlin", _utc(3, 28, 12))

        found = list(islice(after, 2))

        assert [moment.date().day for moment in found] == [29, 30]

    @pytest.mark.parametrize("cron", ["", "tomorrow", "* * * *", "60 * * * *", "0 0 30 2 *"])
    async def test_what_is_no_cron_text_is_refused_at_once(
        self, timetable: Timetable, cron: str
    ) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            timetable.after(cron, "UTC", NOW)

        assert refusal.value.field == "cron"

    @pytest.mark.parametrize("time_zone", ["", "Europe/Nowhere", "/etc/passwd", "../x"])
    async def test_a_time_zone_that_nobody_knows_is_refused_at_once(
        self, timetable: Timetable, time_zone: str
    ) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            timetable.after("* * * * *", time_zone, NOW)

        assert refusal.value.field == "time_zone"


def a_schedule(name: str = "nightly", **fields: Any) -> TaskSchedule:
    """A schedule that is due now, but for the fields that are given."""
    schedule = TaskSchedule(
        name=name,
        cron="0 3 * * *",
        title="a task",
        specialist_type="generic",
        request=b"{}",
        next_due=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(schedule, **fields)


def _utc(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)
