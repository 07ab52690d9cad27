"""One call, guarded: time limit and retries."""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import FunctionType
from typing import Any, Final

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.clock import Clock, TimeLimit
from vespera.application.runtime.failures import tell_retry
from vespera.domain.errors import CancelledInside, TaskTimedOut
from vespera.domain.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """Calls a function under a ``RetryPolicy`` and a time limit per call.

    What is async is called on the event loop; all else in a thread, so that it does not hold up
    the loop, unless ``in_thread`` is false. An awaitable that comes back from there is awaited on
    the loop. ``chance`` draws the jitter, in [0, 1).
    """

    clock: Clock
    chance: Callable[[], float]
    threads: BlockingCalls

    async def call(
        self,
        what: str,
        once: Callable[[], Awaitable[object]],
        *,
        retry: RetryPolicy,
        timeout: float | None,
    ) -> object:
        """What ``once`` gives, which is one call of some function; called again as ``retry`` says.

        Raises:
            TaskTimedOut: the last call took longer than ``timeout`` seconds.
            Exception: whatever the last call raised.
        """
        failures = 0
        while True:
            try:
                return await self.limited(what, once, timeout)
            except Exception as error:
                failures += 1
                if not retry.allows(error, failures):
                    raise
                seconds = retry.wait(failures, self.chance())
                tell_retry(what, error, retry, failures=failures, seconds=seconds)
            await self.clock.sleep(seconds)

    async def limited(
        self,
        what: str,
        once: Callable[[], Awaitable[object]],
        timeout: float | None,
        *,
        rested: Callable[[], timedelta] | None = None,
    ) -> object:
        """Call once, for at most ``timeout`` seconds, the wait for a thread included, but not the
        time that it has ``rested``.

        A thread cannot be stopped: when the time is over, or this is cancelled, what runs there
        goes on alone, and what it gives is dropped.

        Raises:
            TaskTimedOut: it took longer.
            CancelledInside: it awaited something that somebody else had cancelled.
        """
        try:
            if timeout is None:
                return await once()
            async with self._within(what, timeout, rested):
                return await once()
        except asyncio.CancelledError as error:
            if interrupted():
                raise
            raise CancelledInside(f"{what} awaited something that had been cancelled.") from error

    def value(
        self, what: str, function: Callable[[], object], *, in_thread: bool = True
    ) -> Awaitable[object]:
        """Call once, where such a function belongs; awaited, it gives what the call gives, which is
        awaited if need be.

        Raises (here, or when it is awaited):
            Exception: whatever the call raised.
        """
        if in_thread and not is_async(function):
            return self._in_thread(what, function)
        result = function()
        return result if inspect.isawaitable(result) else _given(result)

    async def _in_thread(self, what: str, function: Callable[[], object]) -> object:
        result = await self.threads.call(function, what=what)
        return await result if inspect.isawaitable(result) else result

    @asynccontextmanager
    async def _within(
        self, what: str, seconds: float, rested: Callable[[], timedelta] | None
    ) -> AsyncIterator[None]:
        limits: list[TimeLimit] = []
        limited = self._limit(seconds, rested) if rested else self.clock.timeout(seconds)
        try:
            async with limited as limit:
                limits.append(limit)
                yield
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


COUNTS_ARE_RIGHT: Final = sys.version_info >= (3, 13)
"""Before Python 3.13, a ``TaskGroup`` whose task fails while the group is being left counts as a
cancellation of whoever leaves it, for ever.
"""


def interrupted() -> bool:
    """Whether somebody has cancelled the running asyncio task, and not only what it awaits."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling it makes a coroutine, as far as can be told without calling it."""
    while isinstance(function, partial):
        function = function.func
    if type(function) is FunctionType and function.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # most are; what follows takes its time
    return _is_coroutine_function(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  (whether it is async, not whether it is)
    )


# In older versions it is asyncio's that knows an AsyncMock.
_OLD = sys.version_info < (3, 14)
_is_coroutine_function = (asyncio if _OLD else inspect).iscoroutinefunction


def over(handle: "asyncio.Task[Any]") -> "asyncio.Future[None]":
    """To be awaited for the end of a task, whatever it is; one's own cancellation passes."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    handle.add_done_callback(partial(_tell, ended))
    return ended


def _tell(ended: "asyncio.Future[None]", handle: "asyncio.Task[Any]") -> None:
    if not handle.cancelled():
        handle.exception()  # is raised to whoever asks for the result, or to nobody
    if not ended.done():
        ended.set_result(None)


async def _given(value: object) -> object:
    return value
