"""The ``Clock`` of a test whose event loop has virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta

from vespera.testing.clock import NEVER, START, VirtualClock
from vespera.testing.loop import VirtualLoop


class LoopClock(VirtualClock):
    """A ``VirtualClock`` whose time is that of a ``VirtualLoop``."""

    def __init__(
        self,
        loop: VirtualLoop,
        start: datetime = START,
        *,
        busy: Iterable[Callable[[], int]] = (),
        before_moving: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Begin at ``start``, which must be aware; it is that moment now."""
        super().__init__(start, before_moving=before_moving)
        self._loop, self._began = loop, loop.time()
        for probe in busy:
            loop.watch(probe)

    def now(self) -> datetime:
        """The current virtual moment, aware, in UTC."""
        try:
            return self._now + timedelta(seconds=self._loop.time() - self._began)
        except OverflowError:
            return NEVER

    def monotonic(self) -> float:
        """Virtual seconds, as the event loop counts them."""
        return self._loop.time()

    def watch(self, probe: Callable[[], int]) -> None:
        """Let no time pass while ``probe()`` is not 0: something is under way that the event loop
        does not know of, in a thread of your own, say.
        """
        self._loop.watch(probe)

    async def until(self, holds: Callable[[], Awaitable[bool]], timeout: float) -> bool:
        """Let time pass until ``holds()``, or for ``timeout`` seconds; see ``eventually``."""
        await self._prepare()
        end = self._loop.time() + timeout
        last_call = self._loop.call_at(end, lambda: None)
        try:
            await self._settle()
            while not (held := await holds()) and self._loop.time() < end:
                await self._loop.news()
                await self._settle()
        finally:
            last_call.cancel()
        return held

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Time runs by itself, within the block as without."""
        await self._prepare()
        yield

    @contextmanager
    def _waiting(self, kind: str, seconds: float, wake: Callable[[], None]) -> Iterator[None]:
        timer = self._loop.call_later(seconds, wake)
        try:
            with super()._waiting(kind, seconds, wake):
                yield
        finally:
            timer.cancel()

    async def _advance(self, span: timedelta) -> None:
        await self._settle()
        arrived = asyncio.Event()
        timer = self._loop.call_later(span.total_seconds(), arrived.set)
        try:
            await arrived.wait()
        finally:
            timer.cancel()
        await self._settle()

    async def _settle(self) -> None:
        await self._loop.quiet()


def clock_of_this_loop(
    *, before_moving: Callable[[], Awaitable[object]] | None = None
) -> VirtualClock:
    """A clock for a test: the running event loop's own, if there is one and its time is virtual."""
    loop = asyncio._get_running_loop()  # noqa: SLF001  # documented, and gives None without one
    if isinstance(loop, VirtualLoop):
        return LoopClock(loop, before_moving=before_moving)
    return VirtualClock(before_moving=before_moving)
