"""A time limit for calls, whose timer is set only for calls that wait."""

import asyncio

import pytest

from vespera.application.runtime.guarding.timeout import Timeout
from vespera.domain.errors import CallTimedOut, InvalidRequest
from vespera.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


def now():
    return asyncio.get_running_loop().time()


async def answer(seconds, value="an answer"):
    await asyncio.sleep(seconds)
    return value


async def test_what_is_quick_enough_answers():
    start = now()

    assert await Timeout(5.0).call(answer, 4.9) == "an answer"
    assert now() - start == pytest.approx(4.9)


async def test_what_takes_too_long_is_cancelled_to_the_second_and_can_clean_up():
    start, cleaned_up = now(), []

    async def slow():
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned_up.append(now() - start)

    with pytest.raises(asyncio.TimeoutError, match=r"tts: The call took longer than 1.5 s") as late:
        await Timeout(1.5, name="tts").call(slow)

    assert isinstance(late.value, CallTimedOut)
    assert cleaned_up == [pytest.approx(1.5)]


async def test_a_time_out_of_the_service_itself_passes_as_it_is():
    async def gives_up():
        await asyncio.sleep(1)
        raise TimeoutError("the socket's own")

    with pytest.raises(TimeoutError, match="socket's own") as late:
        await Timeout(5.0).call(gives_up)

    assert not isinstance(late.value, CallTimedOut)


async def test_it_holds_for_each_call_alone_and_afterwards_too():
    timeout = Timeout(2.0)

    ended = await asyncio.gather(
        *(timeout.call(answer, seconds, seconds) for seconds in (1, 3, 1.9)),
        return_exceptions=True,
    )

    assert [type(end) for end in ended] == [int, CallTimedOut, float]
    assert await timeout.call(answer, 1) == "an answer"


async def test_a_cancellation_from_outside_is_no_time_out():
    call = asyncio.create_task(Timeout(5.0).call(answer, 4))
    await asyncio.sleep(1)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_what_never_waits_needs_no_time():
    async def at_once():
        return "now"

    assert await Timeout(0).call(at_once) == "now"
    assert await Timeout(0).call(lambda: "no coroutine") == "no coroutine"


async def test_no_time_at_all_ends_what_waits():
    with pytest.raises(CallTimedOut):
        await Timeout(0).call(answer, 1)


async def test_whatever_can_be_awaited_is():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1, future.set_result, "from a future")

    assert await Timeout(2).call(lambda: future) == "from a future"


async def test_what_waits_many_times_and_swallows_errors_goes_on_as_if_it_were_alone():
    async def winding():
        for _ in range(3):
            await asyncio.sleep(1)
        with pytest.raises(KeyError):
            await asyncio.gather(fails())
        await asyncio.sleep(0)
        return "through"

    async def fails():
        raise KeyError("x")

    assert await Timeout(5).call(winding) == "through"


async def test_a_call_that_swallows_its_cancellation_has_its_way():
    """As under ``asyncio.timeout``: it is done, and what it gave is there."""

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "so what"

    assert await Timeout(1).call(stubborn) == "so what"


async def test_it_goes_by_the_clock_that_it_is_given():
    clock = VirtualClock()
    timeout = Timeout(60.0)
    timeout.keep_time_by(clock)
    timeout.keep_time_by(VirtualClock())

    async with clock.running():
        with pytest.raises(CallTimedOut):
            await timeout.call(clock.sleep, 61)

    assert clock.monotonic() == 60


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", None, True, 1e12])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(InvalidRequest, match="seconds"):
        Timeout(seconds)
