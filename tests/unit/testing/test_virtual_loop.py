"""A loop's virtual time: when it passes, and what it waits for."""

import asyncio
import concurrent.futures
import contextlib
import threading

import anyio.to_thread
import pytest

from vespera.testing import Deadlock, VirtualLoop

pytestmark = pytest.mark.virtual_time
HOUR = 3600.0
DAY = 24 * HOUR


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


def now() -> float:
    return loop().time()


def run(main, **attributes):
    """Run ``main()`` on a virtual loop of its own, in a thread of its own."""

    def alone():
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            vars(runner.get_loop()).update(attributes)
            return runner.run(main())

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(alone).result()


async def test_a_sleep_takes_its_time_and_no_more():
    began = now()
    await asyncio.sleep(HOUR)
    assert now() - began == HOUR


async def test_a_timeout_comes_when_nothing_else_can():
    began = now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await asyncio.Event().wait()
    assert now() - began == 30


async def test_wait_for_is_virtual_too():
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.sleep(DAY), HOUR)
    assert now() == HOUR


async def test_timers_come_in_order_and_those_of_one_moment_as_they_were_set():
    came = []
    for name, seconds in [("c", 2), ("a", 1), ("d", 2), ("b", 1), ("e", 2), ("f", 2)]:
        loop().call_later(seconds, came.append, name)
    await asyncio.sleep(3)
    assert came == ["a", "b", "c", "d", "e", "f"]


async def test_a_cancelled_timer_takes_no_time():
    loop().call_later(DAY, pytest.fail).cancel()
    await asyncio.sleep(1)
    assert now() == 1


async def test_a_thousand_timers_in_an_hour():
    came = []
    for number in range(1000):
        loop().call_later(3.6 * number, came.append, number)
    await asyncio.sleep(HOUR)
    assert came == list(range(1000))


@pytest.mark.parametrize("years", [1, 60, 1000])
async def test_time_goes_on_after_years(years):
    await asyncio.sleep(years * 365 * DAY)
    before = now()
    await asyncio.sleep(0.5)
    assert now() == before + 0.5


async def test_an_endless_sleep_never_ends():
    sleeping = asyncio.create_task(asyncio.sleep(float("inf")))
    await asyncio.sleep(DAY)
    assert not sleeping.done()
    sleeping.cancel()


async def test_ready_callbacks_run_in_the_order_of_asyncio():
    said = []

    async def say(name):
        for turn in range(3):
            said.append((name, turn))
            await asyncio.sleep(0)

    await asyncio.gather(say("a"), say("b"))
    assert said == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert now() == 0


async def test_time_stands_still_while_a_thread_works():
    release = threading.Event()
    asyncio.get_running_loop().call_later(5, pytest.fail)  # would come if time passed

    async def let_go():
        for _ in range(100):
            await asyncio.sleep(0)
        release.set()

    async with asyncio.timeout(4):
        await asyncio.gather(asyncio.to_thread(release.wait), let_go())
    assert now() == 0
    loop()._scheduled.clear()


async def test_time_stands_still_until_the_result_of_a_thread_has_arrived():
    for _ in range(200):
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(sum, range(100)) == 4950
    assert now() == 0


async def test_time_stands_still_while_a_thread_of_anyio_is_at_work():
    release = threading.Event()

    async def let_go():
        for _ in range(200):
            await asyncio.sleep(0)
        release.set()

    async with asyncio.timeout(4):
        await asyncio.gather(anyio.to_thread.run_sync(release.wait), let_go())
    assert now() == 0


async def test_time_stands_still_until_the_result_of_a_thread_of_anyio_has_arrived():
    for _ in range(200):
        async with asyncio.timeout(5):
            assert await anyio.to_thread.run_sync(sum, range(100)) == 4950
    assert now() == 0


async def test_time_passes_when_threads_of_anyio_rest():
    await anyio.to_thread.run_sync(len, "")
    await asyncio.sleep(7)
    assert now() == 7


