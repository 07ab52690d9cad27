import asyncio
import hashlib
import threading
from datetime import UTC, datetime, timedelta, timezone

import anyio.to_thread
import pytest

from vespera.testing import VirtualClock

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def spawn():
    """Starts tasks, and sees to it that none outlives its test."""
    tasks = []

    def start(coroutine, name=None):
        tasks.append(asyncio.create_task(coroutine, name=name))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def seconds_since_start(clock) -> float:
    return (clock.now() - START).total_seconds()


def test_it_begins_at_a_fixed_moment_and_stands_still(clock):
    assert clock.now() == clock.now() == START
    assert clock.now().tzinfo is UTC


def test_it_may_begin_at_any_moment_that_is_aware():
    start = datetime(2000, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert VirtualClock(start).now() == start
    assert VirtualClock(start).now().tzinfo is UTC
    with pytest.raises(ValueError, match="start: must be an aware datetime"):
        VirtualClock(datetime(2000, 1, 1))  # noqa: DTZ001


async def test_advance_moves_it_by_the_sum_of_its_arguments(clock):
    await clock.advance(days=1, hours=2, minutes=3, seconds=4.5)
    assert clock.now() == START + timedelta(days=1, hours=2, minutes=3, seconds=4.5)


async def test_it_never_moves_back(clock):
    with pytest.raises(ValueError, match="time goes forward only"):
        await clock.advance(seconds=-1)
    assert clock.now() == START


async def test_sleepers_wake_in_the_order_they_are_due_each_at_its_moment(clock, spawn):
    woken = []

    async def sleep(name, seconds):
        await clock.sleep(seconds)
        woken.append((name, seconds_since_start(clock)))

    for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("b2", 2), ("late", 10.5)):
        spawn(sleep(name, seconds))
    await clock.advance(seconds=10)
    assert woken == [("a", 1), ("b", 2), ("b2", 2), ("c", 3)]
    assert seconds_since_start(clock) == 10


async def test_a_sleep_that_follows_from_a_sleep_is_within_the_same_advance(clock, spawn):
    async def tick():
        for _ in range(5):
            await clock.sleep(60)
        return clock.now()

    ticking = spawn(tick())
    await clock.advance(minutes=5)
    assert await ticking == START + timedelta(minutes=5)


async def test_advance_returns_when_all_that_follows_has_happened(clock, spawn):
    async def chain(length):
        if length:
            await asyncio.create_task(chain(length - 1))
        else:
            await clock.sleep(1)

    done = spawn(chain(100))
    await clock.advance(seconds=1)
    assert done.done()


async def test_a_sleep_of_nothing_takes_one_turn_and_no_time(clock):
    await clock.sleep(0)
    await clock.sleep(-5)
    assert clock.now() == START


async def test_an_endless_sleep_never_ends_and_stops_nobody_else(clock, spawn):
    endless = [spawn(clock.sleep(float("inf"))), spawn(clock.sleep(1e15))]
    async with clock.running():
        await clock.sleep(1)
    await clock.advance(days=365)
    assert not any(task.done() for task in endless)


async def test_a_cancelled_sleeper_is_forgotten(clock, spawn):
    sleeping = spawn(clock.sleep(5))
    await clock.advance()
    sleeping.cancel()
    await asyncio.wait([sleeping])
    assert not clock.sleepers


async def test_a_sleeper_cancelled_at_the_moment_it_is_due_is_cancelled(clock, spawn):
    sleeping = spawn(clock.sleep(5))

    async def cancel():
        await clock.sleep(5)
        sleeping.cancel()

    async def cancel_before():
        await asyncio.sleep(0)
        sleeping.cancel()

    spawn(cancel())
    await clock.advance(seconds=5)
    assert sleeping.done()
    sleeping = spawn(clock.sleep(0.5))
    await asyncio.sleep(0)
    sleeping.cancel()
    assert clock._wake_next(clock.now() + timedelta(seconds=1))
    await asyncio.wait([sleeping])
    assert sleeping.cancelled()


async def test_it_tells_who_sleeps_until_when(clock, spawn):
    async def limited():
        async with clock.timeout(9):
            await clock.sleep(20)

    spawn(limited(), name="limited")
    spawn(clock.sleep(3), name="napping")
    await clock.advance()
    found = [(sleeper.task, sleeper.kind, sleeper.due) for sleeper in clock.sleepers]
    assert found == [
        ("napping", "sleep", START + timedelta(seconds=3)),
        ("limited", "timeout", START + timedelta(seconds=9)),
        ("limited", "sleep", START + timedelta(seconds=20)),
    ]


async def test_a_timeout_cancels_the_block_and_raises_timeout_error_at_its_moment(clock):
    cleaned_up = []
    async with clock.running():
        with pytest.raises(TimeoutError) as caught:
            async with clock.timeout(30):
                try:
                    await asyncio.Event().wait()
                finally:
                    cleaned_up.append(clock.now())
    assert cleaned_up == [START + timedelta(seconds=30)]
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert asyncio.current_task().cancelling() == 0


async def test_an_error_of_the_block_passes_a_timeout_unchanged(clock):
    error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        async with clock.timeout(10):
            raise error
    assert caught.value is error
    assert not clock.sleepers


