"""All guards of a service together: each does its part, in the order that the class tells."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from vespera import Rate, RetryPolicy
from vespera.application.runtime.guarding.bulkhead import Bulkhead
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.application.runtime.guarding.rate_limit import RateLimit
from vespera.application.runtime.guarding.service_guard import ServiceGuard
from vespera.application.runtime.guarding.timeout import Timeout
from vespera.domain.errors import (
    AIServiceRateLimited,
    AIServiceRefused,
    BulkheadFull,
    CallTimedOut,
    CircuitBreakerOpenError,
    InvalidRequest,
    RateLimitExceeded,
)
from vespera.testing import ConcurrencyProbe, VirtualClock, mock_client, sequence

pytestmark = pytest.mark.virtual_time
DOWN = ConnectionError("down")
PATIENT = RetryPolicy(max_attempts=4, delay=1.0, multiplier=2.0)


def now():
    return asyncio.get_running_loop().time()


def client(*results, then=None):
    return mock_client(ask=sequence(*results, then=then) if then else sequence(*results))


async def forever():
    await asyncio.Event().wait()


async def test_without_parts_it_calls_and_nothing_else():
    guard = ServiceGuard()

    assert await guard.call(asyncio.sleep, 1, "slept") == "slept"
    assert await guard.call(len, "four") == 4
    with pytest.raises(ConnectionError):
        await guard.call(client(DOWN).ask)


async def test_it_is_a_decorator_of_functions_and_methods():
    guard = ServiceGuard(retry=PATIENT)

    class Model:
        tries = 0

        @guard
        async def complete(self, prompt: str) -> str:
            """Completes."""
            self.tries += 1
            if self.tries < 3:
                raise DOWN
            return f"{prompt}!"

    assert await Model().complete("hello") == "hello!"
    assert Model.complete.__name__ == "complete"
    assert Model.complete.__doc__ == "Completes."


async def test_a_mock_can_be_guarded_too():
    assert await ServiceGuard()(AsyncMock(return_value=1))("x") == 1
    assert await ServiceGuard()(mock_client(ask=2).ask)("x") == 2


async def test_it_tries_again_after_waits_that_grow():
    start, asked = now(), client(DOWN, DOWN, DOWN, "answer")

    assert await ServiceGuard(retry=PATIENT).call(asked.ask) == "answer"
    assert now() - start == pytest.approx(1 + 2 + 4)


async def test_after_the_last_try_the_last_error_is_raised():
    asked = mock_client(ask=DOWN)

    with pytest.raises(ConnectionError):
        await ServiceGuard(retry=PATIENT).call(asked.ask)
    assert asked.ask.await_count == 4


async def test_the_jitter_is_drawn_by_chance():
    start = now()
    retry = RetryPolicy(max_attempts=2, delay=10.0, jitter=0.5)

    await ServiceGuard(retry=retry, chance=lambda: 1.0).call(client(DOWN, "answer").ask)

    assert now() - start == pytest.approx(5)


async def test_it_waits_as_long_as_the_service_says_within_the_longest_wait():
    start = now()
    retry = RetryPolicy(max_attempts=4, delay=1.0, max_delay=60.0)
    slow_down, come_tomorrow = (
        AIServiceRateLimited("slow down", retry_after=seconds) for seconds in (17, 86_400)
    )

    await ServiceGuard(retry=retry).call(client(slow_down, come_tomorrow, "answer").ask)

    assert now() - start == pytest.approx(17 + 60)


async def test_a_bad_request_is_not_repeated():
    asked = mock_client(ask=AIServiceRefused("too long"))

    with pytest.raises(AIServiceRefused):
        await ServiceGuard(retry=PATIENT).call(asked.ask)
    asked.ask.assert_awaited_once()


async def test_a_cancellation_is_not_repeated_and_passes():
    asked = mock_client(ask=asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await ServiceGuard(retry=PATIENT, breaker=CircuitBreaker()).call(asked.ask)
    asked.ask.assert_awaited_once()


async def test_it_can_be_cancelled_while_it_waits_for_the_next_try():
    guard = ServiceGuard(retry=PATIENT, bulkhead=1)
    call = asyncio.create_task(guard.call(mock_client(ask=DOWN).ask))
    await asyncio.sleep(0.5)
    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert guard.bulkhead.under_way == 0


async def test_each_try_has_its_own_time():
    guard = ServiceGuard(timeout=5.0, retry=RetryPolicy(max_attempts=3, delay=1.0), name="tts")
    start = now()

    with pytest.raises(CallTimedOut, match="tts: "):
        await guard.call(forever)

    assert now() - start == pytest.approx(5 + 1 + 5 + 2 + 5)


async def test_all_together_have_theirs_waiting_included():
    guard = ServiceGuard(total_timeout=7.0, retry=PATIENT)
    start = now()

    with pytest.raises(CallTimedOut, match="7 s"):
        await guard.call(mock_client(ask=DOWN).ask)
    assert now() - start == pytest.approx(7)

    async with guard_of_one() as full:
        with pytest.raises(CallTimedOut):
            await full.call(forever)


def guard_of_one():
    """A guard whose only place is taken, as a block."""
    guard = ServiceGuard(total_timeout=3.0, bulkhead=1)

    class Taken:
        async def __aenter__(self):
            await guard.bulkhead.enter()
            return guard

        async def __aexit__(self, *error):
            guard.bulkhead.leave()

    return Taken()


async def test_the_breaker_learns_of_each_try_and_of_time_outs():
    guard = ServiceGuard(
        timeout=5.0,
        breaker=CircuitBreaker(failure_threshold=2),
        retry=RetryPolicy(max_attempts=5, delay=1.0),
    )
    start = now()

    with pytest.raises(CircuitBreakerOpenError) as refusal:
        await guard.call(forever)

    assert now() - start == pytest.approx(5 + 1 + 5 + 2)
    assert "CallTimedOut" in refusal.value.reason


async def test_an_open_breaker_is_waited_for_only_if_the_policy_names_its_error():
    retry = RetryPolicy(
        max_attempts=3, delay=1.0, retry_on=(ConnectionError, CircuitBreakerOpenError)
    )
    guard = ServiceGuard(breaker=CircuitBreaker(failure_threshold=1), retry=retry)
    start = now()

    assert await guard.call(client(DOWN, "answer").ask) == "answer"
    assert now() - start == pytest.approx(30)


async def test_each_try_counts_for_the_rate():
    guard = ServiceGuard(rate=Rate(2, per=60.0), retry=RetryPolicy(max_attempts=3, delay=1.0))
    start = now()

    await guard.call(client(DOWN, DOWN, "answer").ask)

    assert now() - start == pytest.approx(60)


async def test_nobody_waits_for_the_rate_of_a_service_that_is_not_asked():
    breaker = CircuitBreaker()
    guard = ServiceGuard(rate=Rate(1, per=60.0), breaker=breaker)
    await guard.call(len, "")
    await breaker.open()
    start = now()

    with pytest.raises(CircuitBreakerOpenError):
        await guard.call(len, "")
    assert now() == start


async def test_whoever_waited_for_the_rate_is_told_that_the_breaker_opened_meanwhile():
    breaker = CircuitBreaker(reset_after=600.0)
    guard = ServiceGuard(rate=Rate(1, per=60.0), breaker=breaker)
    await guard.call(len, "")
    waiting = asyncio.create_task(guard.call(len, ""))
    await asyncio.sleep(1)
    await breaker.open()

    with pytest.raises(CircuitBreakerOpenError):
        await waiting


async def test_refusals_are_not_retried():
    guard = ServiceGuard(
        bulkhead=Bulkhead(1, max_waiting=0), rate=RateLimit(1, per=60.0, max_wait=0), retry=PATIENT
    )
    start = now()
    await guard.call(len, "")

    with pytest.raises(RateLimitExceeded):
        await guard.call(len, "")
    call = asyncio.create_task(guard.bulkhead.call(asyncio.sleep, 1))
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        await guard.call(len, "")
    assert now() == start
    await call


async def test_a_call_keeps_its_place_while_it_waits_to_try_again():
    guard, probe = ServiceGuard(bulkhead=2, retry=PATIENT), ConcurrencyProbe()
    asked = [client(DOWN, DOWN, "answer") for _ in range(6)]

    async def one(number):
        return await guard.call(probe(asked[number].ask))

    assert await asyncio.gather(*map(one, range(6))) == ["answer"] * 6
    assert probe.most <= 2


async def test_parts_may_be_shared_and_take_name_and_clock_of_the_guard_if_they_have_none():
    clock = VirtualClock()
    shared = Bulkhead(1, max_waiting=0)
    breaker, own = CircuitBreaker(failure_threshold=1), Timeout(1.0, name="own")
    guard = ServiceGuard(
        name="tts", bulkhead=shared, breaker=breaker, timeout=own, rate=Rate(1), clock=clock
    )
    ServiceGuard(name="other", bulkhead=shared)

    assert (shared.name, breaker.name, own.name, guard.rate.name) == ("tts", "tts", "own", "tts")
    async with clock.running():
        with pytest.raises(CallTimedOut, match="own: "):
            await guard.call(forever)
    assert clock.monotonic() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"retry": 3}, "retry"),
        ({"retry": 0}, "retry"),
        ({"rate": 3}, "rate"),
        ({"bulkhead": 0}, "max_concurrent"),
        ({"bulkhead": "8"}, "bulkhead"),
        ({"breaker": 5}, "breaker"),
        ({"timeout": "soon"}, "^timeout"),
        ({"total_timeout": -1}, "^total_timeout"),
    ],
)
def test_what_is_no_such_part_is_refused_by_name(given, field):
    with pytest.raises(InvalidRequest, match=field):
        ServiceGuard(**given)