def test_a_thread_of_anyio_that_waits_for_virtual_time_is_told():
    release = threading.Event()

    async def wait():
        asyncio.get_running_loop().call_later(60, release.set)
        await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)

    with pytest.raises(Deadlock, match="1 in anyio's worker threads"):
        run(wait, patience=0.01)
    release.set()


async def test_a_thread_whose_caller_was_cancelled_is_waited_for():
    release, finished = threading.Event(), []

    def work():
        release.wait()
        finished.append(now_seen_by_thread())

    def now_seen_by_thread():
        return running.time()

    running = loop()
    working = asyncio.create_task(asyncio.to_thread(work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    working.cancel()
    running.call_soon(release.set)
    await asyncio.sleep(10)
    assert finished == [0]


async def test_a_call_that_never_began_is_not_waited_for():
    release = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = loop().run_in_executor(pool, release.wait)
        second = loop().run_in_executor(pool, pytest.fail)
        second.cancel()
        release.set()
        await first
    await asyncio.sleep(10)
    assert loop().in_flight == 0


async def test_a_future_of_another_executor_is_waited_for():
    answer: concurrent.futures.Future[int] = concurrent.futures.Future()
    waiting = asyncio.wrap_future(answer)
    answerer = threading.Thread(target=lambda: answer.set_result(7))
    async with asyncio.timeout(1):
        answerer.start()
        assert await waiting == 7
    answerer.join()


async def test_time_stands_still_while_a_probe_says_so():
    under_way = [1]
    loop().watch(lambda: len(under_way))
    answerer = threading.Thread(target=under_way.clear)
    loop().call_soon(answerer.start)
    await asyncio.sleep(5)
    answerer.join()
    assert not under_way


async def test_time_stands_still_while_it_is_held():
    arrived = asyncio.Event()
    alarm = loop().call_later(1, pytest.fail)
    with loop().holding():
        answerer = threading.Thread(target=loop().call_soon_threadsafe, args=(arrived.set,))
        answerer.start()
        await arrived.wait()
    alarm.cancel()
    answerer.join()


async def test_a_task_that_polls_lets_time_pass_all_the_same():
    sleeping = asyncio.create_task(asyncio.sleep(5))
    while not sleeping.done():
        await asyncio.sleep(0)
    assert now() == 5


async def test_quiet_is_when_nothing_more_can_happen_without_time():
    done = []

    async def chain(length):
        if length:
            await asyncio.create_task(chain(length - 1))
        done.append(await asyncio.to_thread(len, "abc"))

    chained = asyncio.create_task(chain(20))
    await loop().quiet()
    assert done == [3] * 21
    assert now() == 0
    await chained


def test_a_program_in_which_all_wait_is_told_who_waits_for_what():
    async def fetch(queue):
        return await queue.get()

    async def hold(lock, gate):
        async with lock:
            await gate.wait()

    async def main():
        lock, gate = asyncio.Lock(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(asyncio.Queue()), name="fetcher")
            group.create_task(hold(lock, gate), name="holder")
            group.create_task(hold(lock, gate), name="waiter")

    with pytest.raises(Deadlock) as caught:
        run(main)
    message = str(caught.value)
    assert "4 tasks wait for ever" in message
    assert "test_virtual_loop.py" in message
    for words in (
        r"fetcher (test_a_program_in_which_all_wait_is_told_who_waits_for_what.<locals>.fetch) at",
        "<locals>.hold: waits for Event.wait of <asyncio.locks.Event",
        "waits for Lock.acquire of <asyncio.locks.Lock",
        "waits for Queue.get of <Queue",
        "waits for TaskGroup.__aexit__ of <TaskGroup tasks=3",
    ):
        assert words in message


def test_a_task_that_waits_for_another_is_told_so():
    async def main():
        other = asyncio.create_task(asyncio.Event().wait(), name="the other")
        await other

    with pytest.raises(Deadlock, match="waits for the task the other"):
        run(main)


def test_a_deadlocked_program_cleans_up():
    steps = []

    async def main():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(HOUR)
            steps.append(asyncio.get_running_loop().time())

    with pytest.raises(Deadlock):
        run(main)
    assert steps == [HOUR]


def test_a_deadlock_that_the_program_swallows_is_told_all_the_same():
    async def main():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "fine"

    with pytest.raises(Deadlock):
        run(main)


def test_a_program_that_deadlocks_while_it_cleans_up_is_ended():
    async def main():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main)


def test_a_thread_that_waits_for_virtual_time_is_told_after_a_while():
    release = threading.Event()

    async def main():
        asyncio.get_running_loop().call_later(5, release.set)
        try:
            await asyncio.to_thread(release.wait)
        finally:
            release.set()

    with pytest.raises(Deadlock, match="Time could not move for") as told:
        run(main, patience=0.01)
    assert "a call in an executor:" in str(told.value)
    assert "in Event.wait" in str(told.value)
    assert "A thread must not wait for something that only virtual time brings" in str(told.value)


def test_a_probe_that_never_says_0_is_told_after_a_while():
    async def main():
        asyncio.get_running_loop().watch(lambda: 1)
        await asyncio.sleep(1)

    with pytest.raises(Deadlock, match="says 1"):
        run(main, patience=0.01)


def test_a_thread_of_ones_own_has_a_moment_to_speak_before_all_is_called_dead():
    async def main():
        arrived = asyncio.Event()
        asyncio.get_running_loop().call_soon(begin, asyncio.get_running_loop(), arrived)
        await arrived.wait()

    def begin(running, arrived):
        threads.append(threading.Thread(target=running.call_soon_threadsafe, args=(arrived.set,)))
        threads[0].start()

    threads: list[threading.Thread] = []
    run(main)
    threads[0].join()


def test_a_loop_closes_though_its_pool_of_threads_takes_its_time():
    async def main():
        await asyncio.to_thread(len, "")
        asyncio.get_running_loop().call_later(1, len, "")

    run(main)


def test_timers_that_go_on_for_ever_do_not_hide_that_the_test_waits_for_ever():
    cleaned_up = []

    async def main():
        async def beat():
            while True:
                await asyncio.sleep(1)

        beating = asyncio.create_task(beat(), name="the heart")
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.append(beating.cancel())

    with pytest.raises(Deadlock, match="Time passes and nothing comes of it") as told:
        run(main, patience=0.05)
    assert "the heart" in str(told.value)
    assert "main: waits for Event.wait" in str(told.value)
    assert cleaned_up == [True]


def test_a_long_wait_beside_a_heartbeat_is_none_for_ever():
    async def main():
        async def beat():
            while True:
                await asyncio.sleep(1)

        beating = asyncio.create_task(beat())
        arrived = asyncio.Event()
        asyncio.get_running_loop().call_later(DAY / 8, arrived.set)
        await arrived.wait()
        beating.cancel()
        return now()

    assert run(main, patience=0.0) == DAY / 8


def test_work_that_is_done_by_ever_new_tasks_is_not_for_nothing():
    async def main():
        async def work():
            for _ in range(1_000):
                await asyncio.create_task(asyncio.sleep(1))

        await asyncio.create_task(work())
        return now()

    assert run(main, patience=0.001) == 1_000


async def suspended():
    yield
    await asyncio.Event().wait()


def test_a_deadlock_within_an_async_generator_is_told_with_its_place():
    async def main():
        async for _ in suspended():
            pass

    with pytest.raises(Deadlock, match=r"in suspended: waits for Event\.wait of <asyncio"):
        run(main)


def test_it_is_told_what_was_called_and_not_what_that_is_made_of():
    async def main():
        queue = asyncio.Queue()
        queue.put_nowait("item")
        await queue.join()

    with pytest.raises(Deadlock, match=r"waits for Queue\.join of <Queue .* tasks=1>"):
        run(main)
