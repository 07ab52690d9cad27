"""Blocking functions run beside the event loop, and nothing of them is left behind."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from threading import Event

import pytest
import pytest_asyncio

from vespera.infrastructure.threads import Threads

PATIENCE = 10.0


@pytest_asyncio.fixture
async def threads() -> AsyncIterator[Threads]:
    threads = Threads(size=1)
    yield threads
    threads.close()


async def reached(event: Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0)


async def test_a_function_runs_in_another_thread_and_its_result_comes_back(
    threads: Threads,
) -> None:
    assert await threads.run(threading.get_ident) != threading.get_ident()
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_an_error_comes_back_as_it_was_raised(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)

    assert threads.in_flight == 0


async def test_calls_under_way_are_counted(threads: Threads) -> None:
    go_on = Event()
    call = asyncio.create_task(threads.run(go_on.wait, PATIENCE))
    await asyncio.sleep(0)

    assert threads.in_flight == 1
    go_on.set()
    assert await call
    assert threads.in_flight == 0


async def test_a_cancelled_call_that_has_not_begun_never_runs(threads: Threads) -> None:
    go_on, ran = Event(), Event()
    first = asyncio.create_task(threads.run(go_on.wait, PATIENCE))
    second = asyncio.create_task(threads.run(ran.set))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    await first
    await threads.run(int)

    assert not ran.is_set()


async def test_a_cancelled_call_that_has_begun_is_waited_for(threads: Threads) -> None:
    begun, go_on = Event(), Event()
    ended: list[bool] = []

    def work() -> None:
        begun.set()
        ended.append(go_on.wait(PATIENCE))

    call = asyncio.create_task(threads.run(work))
    await reached(begun)
    call.cancel()
    await asyncio.sleep(0)
    assert not call.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert ended == [True]


async def test_a_second_cancellation_ends_the_waiting(threads: Threads) -> None:
    begun, go_on = Event(), Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    call = asyncio.create_task(threads.run(work))
    await reached(begun)
    call.cancel()
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert threads.in_flight == 0
    go_on.set()


async def test_a_stoppable_function_is_told_of_the_cancellation(threads: Threads) -> None:
    begun = Event()
    told: list[bool] = []

    def work(stop: Event) -> None:
        begun.set()
        told.append(stop.wait(PATIENCE))

    call = asyncio.create_task(threads.run_stoppable(work))
    await reached(begun)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert told == [True]


async def test_a_failed_call_after_a_cancellation_is_no_unheard_error(threads: Threads) -> None:
    def work(stop: Event) -> None:
        stop.wait(PATIENCE)
        raise ValueError

    call = asyncio.create_task(threads.run_stoppable(work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gc.collect()


async def test_closing_ends_all_threads() -> None:
    before = set(threading.enumerate())
    threads = Threads(size=3)
    await asyncio.gather(*(threads.run(int) for _ in range(10)))
    assert len(set(threading.enumerate()) - before) == 3

    threads.close()
    threads.close()
    assert set(threading.enumerate()) <= before


async def test_threads_that_were_closed_start_anew() -> None:
    threads = Threads()
    await threads.run(int)
    threads.close()

    assert await threads.run(int) == 0
    threads.close()


async def test_threads_that_nobody_holds_end_by_themselves() -> None:
    before = set(threading.enumerate())
    threads = Threads()
    await threads.run(int)
    [worker] = set(threading.enumerate()) - before
    del threads
    gc.collect()
    worker.join(PATIENCE)

    assert not worker.is_alive()


async def test_a_waiting_thread_does_not_hold_up_the_end_of_the_program(threads: Threads) -> None:
    assert (await threads.run(threading.current_thread)).daemon


async def test_a_call_has_the_context_of_its_caller_and_the_thread_says_what_it_does(
    threads: Threads,
) -> None:
    flavour: ContextVar[str] = ContextVar("flavour")
    flavour.set("sweet")

    def look() -> tuple[str, str]:
        return flavour.get(), threading.current_thread().name

    assert await threads.call(look, what="Step 'look'") == ("sweet", "vespera-worker: Step 'look'")
    assert await threads.run(lambda: threading.current_thread().name) == "vespera-worker"


@pytest.mark.parametrize("kind", [ZeroDivisionError, StopIteration, asyncio.CancelledError])
async def test_whatever_a_call_raises_comes_back(threads: Threads, kind: type) -> None:
    def fail() -> None:
        raise kind

    with pytest.raises(RuntimeError if kind is StopIteration else kind):
        await threads.call(fail)

    assert threads.in_flight == 0


async def test_a_cancelled_call_that_has_begun_is_left_to_itself_until_the_threads_are_stopped(
    threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = Event(), Event()
    ended: list[bool] = []

    def work() -> None:
        begun.set()
        ended.append(go_on.wait(PATIENCE))

    call = asyncio.create_task(threads.call(work, what="Step 'slow'"))
    await reached(begun)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (ended, threads.in_flight) == ([], 1)
    assert "Step 'slow' goes on in its thread" in caplog.text

    stopping = asyncio.create_task(threads.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await stopping

    assert (ended, threads.in_flight) == ([True], 0)


async def test_a_cancelled_call_that_waits_for_its_turn_never_happens(threads: Threads) -> None:
    go_on, ran = Event(), Event()
    first = asyncio.create_task(threads.call(lambda: go_on.wait(PATIENCE)))
    second = asyncio.create_task(threads.call(ran.set))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    await first
    await threads.stop()

    assert not ran.is_set()


async def test_a_stop_that_is_given_up_leaves_the_thread_to_end_by_itself(
    threads: Threads,
) -> None:
    begun, go_on = Event(), Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    call = asyncio.create_task(threads.call(work))
    await reached(begun)
    (thread,) = [each for each in threading.enumerate() if each.name == "vespera-worker"]
    call.cancel()
    stopping = asyncio.create_task(threads.stop())
    await asyncio.wait([call])
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    go_on.set()
    thread.join(PATIENCE)

    assert not thread.is_alive()


async def test_no_more_threads_are_started_than_are_needed() -> None:
    threads = Threads(size=8, name="vespera-sparing")
    for _ in range(3):
        await threads.call(int)

    assert sum(each.name == "vespera-sparing" for each in threading.enumerate()) == 1
    await threads.stop()
