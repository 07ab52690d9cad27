"""The base of services: operations fail in one way, and the service is usable afterwards."""

import asyncio

import pytest

from vespera.application.runtime.guarding.async_service import AsyncService
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.application.runtime.guarding.service_guard import ServiceGuard
from vespera.domain.errors import (
    AIServiceUnavailable,
    AsyncServiceError,
    CallTimedOut,
    CircuitBreakerOpenError,
    InvalidRequest,
    ServiceCallFailed,
)
from vespera.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


class Weather(AsyncService):
    recovered = 0
    trouble: Exception | None = None

    async def forecast(self, city, *, timeout=None, error=None, after=0.0):
        return await self.operate("forecast", self._ask, city, error, after, timeout=timeout)

    async def _ask(self, city, error, after):
        await asyncio.sleep(after)
        if error:
            raise error
        return f"sun in {city}"

    async def recover(self):
        if self.trouble:
            raise self.trouble
        self.recovered += 1


async def test_an_operation_gives_its_value():
    result = await Weather().forecast("Rome")

    assert (result.success, result.operation, result.value) == (True, "forecast", "sun in Rome")


async def test_whatever_it_raises_is_an_error_of_the_service_with_its_cause():
    service, cause = Weather(), KeyError("no such city")

    said = r"Weather: forecast: KeyError: .*no such city"
    with pytest.raises(AsyncServiceError, match=said) as told:
        await service.forecast("Atlantis", error=cause)

    assert isinstance(told.value, ServiceCallFailed)
    assert told.value.__cause__ is cause
    assert service.last_error is cause


async def test_what_is_an_error_of_a_service_already_passes_as_it_is():
    error = AIServiceUnavailable("down", service="openrouter")

    with pytest.raises(AIServiceUnavailable) as raised:
        await Weather().forecast("Rome", error=error)
    assert raised.value is error


async def test_it_is_usable_after_a_failure_without_more_ado():
    service = Weather()
    with pytest.raises(AsyncServiceError):
        await service.forecast("Rome", error=ValueError())

    assert (await service.forecast("Rome")).success
    assert service.last_error is None


async def test_each_call_may_have_a_time_limit_and_the_service_goes_on_after_it():
    service = Weather(name="weather")

    assert (await service.forecast("Rome", timeout=5.0, after=4.9)).success
    with pytest.raises(asyncio.TimeoutError, match=r"weather: .*1 s") as late:
        await service.forecast("Rome", timeout=1.0, after=60)
    assert isinstance(late.value, CallTimedOut)
    assert (await service.forecast("Rome", timeout=5.0)).success


async def test_a_service_that_hangs_opens_its_breaker():
    service = Weather(guard=ServiceGuard(breaker=CircuitBreaker(failure_threshold=2)))

    for _ in range(2):
        with pytest.raises(CallTimedOut):
            await service.forecast("Rome", timeout=1.0, after=60)
    with pytest.raises(CircuitBreakerOpenError):
        await service.forecast("Rome", timeout=1.0)


async def test_a_time_out_of_its_own_is_one():
    with pytest.raises(TimeoutError, match="the socket"):
        await Weather().forecast("Rome", error=TimeoutError("the socket"))


async def test_a_cancellation_passes_and_is_no_error():
    service = Weather()
    call = asyncio.create_task(service.forecast("Rome", after=60))
    await asyncio.sleep(1)
    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert service.last_error is None


async def test_recovering_closes_the_breaker():
    service = Weather(guard=ServiceGuard(breaker=CircuitBreaker(failure_threshold=1)))
    with pytest.raises(ServiceCallFailed):
        await service.forecast("Rome", error=OSError())
    with pytest.raises(CircuitBreakerOpenError):
        await service.forecast("Rome")

    assert (await service.recover_from_error()).success

    assert service.recovered == 1
    assert (await service.forecast("Rome")).success


async def test_what_recovers_without_waiting_does_so():
    class Plain(Weather):
        def recover(self):
            self.recovered += 1

    service = Plain()
    assert (await service.recover_from_error()).success
    assert service.recovered == 1


async def test_a_service_without_anything_to_recover_recovers():
    service = AsyncService()
    with pytest.raises(ServiceCallFailed):
        await service.operate("count", len, 5)

    result = await service.recover_from_error()

    assert (result.success, result.error) == (True, "")
    assert service.last_error is None


async def test_when_recovering_fails_it_says_why_and_the_breaker_stays_open():
    service = Weather(guard=ServiceGuard(breaker=CircuitBreaker()))
    await service.guard.breaker.open()
    service.trouble = ConnectionError("still down")

    result = await service.recover_from_error()

    assert (result.success, result.error) == (False, "ConnectionError: still down")
    assert service.last_error is service.trouble
    with pytest.raises(CircuitBreakerOpenError):
        await service.forecast("Rome")


async def test_it_goes_by_the_clock_that_it_is_given():
    clock = VirtualClock()
    service = AsyncService(clock=clock)

    async with clock.running():
        with pytest.raises(CallTimedOut):
            await service.operate("sleep", clock.sleep, 60, timeout=10)

    assert clock.monotonic() == 10


async def test_a_time_limit_that_is_none_is_refused():
    with pytest.raises(InvalidRequest, match="seconds"):
        await Weather().forecast("Rome", timeout=-1)


def test_a_guard_that_is_none_is_refused():
    with pytest.raises(InvalidRequest, match="guard"):
        Weather(guard=CircuitBreaker())
