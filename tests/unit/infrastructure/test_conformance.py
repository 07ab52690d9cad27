"""The clock, and owners without a directory, keep the promises of their ports."""

from pathlib import Path

from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.owners import LockFileOwners
from vespera.testing.conformance import ClockConformance, OwnersConformance


class TestSystemClock(ClockConformance):
    tick = 0.001  # real

    def make_clock(self) -> SystemClock:
        return SystemClock()


class TestOwnersOfOneProcess(OwnersConformance):
    def make_owners(self, directory: Path) -> LockFileOwners:
        return LockFileOwners(None)
