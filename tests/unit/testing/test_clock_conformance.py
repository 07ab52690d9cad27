"""The virtual clock keeps the promises of the port."""

from collections.abc import AsyncIterator

from vespera.testing import VirtualClock
from vespera.testing.conformance import ClockConformance


class TestVirtualClock(ClockConformance):
    async def make_clock(self) -> AsyncIterator[VirtualClock]:
        clock = VirtualClock()
        async with clock.running():
            yield clock