async def test_a_cancellation_from_outside_passes_a_timeout(clock, spawn):
    async def limited():
        async with clock.timeout(10):
            await asyncio.Event().wait()

    task = spawn(limited())
    await clock.advance(seconds=1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not clock.sleepers


async def test_running_makes_hours_of_retries_take_no_time(clock):
    async with clock.running():
        for failures in range(100):
            await clock.sleep(60 * failures)
    assert seconds_since_start(clock) == 60 * sum(range(100))


async def test_running_does_not_move_while_others_have_something_to_do(clock, spawn):
    async def work():
        for _ in range(100):
            await asyncio.sleep(0)
        return clock.now()

    async with clock.running():
        working = spawn(work())
        await clock.sleep(5)
        assert await working == START


async def test_running_ends_with_its_block(clock, spawn):
    sleeping = spawn(clock.sleep(5))
    async with clock.running():
        pass
    await asyncio.sleep(0)
    assert clock.now() == START
    assert not sleeping.done()
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"virtual clock"})


async def test_running_ends_when_its_block_fails_or_is_cancelled(clock, spawn):
    with pytest.raises(KeyError):
        async with clock.running():
            raise KeyError

    async def run_for_ever():
        async with clock.running():
            await asyncio.Event().wait()

    task = spawn(run_for_ever())
    await clock.advance()
    task.cancel()
    await asyncio.wait([task])
    assert {other.get_name() for other in asyncio.all_tasks()}.isdisjoint({"virtual clock"})


async def test_running_waits_for_a_sleeper_to_come(clock, spawn):
    arrived = asyncio.Event()

    async def come_late():
        for _ in range(50):
            await asyncio.sleep(0)
        await clock.sleep(3)
        arrived.set()

    async with clock.running():
        spawn(come_late())
        await arrived.wait()
    assert seconds_since_start(clock) == 3


async def test_an_advance_inside_running_takes_precedence(clock, spawn):
    ticks = []

    async def tick():
        while True:
            await clock.sleep(10)
            ticks.append(seconds_since_start(clock))

    spawn(tick())
    await clock.advance()
    async with clock.running():
        await clock.advance(seconds=25)
        assert seconds_since_start(clock) >= 25
        assert ticks[:2] == [10, 20]


async def test_two_may_run_the_clock_at_once(clock):
    async with clock.running(), clock.running():
        await asyncio.gather(clock.sleep(10), clock.sleep(20))
    assert seconds_since_start(clock) == 20


async def test_two_clocks_may_run_at_once(clock):
    other = VirtualClock()
    async with clock.running(), other.running():
        await asyncio.gather(clock.sleep(10), other.sleep(20))
    assert (seconds_since_start(clock), seconds_since_start(other)) == (10, 20)


async def test_a_task_that_polls_without_sleeping_does_not_stop_time(clock, spawn):
    sleeping = spawn(clock.sleep(5))
    async with clock.running():
        while not sleeping.done():
            await asyncio.sleep(0)
    assert seconds_since_start(clock) == 5


async def test_it_does_not_move_while_something_it_watches_is_under_way(spawn):
    in_flight = {"writes": 1, "threads": 1}
    clock = VirtualClock(busy=[lambda: in_flight["writes"]])
    clock.watch(lambda: in_flight["threads"])
    moving = spawn(clock.advance(seconds=1))
    for name in in_flight:
        for _ in range(20):
            await asyncio.sleep(0)
        assert clock.now() == START
        assert not moving.done()
        in_flight[name] = 0
    await moving
    assert seconds_since_start(clock) == 1


@pytest.mark.parametrize("to_thread", [asyncio.to_thread, anyio.to_thread.run_sync])
async def test_it_does_not_move_while_a_thread_of_asyncio_or_anyio_is_at_work(clock, to_thread):
    release = threading.Event()
    many = 3 * 40  # more than there are threads

    async def work():
        await to_thread(release.wait)
        return clock.now()

    async def let_go():
        for _ in range(200):
            await asyncio.sleep(0)
        release.set()

    async with clock.running(), clock.timeout(5):
        moments = await asyncio.gather(*(work() for _ in range(many)), let_go())
        assert set(moments[:many]) == {START}
        await clock.sleep(1)


async def test_it_moves_on_a_loop_that_hides_its_queue(clock, spawn, monkeypatch):
    class BlindLoop:
        pass

    sleeper = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(asyncio, "get_running_loop", BlindLoop)
    with clock._waiting("sleep", 5, lambda: sleeper.set_result(None)):
        await clock.advance(seconds=5)
    assert sleeper.done()


async def test_a_failing_probe_is_told_when_running_ends(clock):
    clock.watch(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        async with clock.running():
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_threads_need_not_wait_for_who_waits_for_them(clock):
    """One that turns round and round gives the interpreter away every 5 ms, and no sooner."""
    data = bytes(4096)  # as much as lets others have the interpreter meanwhile
    thread = threading.Thread(target=lambda: [hashlib.sha256(data) for _ in range(100)])
    looks = []

    def is_at_work():
        looks.append(1)
        return thread.is_alive()

    clock.watch(is_at_work)
    thread.start()
    await clock.advance(seconds=1)
    thread.join()

    assert len(looks) < 2_000
