"""One call, guarded: time limit and retries."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from vespera.application.ports.clock import Clock, TimeLimit
from vespera.domain.errors import CancelledInside, TaskTimedOut
from vespera.domain.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """Calls a function under a ``RetryPolicy`` and a time limit per call.

    ``chance`` draws the jitter, in [0, 1).
    """

    clock: Clock
    chance: Callable[[], float]

    async def call(
        self,
        what: str,
        function: Callable[[], object],
        *,
        retry: RetryPolicy,
        timeout: float | None,
    ) -> object:
        """The value that ``function`` returns, or that the awaitable it returns gives.

        Raises:
            TaskTimedOut: the last call took longer than ``timeout`` seconds.
            Exception: whatever the last call raised.
        """
        failures = 0
        while True:
            try:
                return await self.limited(what, function, timeout)
            except Exception as error:
                failures += 1
                if not retry.allows(error, failures):
                    raise
            await self.clock.sleep(retry.wait(failures, self.chance()))

    async def limited(
        self,
        what: str,
        function: Callable[[], object],
        timeout: float | None,
        *,
        rested: Callable[[], timedelta] | None = None,
    ) -> object:
        """Call once, for at most ``timeout`` seconds, not counting those that it has ``rested``.

        Raises:
            TaskTimedOut: it took longer.
            CancelledInside: it awaited something that somebody else had cancelled.
        """
        try:
            if timeout is None:
                return await _value(function())
            return await self._within(what, function, timeout, rested)
        except asyncio.CancelledError as error:
            if interrupted():
                raise
            raise CancelledInside(f"{what} awaited something that had been cancelled.") from error

    async def _within(
        self,
        what: str,
        function: Callable[[], object],
        seconds: float,
        rested: Callable[[], timedelta] | None,
    ) -> object:
        limits: list[TimeLimit] = []
        limited = self._limit(seconds, rested) if rested else self.clock.timeout(seconds)
        try:
            async with limited as limit:
                limits.append(limit)
                return await _value(function())
        except TimeoutError as error:
            if any(limit.expired() for limit in limits):
                raise TaskTimedOut(f"{what} took longer than {seconds:g} s.") from error
            raise

    @asynccontextmanager
    async def _limit(
        self, seconds: float, rested: Callable[[], timedelta]
    ) -> AsyncIterator[TimeLimit]:
        """A time limit that stands still while its block rests."""

        async def expire(limit: TimeLimit) -> None:
            left = seconds
            while left > 0:
                before = rested()
                await self.clock.sleep(left)
                left = (rested() - before).total_seconds()
            limit.reschedule(asyncio.get_running_loop().time())

        async with self.clock.timeout(None) as limit:
            expiry = asyncio.create_task(expire(limit), name="vespera time limit")
            try:
                yield limit
            finally:
                expiry.cancel()


def interrupted() -> bool:
    """Whether somebody has cancelled the running asyncio task, and not only what it awaits."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def _value(result: object) -> object:
    return await result if inspect.isawaitable(result) else result
