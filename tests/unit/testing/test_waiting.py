import asyncio

import pytest

from vespera.testing import TestingError, VirtualClock, eventually


@pytest.mark.virtual_time
async def test_it_gives_what_the_predicate_gave_as_soon_as_that_is_true():
    found = []
    asyncio.get_running_loop().call_later(60, found.append, "x")
    assert await eventually(lambda: list(found), timeout=100) == ["x"]
    assert asyncio.get_running_loop().time() == 60


@pytest.mark.virtual_time
async def test_a_predicate_may_be_async_and_may_object():
    moments = []

    async def look():
        moments.append(asyncio.get_running_loop().time())
        await asyncio.to_thread(len, "")
        assert len(moments) > 3, "too early"
        return "seen"

    async def tick():
        while True:
            await asyncio.sleep(10)

    ticking = asyncio.create_task(tick())
    assert await eventually(look, 100) == "seen"
    assert moments == [0, 10, 20, 30]
    ticking.cancel()


@pytest.mark.virtual_time
async def test_it_tells_the_last_objection_when_time_is_up():
    def look():
        assert asyncio.get_running_loop().time() > 100, "not yet"

    with pytest.raises(AssertionError, match=r"Not true after 50 s of virtual time.*look.*not yet"):
        await eventually(look, 50)
    assert asyncio.get_running_loop().time() == 50


async def test_with_a_clock_it_moves_the_clock():
    clock, done = VirtualClock(), []

    async def work():
        await clock.sleep(7200)
        done.append(clock.now())

    working = asyncio.create_task(work())
    assert await eventually(lambda: done, 7200, clock=clock)
    with pytest.raises(AssertionError, match="it gave False"):
        await eventually(lambda: False, 5, clock=clock)
    assert (clock.now() - done[0]).total_seconds() == 5
    await working


async def test_without_virtual_time_it_says_what_to_do():
    with pytest.raises(TestingError, match="mark the test with virtual_time, or give clock"):
        await eventually(lambda: True)
