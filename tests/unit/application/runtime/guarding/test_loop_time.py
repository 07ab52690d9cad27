"""Guards that nobody gave a clock go by the event loop, and so by a virtual one."""

import asyncio

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
