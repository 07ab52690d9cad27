"""A breaker that stops asking a service which is down, and tries again after a while."""

import asyncio

import pytest

from vespera.testing import VirtualClock, mock_client, sequence


class CircuitBreakerOpenError(Exception):
    """The service failed too often; it is not asked."""


class CircuitBreaker:
    """Closed: asks. Open: refuses. After ``rest`` seconds it lets one call through, to see."""

    def __init__(self, client, clock, failure_threshold=3, rest=30.0):
        self._client, self._clock = client, clock
        self._threshold, self._rest = failure_threshold, rest
        self._failures, self._opened = 0, None
        self._is_trying = False

    async def execute(self, request):
        if self._is_open():
            raise CircuitBreakerOpenError("the service is given a rest")
        self._is_trying = self._opened is not None
        try:
            result = await self._client.request(request)
        except Exception:
            self._failures += 1
            if self._is_trying or self._failures >= self._threshold:
                self._opened = self._clock.now()
            raise
        else:
            self._failures, self._opened = 0, None
            return result
        finally:
            self._is_trying = False

    def _is_open(self):
        if self._opened is None:
            return False
        rested = (self._clock.now() - self._opened).total_seconds() >= self._rest
        return self._is_trying or not rested


@pytest.fixture
def clock():
    return VirtualClock()


async def fail(breaker, times):
    for _ in range(times):
        with pytest.raises(ConnectionError):  # `Exception` would take the refusal as well
            await breaker.execute("test")


async def test_it_asks_until_the_threshold_and_not_once_more(clock):
    client = mock_client(request=ConnectionError("down"))
    breaker = CircuitBreaker(client, clock, failure_threshold=3)

    await fail(breaker, 3)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")

    assert client.request.await_count == 3


async def test_a_success_forgets_the_failures_before_it(clock):
    error = ConnectionError("down")
    client = mock_client(request=sequence(error, error, "fine", error, error, "fine"))
    breaker = CircuitBreaker(client, clock, failure_threshold=3)

    for _ in range(2):
        await fail(breaker, 2)
        assert await breaker.execute("test") == "fine"


async def test_after_its_rest_it_tries_and_closes(clock):
    client = mock_client(request=sequence(ConnectionError("down"), then="fine"))
    breaker = CircuitBreaker(client, clock, failure_threshold=1, rest=30)
    await fail(breaker, 1)

    await clock.advance(seconds=29)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.execute("test")
    await clock.advance(seconds=1)

    assert await breaker.execute("test") == await breaker.execute("test") == "fine"


async def test_when_the_trial_fails_it_rests_again(clock):
    client = mock_client(request=ConnectionError("down"))
    breaker = CircuitBreaker(client, clock, failure_threshold=5, rest=30)
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
    breaker = CircuitBreaker(client, clock, failure_threshold=1, rest=30)
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
    breaker = CircuitBreaker(client, clock, failure_threshold=1)

    with pytest.raises(asyncio.CancelledError):
        await breaker.execute("test")

    assert await breaker.execute("test") == "fine"
