"""A guarded call is cancelled at each of its awaits: nothing is held, and the next one works."""

import asyncio

import pytest

from vespera import (
    Bulkhead,
    CircuitBreaker,
    Clock,
    Container,
    RateLimit,
    RetryPolicy,
    ServiceGuard,
)
from vespera.domain.errors import CircuitBreakerOpenError

pytestmark = pytest.mark.virtual_time


async def answer():
    for _ in range(3):
        await asyncio.sleep(0)
    return "answer"


async def cancelled_after(turns, call):
    """Whether the call was cancelled; it may have come to its end before."""
    task = asyncio.create_task(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    is_late = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() or is_late or task.exception() is None
    return task.cancelled()


@pytest.mark.parametrize("turns", range(8))
async def test_in_one_process(turns):
    guard = ServiceGuard(
        total_timeout=60.0,
        bulkhead=Bulkhead(1),
        rate=RateLimit(1, per=10.0),
        breaker=CircuitBreaker(failure_threshold=1),
        retry=RetryPolicy(max_attempts=2, delay=1.0),
        timeout=5.0,
    )
    await guard.breaker.open()
    await asyncio.sleep(30)

    await cancelled_after(turns, guard.call(answer))

    assert (guard.bulkhead.under_way, guard.bulkhead.waiting) == (0, 0)
    assert await guard.call(answer) == "answer"
    assert (await guard.breaker.status()).state == "closed"


@pytest.mark.parametrize("turns", [*range(8), 10, 15, 20, 30])
async def test_with_a_breaker_that_is_shared(turns, clock):
    container = Container()
    container.override(Clock, clock)
    async with container:
        breaker = CircuitBreaker(
            answer,
            name="model",
            probe_seconds=10.0,
            store=container.get("breakers"),
            clock=clock,
        )
        await breaker.open()
        await clock.advance(seconds=30)

        await cancelled_after(turns, breaker.execute())
        try:
            assert await breaker.execute() == "answer"
        except CircuitBreakerOpenError:  # it was cancelled as it got its lease, which runs out
            await clock.advance(seconds=10)
            assert await breaker.execute() == "answer"

        assert (await breaker.status()).state == "closed"


async def test_a_crowd_of_which_any_are_cancelled_leaves_all_as_it_was():
    guard = ServiceGuard(bulkhead=3, rate=RateLimit(5, per=1.0), retry=RetryPolicy(delay=0.1))
    calls = [asyncio.create_task(guard.call(answer)) for _ in range(60)]
    for number, call in enumerate(calls):
        if number % 3 == 0:
            await asyncio.sleep(0.1 * (number % 7))
            call.cancel()

    ended = await asyncio.gather(*calls, return_exceptions=True)

    assert all(end == "answer" or isinstance(end, asyncio.CancelledError) for end in ended)
    assert (guard.bulkhead.under_way, guard.bulkhead.waiting) == (0, 0)
    assert not guard.rate._head.under_way
