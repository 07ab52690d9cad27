"""Time for tests: days pass in milliseconds, and only while nothing else happens."""

import asyncio
import sys
from bisect import insort
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from vespera.testing.anyio_threads import calls_in_anyio_threads
from vespera.testing.turns import let_threads_work, one_turn

START = datetime(2030, 1, 1, tzinfo=UTC)
"""When virtual time begins, if nobody says otherwise."""

NEVER = datetime.max.replace(tzinfo=UTC)
_QUIET_TURNS = 3  # a turn of the event loop to see what a socket has for it, and some to spare
_BLIND_TURNS = 50  # the same on an event loop that does not let its queue be seen
_PATIENCE_TURNS = 5_000  # with a task that never stops asking for another turn


@dataclass(frozen=True, slots=True, eq=False)
class Sleeper:
    """Somebody who waits for the virtual clock: ``kind`` is "sleep" or "timeout"."""

    due: datetime
    kind: str
    task: str
    wake: Callable[[], None] = field(repr=False)


class VirtualClock:
    """A ``Clock`` that stands still until it is told to move.

    ``await clock.advance(hours=2)`` moves it by that much; ``async with clock.running():`` moves
    it from one sleeper to the next for as long as the block runs. Before each move, and after the
    last, everything that can happen without time passing is let happen: until the event loop has
    nothing to run, no thread of ``asyncio.to_thread`` is at work, and every ``busy`` probe (a
    function that counts work under way elsewhere: ``lambda: database.in_flight``) says 0.

    It does not see who waits by ``asyncio.sleep`` or for another process; ``watch`` them. On the
    event loop of ``@pytest.mark.virtual_time`` the fixture ``clock`` does: there ``asyncio.sleep``
    and ``asyncio.timeout`` are virtual too, and time moves by itself whenever all is quiet, so
    that ``running`` has nothing to do. All else is as here.
    """

    def __init__(
        self,
        start: datetime = START,
        *,
        busy: Iterable[Callable[[], int]] = (),
        before_moving: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Begin at ``start``, which must be aware.

        ``before_moving`` is awaited whenever the clock is told to move.
        """
        if start.tzinfo is None:
            raise ValueError(
                "start: must be an aware datetime, as datetime(2030, 1, 1, tzinfo=UTC)"
            )
        self._now = start.astimezone(UTC)
        self._before_moving = before_moving
        self._probes = list(busy)
        self._sleepers: list[Sleeper] = []
        self._came = asyncio.Event()
        self._moving = asyncio.Lock()

    @property
    def sleepers(self) -> Sequence[Sleeper]:
        """Who waits for this clock, the one who is due first at the front."""
        return tuple(self._sleepers)

    def now(self) -> datetime:
        """The current virtual moment, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Virtual seconds since ``START``; a subclass whose ``now`` jumps does not change them."""
        return (self._now - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has moved by ``seconds``; at once if they are not positive."""
        if seconds <= 0:
            await one_turn()
            return
        woken = asyncio.get_running_loop().create_future()
        with self._waiting("sleep", seconds, lambda: _wake(woken)):
            await woken

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        """As ``asyncio.timeout``: cancel the block once the clock has moved by ``seconds``, and
        raise ``TimeoutError``; ``None``: never.
        """
        async with asyncio.Timeout(None) as timeout:
            if seconds is None:
                yield timeout
            elif seconds <= 0:
                _expire(timeout)
                yield timeout
            else:
                with self._waiting("timeout", seconds, lambda: _expire(timeout)):
                    yield timeout

    def watch(self, probe: Callable[[], int]) -> None:
        """Do not move while ``probe()`` is not 0: something is under way that the event loop does
        not know of.
        """
        self._probes.append(probe)

    async def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Move by the sum of the arguments, stopping at every moment somebody waits for.

        Returns when all that follows from it has happened, but for what must wait longer.

        Raises:
            ValueError: the sum is negative.
        """
        span = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        if span < timedelta():
            raise ValueError(f"time goes forward only, not by {span}")
        async with self._moving:
            await self._prepare()
            await self._advance(span)

    async def until(self, holds: Callable[[], Awaitable[bool]], timeout: float) -> bool:
        """Move from one sleeper to the next until ``holds()``, or by ``timeout`` seconds.

        Whenever all has settled it is asked; it must not wait for the clock. See ``eventually``.

        Returns:
            Whether it holds at the end.
        """
        async with self._moving:
            await self._prepare()
            end = self._after(timeout)
            await self._settle()
            while not (held := await holds()) and self._wake_next(end):
                await self._settle()
            self._now = self._now if held else max(end, self._now)
        return held

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the block runs, jump to the next sleeper whenever all else has settled.

        Once nobody sleeps, it waits for somebody to come. An ``advance`` inside the block takes
        precedence.
        """
        driver = asyncio.create_task(self._drive(), name="virtual clock")
        try:
            yield
        finally:
            driver.cancel()
            await asyncio.wait([driver])
            if not driver.cancelled():
                driver.result()

    async def _prepare(self) -> None:
        if self._before_moving is not None:
            await self._before_moving()

    async def _advance(self, span: timedelta) -> None:
        until = self._now + span
        await self._settle()
        while self._wake_next(until):
            await self._settle()
        self._now = until

    async def _drive(self) -> None:
        while True:
            async with self._moving:
                self._came.clear()
                await self._prepare()
                await self._settle()
                has_woken = self._wake_next(NEVER - timedelta.resolution)
            if not has_woken:
                await self._came.wait()

    @contextmanager
    def _waiting(self, kind: str, seconds: float, wake: Callable[[], None]) -> Iterator[None]:
        task = asyncio.current_task()
        sleeper = Sleeper(self._after(seconds), kind, task.get_name() if task else "?", wake)
        insort(self._sleepers, sleeper, key=attrgetter("due"))
        self._came.set()
        try:
            yield
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _after(self, seconds: float) -> datetime:
        try:
            return self.now() + timedelta(seconds=seconds)
        except OverflowError:
            return NEVER

    def _wake_next(self, until: datetime) -> bool:
        """Move to the next moment somebody waits for, if it is not after ``until``."""
        if not self._sleepers or self._sleepers[0].due > until:
            return False
        self._now = self._sleepers[0].due
        while self._sleepers and self._sleepers[0].due <= self._now:
            self._sleepers.pop(0).wake()
        return True

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        ready = getattr(loop, "_ready", None)
        enough = _BLIND_TURNS if ready is None else _QUIET_TURNS
        quiet = turns = 0
        while quiet < enough and turns < _PATIENCE_TURNS:
            await one_turn()
            is_quiet = not ready
            quiet, turns = (quiet + 1 if is_quiet else 0), turns + 1
            may_be_over = is_quiet or turns == _PATIENCE_TURNS  # else threads need not be asked
            is_busy = any(probe() for probe in self._probes)
            if is_busy or (may_be_over and _threads_at_work(loop)):
                quiet = turns = 0  # however long it takes
                if is_quiet:
                    let_threads_work()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _expire(timeout: asyncio.Timeout) -> None:
    timeout.reschedule(asyncio.get_running_loop().time())


def _threads_at_work(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether ``to_thread`` of asyncio or anyio has work queued or under way, as far as can be
    seen.
    """
    if calls_in_anyio_threads(loop):
        return True
    executor = getattr(loop, "_default_executor", None)
    queue = getattr(executor, "_work_queue", None)
    if queue is not None and queue.qsize():
        return True
    frames = sys._current_frames()  # noqa: SLF001  # a thread without work stands in _worker
    threads = [frames.get(thread.ident) for thread in getattr(executor, "_threads", ())]
    return any(frame and frame.f_code.co_name != "_worker" for frame in threads)
