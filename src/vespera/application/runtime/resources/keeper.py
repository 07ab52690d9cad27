"""One resource, acquired and released in one asyncio task."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import Context

from vespera.application.ports.clock import Clock
from vespera.application.ports.resources import Held
from vespera.application.runtime.supervision import over
from vespera.domain.errors import ResourceNotAcquired, ResourceNotReleased


class Keeper:
    """Enters a context manager and leaves it, in a task of its own: what is opened in one task can
    often not be closed in another, and so a cancellation of those who use it never breaks off its
    release.
    """

    def __init__(
        self, what: str, hold: Callable[[], AbstractAsyncContextManager[Held]], clock: Clock
    ) -> None:
        self._what, self._hold, self._clock = what, hold, clock
        self._held: Held | None = None
        self._is_decided, self._leave = asyncio.Event(), asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def acquire(self) -> Held:
        """Enter. If this is cancelled, or fails, ``release`` waits for the end of what was begun.

        Raises:
            ResourceNotAcquired: somebody has cancelled what entering waits for.
            Exception: whatever entering raised.
        """
        work = self._work = asyncio.create_task(
            self._live(), name=f"vespera {self._what}", context=Context()
        )
        try:
            await self._is_decided.wait()
        except asyncio.CancelledError:
            if not self._is_decided.is_set():
                work.cancel()
            raise
        if self._held is not None:
            return self._held
        await over(work)
        if work.cancelled():
            raise ResourceNotAcquired(f"What {self._what} waited for was cancelled.")
        error = work.exception()
        assert error is not None, "else it would be held"
        raise error

    async def release(self, seconds: float) -> Exception | None:
        """Leave, within so many seconds; gives why that was not possible."""
        assert self._work is not None, "what was never acquired is not released"
        self._leave.set()
        try:
            async with self._clock.timeout(seconds):
                await over(self._work)
        except TimeoutError:
            self._work.cancel()
            return ResourceNotReleased(f"it took more than {seconds:g} s, and was cancelled")
        if self._work.cancelled():
            return ResourceNotReleased("what its release waited for was cancelled")
        error = self._work.exception()
        return error if error is None or isinstance(error, Exception) else _told(error)

    async def _live(self) -> None:
        try:
            async with self._hold() as held:
                self._held = _checked(held)
                self._is_decided.set()
                await self._leave.wait()
        finally:
            self._is_decided.set()


def _checked(held: object) -> Held:
    if isinstance(held, Held):
        return held
    raise TypeError(f"its type's hold() must yield a Held(value=...), not {type(held).__name__}")


def _told(error: BaseException) -> ResourceNotReleased:
    told = ResourceNotReleased(f"its release ended by {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
