"""Wall clocks that jump, while those who wait wait as long as they were told to."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from vespera.testing.faults.errors import FaultNeverHit, FaultRefused


class Jump:
    """The wall clock stands elsewhere, until the end of the ``with`` block or of the test.

    Attributes:
        hits: how often the time was asked for since.
    """

    def __init__(self, by: timedelta, jumps: "Jumps", *, optional: bool) -> None:
        self.by, self._jumps, self._optional = by, jumps, optional
        self.hits = 0

    def undo(self) -> None:
        """The wall clock jumps back. Safe to repeat."""
        with suppress(ValueError):
            self._jumps.in_force.remove(self)

    def check(self) -> None:
        """Say so if nobody asked what time it is.

        Raises:
            FaultNeverHit: nobody did, and it is not ``optional``.
        """
        if not self.hits and not self._optional:
            raise FaultNeverHit(
                f"The clock jumped by {self.by}, and nobody asked it for the time. Make the test"
                " reach that, or give optional=True."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()
        self._jumps.unchecked.remove(self)
        if kind is None:
            self.check()


class Jumps:
    """The jumps of one container's wall clock; they add up."""

    def __init__(self) -> None:
        self.in_force: list[Jump] = []
        self.unchecked: list[Jump] = []

    def jumps(
        self,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        optional: bool = False,
    ) -> Jump:
        """Let the wall clock jump at once, forward or (negative) back.

        ``Clock.now()`` tells the new time; who sleeps, and time limits, are not touched: they go
        by the monotonic clock, as on a host whose clock is set.

        Raises:
            FaultRefused: the arguments add up to nothing.
        """
        by = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        if not by:
            raise FaultRefused("A jump by nothing is none; give seconds, minutes, hours or days.")
        jump = Jump(by, self, optional=optional)
        self.in_force.append(jump)
        self.unchecked.append(jump)
        return jump

    def of(self, now: datetime) -> datetime:
        """What the wall clock shows when it should show ``now``."""
        for jump in self.in_force:
            jump.hits += 1
            now += jump.by
        return now

    def close(self) -> None:
        """Jump back.

        Raises:
            FaultNeverHit: nobody asked for the time after one of the jumps.
        """
        self.in_force.clear()
        unchecked, self.unchecked = self.unchecked, []
        for jump in unchecked:
            jump.check()


class JumpingClock:
    """A ``Clock`` whose ``now()`` jumps; all else is that of the clock inside."""

    def __init__(self, inner: Any, shown: Callable[[datetime], datetime]) -> None:
        self._inner, self._shown = inner, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def now(self) -> datetime:
        """The moment that the wall clock shows."""
        return self._shown(self._inner.now())
