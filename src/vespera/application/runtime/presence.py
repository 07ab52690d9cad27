"""What an attempt lets its engine know while it is under way: whether it works, or waits."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from vespera.application.ports.clock import Clock
from vespera.domain.step import Fence


class Presence:
    """One attempt, as seen from outside.

    It ``awaits`` while it waits for something, and ``rests`` while no step of it is under way then.
    ``told`` hears of each change of that. ``park`` lets go of a task that rests, if nobody has news
    for it: it is then ``waiting`` without a holder, and begins anew when what it waits for has
    come; None: it is to be kept in memory. It ``lingers`` before that, unless it is to go on by a
    claim only, as its type's running tasks are counted. ``pause`` breaks the attempt off;
    ``call_off``, for good, and says why. While one of its waits may have heard of something, and
    has not found out yet, it ``looks``; ``looked`` is told when it has, if that was asked for.
    ``calling_off`` says why, when this attempt is being cancelled; ``is_stopped``, that the engine
    has interrupted it, for whatever reason; ``undoes``, that its steps are undone, for an end that
    is recorded.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        told: "Callable[[Presence], None]" = lambda _: None,
        park: Callable[[Fence, int], Awaitable[bool]] | None = None,
        pause: Callable[[], None] = lambda: None,
        call_off: Callable[[str], None] = lambda _: None,
        lingers: bool = True,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock, self._told, self._park = clock, told, park
        self.pause, self.call_off = pause, call_off
        self.lingers, self._looked = lingers, looked
        self.calling_off: str | None = None
        self.is_stopped = False
        self.undoes = False
        self._working = 0
        self._waits: dict[object, datetime | None] = {}
        self._waiting: dict[object, asyncio.Task[object] | None] = {}
        self._listening: set[object] = set()
        self._is_awaited = False
        self._parking: asyncio.Future[None] | None = None
        self._rests_since: float | None = None  # by the clock that nobody sets
        self._rested = 0.0
        self._known = (False, False)

    @property
    def awaits(self) -> bool:
        """Whether it waits for something, and perhaps works beside."""
        return bool(self._waits)

    @property
    def rests(self) -> bool:
        """Whether it only waits."""
        return bool(self._waits) and not self._working

    @property
    def looks(self) -> bool:
        """Whether one of its waits does more than listen."""
        return len(self._listening) < len(self._waits)

    @property
    def wake_at(self) -> datetime | None:
        """When the first of its waits ends by itself."""
        return min((moment for moment in self._waits.values() if moment), default=None)

    def rested(self) -> timedelta:
        """For how long it has rested, all in all."""
        since = self._rests_since
        now = self._clock.monotonic()
        return timedelta(seconds=self._rested + (0.0 if since is None else now - since))

    async def begin_work(self) -> None:
        """A step begins; not while the task is being let go of."""
        while self._parking is not None:
            await asyncio.shield(self._parking)
        self._working += 1
        if self._waits:
            self._consider()

    def end_work(self) -> None:
        """The step has ended."""
        self._working -= 1
        if self._waits:
            self._consider()

    def begin_wait(self, key: object, wake_at: datetime | None) -> None:
        """It waits for what ``key`` stands for."""
        self._waits[key] = wake_at
        self._waiting[key] = asyncio.current_task()
        self._consider()

    def listen(self, key: object) -> None:
        """This wait has found nothing, and does nothing until it ``hears`` of something."""
        self._listening.add(key)
        if self._is_awaited and not self.looks:
            self._is_awaited = False
            self._looked()

    def hears(self, key: object) -> None:
        """This wait looks whether what it waits for has come."""
        self._listening.discard(key)

    def tell_when_it_has_looked(self) -> None:
        """Call ``looked`` once, when it ``looks`` no more."""
        self._is_awaited = True

    def end_wait(self, key: object) -> None:
        """It waits for this no more."""
        self._listening.discard(key)
        self._waits.pop(key, None)
        self._waiting.pop(key, None)
        self._consider()

    def over(self) -> None:
        """The attempt is over: what its handler has left waiting behind its back is called off."""
        if self._waits:
            for waiting in filter(None, list(self._waiting.values())):
                waiting.cancel()
            self._waits.clear()
            self._listening.clear()
            self._consider()

    async def parked(self, fence: Fence, news: int) -> bool:
        """Let go of the task if it rests, and if no other ``news`` has come than this.

        If that is done, the engine calls the attempt off.
        """
        if self._park is None or not self.rests or self._parking is not None:
            return False
        parking = self._parking = asyncio.get_running_loop().create_future()
        gone = False
        try:
            gone = await self._park(fence, news)
        finally:
            if not gone:
                self._parking = None
                parking.set_result(None)
        return gone

    def _consider(self) -> None:
        now, since, known = self._clock.monotonic(), self._rests_since, (self.awaits, self.rests)
        if self.rests and since is None:
            self._rests_since = now
        elif since is not None and not self.rests:
            self._rested += now - since
            self._rests_since = None
        if known != self._known:
            self._known = known
            self._told(self)
