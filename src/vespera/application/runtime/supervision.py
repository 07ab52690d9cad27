"""One call, guarded: time limit and retries."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from vespera.application.ports.clock import Clock
from vespera.domain.errors import TaskTimedOut
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
        self, what: str, function: Callable[[], object], timeout: float | None
    ) -> object:
        """Call once, for at most ``timeout`` seconds.

        Raises:
            TaskTimedOut: it took longer.
        """
        if timeout is None:
            return await _value(function())
        try:
            async with self.clock.timeout(timeout):
                return await _value(function())
        except TimeoutError as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise TaskTimedOut(f"{what} took longer than {timeout:g} s.") from error
            raise


async def _value(result: object) -> object:
    return await result if inspect.isawaitable(result) else result
