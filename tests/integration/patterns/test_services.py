"""A service that fails, is slow, and is there again: its errors, and how it comes back."""

import asyncio

import pytest

from vespera import (
    AsyncService,
    AsyncServiceError,
    Clock,
    Container,
    Provider,
    Timeout,
    providers,
)
from vespera.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


class Backend(AsyncService):
    """Its session breaks when an operation fails."""

    is_broken = False

    async def operation_that_fails(self):
        return await self.operate("operation_that_fails", self._fail)

    async def normal_operation(self):
        return await self.operate("normal_operation", self._work)

    async def _fail(self):
        self.is_broken = True
        raise RuntimeError("Expected error message")

    async def _work(self):
        if self.is_broken:
            raise RuntimeError("the session is broken")
        return "done"

    async def recover(self):
        self.is_broken = False


class TimeoutAwareService(AsyncService):
    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._time = clock

    async def quick_operation(self, timeout):
        return await self.operate("quick", self._time.sleep, 0.1, timeout=timeout)

    async def slow_operation(self, timeout):
        return await self.operate("slow", self._time.sleep, 60.0, timeout=timeout)


class Services(Container):
    backend: Provider[AsyncService] = providers.Singleton(Backend)
    time_out_aware = providers.Singleton(TimeoutAwareService, clock=Container.clock)


async def test_async_error_handling():
    container = Services()
    service = container.get(AsyncService)

    with pytest.raises(AsyncServiceError) as exc_info:
        await service.operation_that_fails()

    assert "Expected error message" in str(exc_info.value)

    with pytest.raises(AsyncServiceError, match="the session is broken"):
        await service.normal_operation()

    recovery_result = await service.recover_from_error()
    assert recovery_result.success, "Error recovery should succeed"

    normal_result = await service.normal_operation()
    assert normal_result.success, "Service should work after recovery"


async def test_async_timeout_handling():
    """By the event loop's time: ``time.time()`` measures the machine."""
    container, now = Services(), asyncio.get_running_loop().time
    service = container.get(TimeoutAwareService)

    start_time = now()
    result = await service.quick_operation(timeout=5.0)
    elapsed = now() - start_time

    assert result.success, "Quick operation should succeed"
    assert elapsed == pytest.approx(0.1)

    with pytest.raises(asyncio.TimeoutError):
        await service.slow_operation(timeout=1.0)
    assert now() - start_time == pytest.approx(1.1)

    post_timeout_result = await service.quick_operation(timeout=5.0)
    assert post_timeout_result.success, "Service should work after timeout"


async def test_the_clock_of_a_test_rules_its_time_limits():
    container, clock = Services(), VirtualClock()
    container.override(Clock, clock)

    async with clock.running():
        with pytest.raises(asyncio.TimeoutError):
            await container.get(TimeoutAwareService).slow_operation(timeout=1.0)

    assert clock.monotonic() == 1


async def test_a_time_limit_stands_for_itself_too():
    with pytest.raises(asyncio.TimeoutError):
        await Timeout(1.0).call(asyncio.sleep, 60)
