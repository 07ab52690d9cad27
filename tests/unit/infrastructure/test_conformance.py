"""Clock, timetable, threads, and owners without a directory keep the promises of their ports."""

from collections.abc import Iterator
from pathlib import Path

from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.owners import LockFileOwners
from vespera.infrastructure.signing import Ed25519Signing
from vespera.infrastructure.threads import Threads
from vespera.infrastructure.timetable import CronTimetable
from vespera.testing.conformance import (
    BlockingCallsConformance,
    ClockConformance,
    OwnersConformance,
    SigningConformance,
    TimetableConformance,
)


class TestSystemClock(ClockConformance):
    tick = 0.001  # real

    def make_clock(self) -> SystemClock:
        return SystemClock()


class TestOwnersOfOneProcess(OwnersConformance):
    def make_owners(self, directory: Path) -> LockFileOwners:
        return LockFileOwners(None)


class TestThreads(BlockingCallsConformance):
    def make_blocking_calls(self) -> Iterator[Threads]:
        threads = Threads(1)
        yield threads
        threads.close()


class TestCronTimetable(TimetableConformance):
    def make_timetable(self) -> CronTimetable:
        return CronTimetable()


class TestEd25519Signing(SigningConformance):
    def make_signing(self) -> Ed25519Signing:
        return Ed25519Signing()
