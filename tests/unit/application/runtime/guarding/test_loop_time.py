"""Guards that nobody gave a clock go by the event loop, and so by a virtual one."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from vespera.application.runtime.guarding.loop_time import EventLoopClock
from vespera.testing.conformance import ClockConformance


class TestEventLoopClock(ClockConformance):
    tick = 0.005

    def make_clock(self):
        return EventLoopClock()


@pytest.mark.virtual_time
async def test_a_virtual_event_loop_rules_it():
    clock, start = EventLoopClock(), EventLoopClock().monotonic()

    await clock.sleep(3600)
    with pytest.raises(TimeoutError):
        async with clock.timeout(60):
            await asyncio.Event().wait()

    assert clock.monotonic() - start == pytest.approx(3660)


@pytest.mark.virtual_time
async def test_so_it_does_the_time_of_day():
    clock = EventLoopClock()
    start, real = clock.now(), datetime.now(UTC)

    await clock.sleep(3600)

    assert abs(start - real) < timedelta(seconds=60)
    assert clock.now() - start >= timedelta(seconds=3600)
