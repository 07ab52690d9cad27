"""The leases of one engine: extended in time, and judged rightly when somebody sets the clock."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue
from vespera.domain.errors import StorageError
from vespera.domain.ids import OwnerId, TaskId

logger = logging.getLogger("vespera")
PART: Final = 6
"""A jump by less than this part of the lease leaves its owner the time to extend it: a third of
the lease passes between two heartbeats.
"""


class _Reading(NamedTuple):
    """What the wall clock said, and the monotonic one before and after that, in seconds."""

    before: float
    wall: float
    after: float


class Leases:
    """Leases end by the wall clock, which somebody may set. If it goes forward, all leases look
    over, and those who hold them have not had the time to extend them. So for the length of one
    lease, those are over that would be so by the clock as it was.
    """

    def __init__(self, *, queue: TaskQueue, clock: Clock, lease: timedelta) -> None:
        self._queue, self._clock = queue, clock
        self._lease = lease
        self._ahead, self._believed_until = timedelta(), float("-inf")
        self._last = self._read()
        self.jumps = 0

    def look(self) -> bool:
        """Whether somebody has set the clock since it was last looked at, forward or back."""
        reading, lease = self._read(), self._lease.total_seconds()
        jump = _jump(self._last, reading)
        if abs(jump) > lease / PART:
            self._last = reading
            self._note(timedelta(seconds=jump))
            return True
        if reading.before - self._last.before > lease / 3:
            self._last = reading  # small jumps count together, but not for ever
        return False

    def expired_by(self, now: datetime) -> datetime:
        """Leases that ended by then are over ``now``."""
        return now - self._ahead if self._is_in_doubt() else now

    async def extend(
        self, attempts: Mapping[TaskId, int], owner: OwnerId | None
    ) -> Collection[TaskId]:
        """Extend the leases of these tasks (id -> attempt); gives those that are lost."""
        if owner is None or not attempts:
            return ()
        until = self._clock.now() + self._lease
        try:
            held = await self._queue.extend(attempts, owner=owner, lease_until=until)
        except StorageError:
            logger.exception("The leases of %d tasks could not be extended.", len(attempts))
            return ()
        return attempts.keys() - set(held)

    def _note(self, jump: timedelta) -> None:
        self.jumps += 1
        ahead = self._ahead if self._is_in_doubt() else timedelta()
        self._ahead = max(ahead + jump, timedelta())
        self._believed_until = self._last.after + self._lease.total_seconds()
        logger.warning(
            "The host's clock was set %s by %s; nobody loses a task by that.",
            "forward" if jump > timedelta() else "back",
            timedelta(seconds=round(abs(jump).total_seconds())),
        )

    def _is_in_doubt(self) -> bool:
        return self._clock.monotonic() < self._believed_until

    def _read(self) -> _Reading:
        monotonic = self._clock.monotonic
        return _Reading(monotonic(), self._clock.now().timestamp(), monotonic())


def _jump(last: _Reading, now: _Reading) -> float:
    """By how many seconds the wall clock was set in between, at least; below 0: back. The process
    may have stood still in the middle of a reading.
    """
    passed = now.wall - last.wall
    forward = passed - (now.after - last.before)
    back = (now.before - last.after) - passed
    return forward if forward > 0 else min(-back, 0.0)
