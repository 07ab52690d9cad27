"""The promises of ``Clock``."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from typing import ClassVar

import pytest
import pytest_asyncio

from vespera.application.ports.clock import Clock, TimeLimit
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


class ClockConformance(AdapterSuite):
    """Give ``make_clock``; a virtual clock must move by itself while a test waits.

        class TestMyClock(ClockConformance):
            def make_clock(self):
                return MyClock()

    Attributes:
        tick: seconds that the tests wait at a time; give a few milliseconds for real time.
    """

    ports = (Clock, TimeLimit)
    tick: ClassVar[float] = 60.0

    def make_clock(self) -> Made[Clock]:
        """The clock to be tested."""
        raise self.missing("make_clock", "a Clock")

    @pytest_asyncio.fixture
    async def clock(self) -> AsyncIterator[Clock]:
        """The clock of ``make_clock``."""
        async with adapter_of(self.make_clock) as clock:
            yield clock

    async def test_now_is_aware_and_in_utc(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC

    async def test_a_sleep_returns_after_its_seconds_and_not_before(self, clock: Clock) -> None:
        began = clock.now()
        await clock.sleep(self.tick)

        assert clock.now() - began >= timedelta(seconds=self.tick * 0.9)

    async def test_the_monotonic_clock_counts_the_seconds_that_pass(self, clock: Clock) -> None:
        began, now = clock.monotonic(), clock.now()
        await clock.sleep(self.tick)
        passed = clock.monotonic() - began

        assert passed >= self.tick * 0.9
        assert abs(passed - (clock.now() - now).total_seconds()) < self.tick * 0.5 + 1

    async def test_sleepers_sleep_at_the_same_time_and_wake_in_the_order_they_are_due(
        self, clock: Clock
    ) -> None:
        woken: list[int] = []

        async def sleep(ticks: int) -> None:
            await clock.sleep(ticks * self.tick)
            woken.append(ticks)

        await asyncio.gather(*(sleep(ticks) for ticks in (3, 1, 4, 2)))

        assert woken == [1, 2, 3, 4]

    async def test_any_number_may_sleep(self, clock: Clock) -> None:
        results = await asyncio.gather(*(clock.sleep(self.tick) for _ in range(200)))

        assert len(results) == 200

    @pytest.mark.parametrize("seconds", [0, -1])
    async def test_a_sleep_of_nothing_lets_others_run_and_returns(
        self, clock: Clock, seconds: float
    ) -> None:
        ran: list[str] = []
        asyncio.get_running_loop().call_soon(ran.append, "other")
        await clock.sleep(seconds)

        assert ran == ["other"]

    async def test_a_cancelled_sleep_ends_at_once(self, clock: Clock) -> None:
        sleeping = asyncio.create_task(clock.sleep(1_000_000))
        await asyncio.sleep(0)  # noqa: TID251 -- not time: a turn of the event loop
        sleeping.cancel()
        await asyncio.wait([sleeping])

        assert sleeping.cancelled()

    async def test_a_block_that_takes_too_long_is_cancelled_and_raises_timeout_error(
        self, clock: Clock
    ) -> None:
        cleaned_up: list[str] = []
        limits: list[TimeLimit] = []
        began = clock.now()
        with pytest.raises(TimeoutError):
            async with clock.timeout(self.tick) as limit:
                limits.append(limit)
                try:
                    await self._longer_than_any_limit(clock)
                finally:
                    cleaned_up.append("here")

        assert clock.now() - began >= timedelta(seconds=self.tick * 0.9)
        assert cleaned_up == ["here"]
        assert limits[0].expired()

    async def test_a_block_that_ends_in_time_is_left_alone_for_good(self, clock: Clock) -> None:
        async with clock.timeout(self.tick) as limit:
            await clock.sleep(0)
        await clock.sleep(2 * self.tick)

        assert not limit.expired()

    async def test_without_seconds_a_block_may_take_any_time(self, clock: Clock) -> None:
        async with clock.timeout(None) as limit:
            await clock.sleep(self.tick)

        assert not limit.expired()

    @pytest.mark.parametrize("seconds", [0, -1])
    async def test_a_limit_of_nothing_ends_the_block_where_it_first_waits(
        self, clock: Clock, seconds: float
    ) -> None:
        with pytest.raises(TimeoutError):
            async with clock.timeout(seconds):
                await self._longer_than_any_limit(clock)

    async def test_an_inner_limit_ends_the_inner_block_only(self, clock: Clock) -> None:
        async with clock.timeout(100 * self.tick) as outer:
            with pytest.raises(TimeoutError):
                async with clock.timeout(self.tick):
                    await self._longer_than_any_limit(clock)
            await clock.sleep(0)

        assert not outer.expired()

    async def test_an_outer_limit_ends_the_inner_block_and_is_the_one_that_expired(
        self, clock: Clock
    ) -> None:
        limits: list[TimeLimit] = []
        with pytest.raises(TimeoutError):
            async with clock.timeout(self.tick) as outer, clock.timeout(100 * self.tick) as inner:
                limits.extend((outer, inner))
                await self._longer_than_any_limit(clock)

        assert [limit.expired() for limit in limits] == [True, False]

    @pytest.mark.parametrize("error", [TimeoutError, ValueError])
    async def test_an_error_of_the_block_passes_and_is_not_taken_for_the_limit(
        self, clock: Clock, error: type[Exception]
    ) -> None:
        limits: list[TimeLimit] = []
        thrown = error("the block's own")
        with pytest.raises(error) as caught:
            async with clock.timeout(self.tick) as limit:
                limits.append(limit)
                raise thrown

        assert caught.value is thrown
        assert not limits[0].expired()

    async def test_a_cancellation_from_outside_passes_and_is_not_taken_for_the_limit(
        self, clock: Clock
    ) -> None:
        limits: list[TimeLimit] = []

        async def work() -> None:
            async with clock.timeout(1_000_000) as limit:
                limits.append(limit)
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        while not limits:
            await clock.sleep(0)
        working.cancel()
        await asyncio.wait([working])

        assert working.cancelled()
        assert not limits[0].expired()

    async def _longer_than_any_limit(self, clock: Clock) -> None:
        """And not for ever: with a clock that limits nothing, the tests are to end and to fail."""
        await clock.sleep(500 * self.tick)
