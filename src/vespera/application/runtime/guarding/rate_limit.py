"""At most so many calls in any such time."""

from collections import deque
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, overload

from vespera.application.ports.clock import Clock
from vespera.application.runtime.guarding.bulkhead import Bulkhead
from vespera.application.runtime.guarding.loop_time import LOOP_TIME
from vespera.application.runtime.guarding.parts import clock_of
from vespera.domain.errors import RateLimitExceeded
from vespera.domain.flow import Rate
from vespera.domain.request import seconds_of, text_of

P = ParamSpec("P")
T = TypeVar("T")
_TICK: Final = 0.000_001
"""Seconds that pass at least: a clock may round a shorter wait to none."""


class RateLimit:
    """Lets at most ``count`` calls begin in any ``per`` seconds; more wait, in the order they came.

    ``await limit.call(function, ...)``, or ``async with limit:`` before a block. What counts is
    when calls begin, and every window of that length, not only those between full seconds. It
    holds for the calls that go through this object, in this process; for all workers together,
    limit a specialist type (``Limits``).
    """

    def __init__(
        self,
        count: int,
        per: float = 1.0,
        *,
        max_wait: float | None = None,
        name: str = "",
        clock: Clock | None = None,
    ) -> None:
        """Allow ``count`` calls in ``per`` seconds.

        Args:
            count: how many, 1 or more.
            per: in how many seconds, from 0.001 to ten years.
            max_wait: seconds that a call may wait; one that would have to wait longer is refused
                at once. 0: none waits. None: however long.
            name: of the service, for messages.
            clock: by whose time; by default that of the event loop.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        self.rate = Rate(count, per)
        self.max_wait, self.name = seconds_of(max_wait, "max_wait"), text_of(name, "name")
        self._clock = clock_of(clock)
        self._begun: deque[float] = deque(maxlen=count)
        self._head = Bulkhead(1)  # of those who wait, one looks at the time

    def keep_time_by(self, clock: Clock) -> None:
        """Go by this clock, if none was given."""
        self._clock = self._clock or clock_of(clock)

    @overload
    async def call(
        self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def call(self, function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
        """Call ``function(*args, **kwargs)``, and await what it gives if need be, in its turn.

        Raises:
            RateLimitExceeded: it would have to wait too long; the function was not called.
        """
        if not self.passes():
            await self.acquire()
        result = function(*args, **kwargs)
        return await result if isawaitable(result) else result

    def passes(self) -> bool:
        """Let a call begin, if it may at once and nobody waits; whether that is so."""
        return not self._head.under_way and self._begins((self._clock or LOOP_TIME).monotonic())

    async def acquire(self) -> None:
        """Wait until a call may begin, in its turn.

        Raises:
            RateLimitExceeded: that would take longer than ``max_wait``.
        """
        if self.passes():
            return
        clock = self._clock or LOOP_TIME
        self._check_wait(clock.monotonic())
        async with self._head:
            while not self._begins(now := clock.monotonic()):
                await clock.sleep(max(self._begun[0] + self.rate.per - now, _TICK))

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What counts is when calls begin."""

    def _begins(self, now: float) -> bool:
        begun, rate = self._begun, self.rate
        if len(begun) >= rate.count and now - begun[0] < rate.per:
            return False
        begun.append(now)
        return True

    def _check_wait(self, now: float) -> None:
        if self.max_wait is None:
            return
        count, begun = self.rate.count, self._begun
        place = self._head.under_way + self._head.waiting - (count - len(begun))
        rounds, oldest = divmod(max(place, 0), count)
        seconds = 0.0 if place < 0 else begun[oldest] + self.rate.per * (rounds + 1) - now
        if seconds > self.max_wait:
            raise RateLimitExceeded(
                count=count,
                per=self.rate.per,
                seconds=seconds,
                max_wait=self.max_wait,
                service=self.name,
            )
