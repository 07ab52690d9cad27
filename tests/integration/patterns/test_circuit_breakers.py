"""A breaker that stops asking a service which is down, and tries again after a while."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from vespera import CircuitBreaker, CircuitBreakerOpenError
from vespera.testing import VirtualClock, mock_client, sequence


async def test_circuit_breaker():
    """With the usual threshold the second call would be the second failure: say what the test
    needs. ``pytest.raises(Exception)`` would accept the refusal, too.
    """
    mock_client = AsyncMock()
    mock_client.request.side_effect = Exception("Service unavailable")

    circuit_breaker = CircuitBreaker(mock_client, failure_threshold=1)

    with pytest.raises(Exception, match=r"^Service unavailable$"):
        await circuit_breaker.execute("test")

    with pytest.raises(CircuitBreakerOpenError):
        await circuit_breaker.execute("test")

    mock_client.request.assert_awaited_once_with("test")


async def test_after_the_threshold_it_is_the_breaker_that_answers():
    mock_client = AsyncMock()
    mock_client.request.side_effect = Exception("Service unavailable")
    circuit_breaker = CircuitBreaker(mock_client)

    for _ in range(5):
        with pytest.raises(Exception, match=r"^Service unavailable$"):
            await circuit_breaker.execute("test")
    with pytest.raises(CircuitBreakerOpenError):
        await circuit_breaker.execute("test")

    assert mock_client.request.await_count == 5


@pytest.fixture
def clock():
    return VirtualClock()


async def fail(breaker, times):
    for _ in range(times):
        with pytest.raises(ConnectionError):  # `Exception` would take the refusal as well
            await breaker.execute("test")


async def test_it_asks_until_the_threshold_and_not_once_more(clock):
    client = mock_client(request=ConnectionError("down"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=3)

    await fail(breaker, 3)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")

    assert client.request.await_count == 3


async def test_a_success_forgets_the_failures_before_it(clock):
    error = ConnectionError("down")
    client = mock_client(request=sequence(error, error, "fine", error, error, "fine"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=3)

    for _ in range(2):
        await fail(breaker, 2)
        assert await breaker.execute("test") == "fine"


async def test_after_its_rest_it_tries_and_closes(clock):
    client = mock_client(request=sequence(ConnectionError("down"), then="fine"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=1, reset_after=30)
    await fail(breaker, 1)

    await clock.advance(seconds=29)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")
    await clock.advance(seconds=1)

    assert await breaker.execute("test") == await breaker.execute("test") == "fine"


async def test_when_the_trial_fails_it_rests_again(clock):
    client = mock_client(request=ConnectionError("down"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=5, reset_after=30)
    await fail(breaker, 5)
    await clock.advance(seconds=30)

    await fail(breaker, 1)

    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")


async def test_only_one_call_is_the_trial(clock):
    is_answered = asyncio.Event()

    async def answer(request):
        await is_answered.wait()
        return "fine"

    client = mock_client(request=ConnectionError("down"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=1, reset_after=30)
    await fail(breaker, 1)
    await clock.advance(seconds=30)
    client.request.side_effect = answer

    trial = asyncio.create_task(breaker.execute("first"))
    await asyncio.sleep(0)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("second")
    is_answered.set()

    assert await trial == "fine"


async def test_a_call_that_is_cancelled_is_no_failure_of_the_service(clock):
    client = mock_client(request=sequence(asyncio.CancelledError(), then="fine"))
    breaker = CircuitBreaker(client, clock=clock, failure_threshold=1)

    with pytest.raises(asyncio.CancelledError):
        await breaker.execute("test")

    assert await breaker.execute("test") == "fine"
