"""A rate limit: so many begin in any such time, in the order they came."""

import asyncio

import pytest

from vespera.application.runtime.guarding.rate_limit import RateLimit
from vespera.domain.errors import InvalidRequest, RateLimitExceeded
from vespera.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


def now():
    return asyncio.get_running_loop().time()


async def beginnings(limit, calls):
    """When each of the calls began, by its number, in seconds from here."""
    start, begun = now(), {}

    async def work(number):
        begun[number] = now() - start

    await asyncio.gather(*(limit.call(work, n) for n in range(calls)))
    return begun


async def test_so_many_begin_at_once_and_the_others_when_they_may():
    begun = await beginnings(RateLimit(2, per=10.0), 5)

    assert begun == pytest.approx({0: 0, 1: 0, 2: 10, 3: 10, 4: 20})
    assert list(begun) == [0, 1, 2, 3, 4]


async def test_no_window_of_that_length_has_more_wherever_it_begins():
    limit, begun = RateLimit(3, per=1.0), []

    async def come(delay):
        await asyncio.sleep(delay)
        await limit.call(lambda: begun.append(now()))

    await asyncio.gather(*(come(n * 0.13) for n in range(30)))

    assert all(later - first >= 1.0 for first, later in zip(begun, begun[3:], strict=False))


async def test_a_newcomer_does_not_overtake_those_who_wait():
    limit, begun = RateLimit(1, per=1.0), []
    calls = [asyncio.create_task(limit.call(begun.append, n)) for n in range(3)]
    await asyncio.sleep(1)

    assert not limit.passes()
    await limit.call(begun.append, "newcomer")
    await asyncio.gather(*calls)

    assert begun == [0, 1, 2, "newcomer"]


async def test_one_who_waits_and_is_cancelled_costs_the_others_nothing():
    limit, start = RateLimit(1, per=10.0), now()
    calls = [asyncio.create_task(limit.call(lambda: now() - start)) for _ in range(4)]
    await asyncio.sleep(1)
    calls[1].cancel()
    calls[2].cancel()

    assert await calls[3] == pytest.approx(10)
    assert calls[1].cancelled()


async def test_what_would_wait_too_long_is_refused_at_once_and_told_when_to_come():
    limit = RateLimit(2, per=60.0, max_wait=0, name="openrouter")
    await beginnings(limit, 2)
    await asyncio.sleep(20)

    with pytest.raises(RateLimitExceeded, match=r"openrouter: .*2 calls in 60 s") as refusal:
        await limit.acquire()

    assert refusal.value.retry_after == pytest.approx(40)


async def test_those_who_wait_are_counted_before_one_is_let_in_to_wait():
    limit, start = RateLimit(2, per=10.0, max_wait=15.0), now()
    calls = [asyncio.create_task(limit.acquire()) for _ in range(5)]

    done = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in done] == [type(None)] * 4 + [RateLimitExceeded]
    assert done[4].retry_after == pytest.approx(20)
    assert now() - start == pytest.approx(10)


async def test_a_place_that_is_still_free_is_no_wait():
    limit = RateLimit(3, per=10.0, max_wait=0.5)
    await limit.acquire()

    async with limit._head:  # somebody is looking at the time, as he does for a moment
        limit._check_wait(now())


async def test_it_is_a_block_too_and_what_happens_in_it_does_not_matter():
    limit = RateLimit(1, per=5.0)
    start = now()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            async with limit:
                raise ValueError("no")

    assert now() - start == pytest.approx(5)


async def test_it_goes_by_the_clock_that_it_is_given_and_keeps_it():
    clock = VirtualClock()
    limit = RateLimit(1, per=0.1 / 3, clock=clock)
    limit.keep_time_by(VirtualClock())

    async with clock.running():
        for _ in range(50):
            await limit.acquire()

    assert clock.monotonic() == pytest.approx(49 * 0.1 / 3, abs=1e-3)


async def test_a_clock_that_comes_later_is_taken_if_there_was_none():
    clock = VirtualClock()
    limit = RateLimit(1, per=3600.0)
    limit.keep_time_by(clock)

    async with clock.running():
        await limit.acquire()
        await limit.acquire()

    assert clock.monotonic() == 3600


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 1, "per": 0}, "per"),
        ({"count": 1, "per": float("nan")}, "per"),
        ({"count": 1, "max_wait": -1}, "max_wait"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given, field):
    with pytest.raises(InvalidRequest, match=field):
        RateLimit(**given)
