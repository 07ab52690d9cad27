import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from vespera.testing import LoopClock, VirtualClock, VirtualLoop

pytestmark = pytest.mark.virtual_time
START = datetime(2030, 1, 1, tzinfo=UTC)


async def test_the_fixture_is_the_loop_s_own_time(clock):
    assert isinstance(clock, LoopClock)
    assert isinstance(clock, VirtualClock)
    assert clock.now() == START
    await asyncio.sleep(90)
    assert clock.now() == START + timedelta(seconds=90)


async def test_its_sleeps_end_by_themselves_in_order(clock):
    woken = []

    async def sleep(name, seconds):
        await clock.sleep(seconds)
        woken.append((name, (clock.now() - START).total_seconds()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("b2", 2), ("now", 0)):
            group.create_task(sleep(name, seconds))
    assert woken == [("now", 0), ("a", 1), ("b", 2), ("b2", 2), ("c", 3)]


async def test_advance_lets_everything_on_the_way_happen_and_what_follows_from_it(clock):
    seen = []

    async def tick():
        while True:
            await asyncio.sleep(3600)
            await asyncio.to_thread(len, "")
            seen.append((clock.now() - START) / timedelta(hours=1))

    ticking = asyncio.create_task(tick())
    await clock.advance(hours=3)
    assert seen == [1, 2, 3]
    await clock.advance(minutes=59)
    assert seen == [1, 2, 3]
    await clock.advance(days=7)
    assert len(seen) == 7 * 24 + 3
    ticking.cancel()


async def test_advance_reaches_what_is_due_at_that_very_moment_though_it_was_set_later(clock):
    done = []

    async def late():
        await clock.sleep(5)
        await clock.sleep(5)
        await asyncio.sleep(0)
        done.append(clock.now())

    working = asyncio.create_task(late())
    await clock.advance(seconds=10)
    assert done == [START + timedelta(seconds=10)]
    await working


async def test_two_advances_follow_each_other(clock):
    await asyncio.gather(clock.advance(hours=1), clock.advance(hours=2))
    assert clock.now() == START + timedelta(hours=3)


async def test_a_cancelled_advance_leaves_no_timer(clock):
    moving = asyncio.create_task(clock.advance(days=1))
    await asyncio.sleep(1)
    moving.cancel()
    await asyncio.wait([moving])
    assert not [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]


async def test_it_never_moves_back(clock):
    with pytest.raises(ValueError, match="time goes forward only"):
        await clock.advance(seconds=-1)


async def test_its_timeouts_cancel_the_block_at_their_moment(clock):
    with pytest.raises(TimeoutError):
        async with clock.timeout(30):
            await asyncio.Event().wait()
    assert clock.now() == START + timedelta(seconds=30)
    async with clock.timeout(None), clock.timeout(10):
        await clock.sleep(9)
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()


async def test_it_tells_who_waits_for_it(clock):
    sleeping = asyncio.create_task(clock.sleep(60), name="napping")
    await clock.advance()
    (sleeper,) = clock.sleepers
    assert (sleeper.task, sleeper.due) == ("napping", START + timedelta(minutes=1))
    await sleeping
    assert not clock.sleepers


async def test_running_is_as_time_is_anyway(clock):
    async with clock.running():
        await clock.sleep(3600)
    assert clock.now() == START + timedelta(hours=1)


async def test_what_it_watches_is_waited_for(clock):
    looks = [3, 2, 1]
    clock.watch(lambda: looks.pop() if looks else 0)
    await asyncio.sleep(1)
    assert not looks


async def test_it_may_begin_at_any_moment():
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    await asyncio.sleep(100)
    asked, moved = [], []

    async def before():
        moved.append(clock.now())

    clock = LoopClock(
        loop,
        datetime(1999, 12, 31, tzinfo=UTC),
        busy=[lambda: asked.append(1) or 0],
        before_moving=before,
    )
    await clock.advance(days=1)
    assert clock.now() == datetime(2000, 1, 1, tzinfo=UTC)
    assert asked
    assert moved == [datetime(1999, 12, 31, tzinfo=UTC)]


async def test_the_end_of_the_calendar_is_never_passed(clock):
    await asyncio.sleep(1e12)
    assert clock.now() == datetime.max.replace(tzinfo=UTC)
