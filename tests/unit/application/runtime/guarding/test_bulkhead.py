"""A bulkhead: so many at a time, the others in the order they came."""

import asyncio

import pytest

from vespera.application.runtime.guarding.bulkhead import Bulkhead
from vespera.domain.errors import BulkheadFull, InvalidRequest
from vespera.testing import ConcurrencyProbe

pytestmark = pytest.mark.virtual_time


async def test_so_many_run_at_a_time_and_all_get_their_turn():
    bulkhead, probe = Bulkhead(3), ConcurrencyProbe()

    async def work(number):
        async with probe:
            await asyncio.sleep(1)
        return number

    results = await asyncio.gather(*(bulkhead.call(work, n) for n in range(10)))

    assert results == list(range(10))
    assert probe.most == 3
    assert (bulkhead.under_way, bulkhead.waiting) == (0, 0)


async def test_those_who_wait_go_on_in_the_order_they_came():
    bulkhead, begun = Bulkhead(1), []

    async def work(number):
        begun.append(number)
        await asyncio.sleep(1)

    await asyncio.gather(*(bulkhead.call(work, n) for n in range(5)))

    assert begun == [0, 1, 2, 3, 4]


async def test_a_newcomer_does_not_overtake_one_whose_turn_has_just_come():
    bulkhead, begun = Bulkhead(1), []

    async def enter(name):
        async with bulkhead:
            begun.append(name)

    async with bulkhead:
        waiting = asyncio.create_task(enter("first"))
        await asyncio.sleep(0)
    assert not bulkhead.enters()  # the place is the first one's, who does not know it yet
    await enter("second")
    await waiting

    assert begun == ["first", "second"]


async def test_whoever_comes_when_the_line_is_full_is_refused_at_once():
    bulkhead = Bulkhead(1, max_waiting=1, name="tts")
    calls = [asyncio.create_task(bulkhead.call(asyncio.sleep, 1)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(BulkheadFull, match=r"tts: .*1 calls are under way and 1 wait"):
        await bulkhead.call(asyncio.sleep, 1)

    await asyncio.gather(*calls)
    assert await bulkhead.call(lambda: "again") == "again"


async def test_with_no_place_to_wait_it_refuses_what_cannot_begin():
    bulkhead = Bulkhead(1, max_waiting=0)

    async with bulkhead:
        with pytest.raises(BulkheadFull):
            await bulkhead.enter()


async def test_one_who_waits_and_is_cancelled_leaves_the_line():
    bulkhead = Bulkhead(1)
    async with bulkhead:
        calls = [asyncio.create_task(bulkhead.call(asyncio.sleep, 0)) for _ in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        await asyncio.sleep(0)
        assert bulkhead.waiting == 2

    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ended] == [type(None), asyncio.CancelledError, type(None)]
    assert (bulkhead.under_way, bulkhead.waiting) == (0, 0)


async def test_one_who_is_cancelled_as_his_turn_comes_hands_the_place_on():
    bulkhead = Bulkhead(1)
    await bulkhead.enter()
    late = asyncio.create_task(bulkhead.call(asyncio.sleep, 0))
    next_one = asyncio.create_task(bulkhead.call(asyncio.sleep, 0, "done"))
    await asyncio.sleep(0)

    bulkhead.leave()
    late.cancel()

    assert await next_one == "done"
    assert late.cancelled()
    assert bulkhead.under_way == 0


async def test_one_who_was_just_cancelled_is_passed_over():
    bulkhead = Bulkhead(1)
    await bulkhead.enter()
    calls = [asyncio.create_task(bulkhead.call(asyncio.sleep, 0, n)) for n in range(3)]
    await asyncio.sleep(0)

    calls[0].cancel()
    calls[1].cancel()
    bulkhead.leave()

    assert await calls[2] == 2
    assert (bulkhead.under_way, bulkhead.waiting) == (0, 0)


async def test_a_place_is_given_back_whatever_becomes_of_the_call():
    bulkhead = Bulkhead(1)

    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await bulkhead.call(fails)
    call = asyncio.create_task(bulkhead.call(asyncio.sleep, 60))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])

    assert bulkhead.under_way == 0


async def test_many_thousands_may_leave_the_line_at_once():
    bulkhead = Bulkhead(1)
    async with bulkhead:
        calls = [asyncio.create_task(bulkhead.enter()) for _ in range(5_000)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)

        assert bulkhead.waiting == 0


@pytest.mark.parametrize("given", [(0,), (-1,), (1.5,), (True,), ("2",), (None,)])
def test_a_number_that_makes_no_sense_is_refused(given):
    with pytest.raises(InvalidRequest, match="max_concurrent"):
        Bulkhead(*given)


@pytest.mark.parametrize("given", [-1, 1.5, "2"])
def test_so_is_a_length_of_the_line(given):
    with pytest.raises(InvalidRequest, match="max_waiting"):
        Bulkhead(1, max_waiting=given)
