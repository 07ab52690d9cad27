"""What comes to a handler in the order in which it came the first time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from weakref import ref

from vespera.application.ports.clock import Clock
from vespera.domain.step import StepRecord

PATIENCE = 1.0  # seconds in which a handler comes to ask for what is recorded
QUIET = 10  # turns of the event loop in which it does what it does about something that came
TOGETHER = timedelta(milliseconds=20)  # what came so soon one behind the other may be seen at once
AT_LAST = datetime.max.replace(tzinfo=UTC)
Turn = asyncio.Future[None]


class Turns:
    """Holds up what is not to come to a handler before it has asked for all that was recorded
    earlier: it may have called a wait off by then, or gone another way. And before it has had the
    time to do something about what came to another of its asyncio tasks, and notably earlier. If it
    seems to leave out something that is recorded, it is not waited for any more.
    """

    __slots__ = (
        "_asked",
        "_clock",
        "_free",
        "_held",
        "_is_due",
        "_latest",
        "_leaving",
        "_looking",
        "_numbers",
        "_order",
        "_quiet",
        "_receiver",
    )

    def __init__(
        self, *, records: Sequence[StepRecord], is_due: Callable[[StepRecord], bool], clock: Clock
    ) -> None:
        """``is_due``: whether the handler is still to ask for a record."""
        self._order = sorted(records, key=lambda record: record.recorded_at)
        self._is_due, self._clock = is_due, clock
        self._asked = 0
        self._free = False
        self._held: list[tuple[datetime, int, Turn]] = []
        self._numbers = 0
        self._leaving = 0  # have got their turn, and do not know it yet
        self._latest: datetime | None = None  # of what has come a few turns of the loop ago
        self._receiver: ref[asyncio.Task[object]] | None = None
        self._quiet = 0
        self._looking = False

    async def of(self, moment: datetime) -> None:
        """Return when it is the turn of what came at this moment."""
        if not self._order:
            return
        if not self._may_come(moment):
            try:
                await self._held_up(moment, self._patiently)
            except TimeoutError:
                self._free = True
                await self._held_up(moment, _simply)
        self._come(moment)

    def go_on(self) -> None:
        """The handler has asked for something."""
        self._quiet = 0
        if self._held:
            self._look_soon()

    async def _held_up(self, moment: datetime, wait: Callable[[Turn], Awaitable[None]]) -> None:
        turn: Turn = asyncio.get_running_loop().create_future()
        self._numbers += 1
        heappush(self._held, (moment, self._numbers, turn))
        self._look_soon()
        try:
            await wait(turn)
        finally:
            if turn.done() and not turn.cancelled():
                self._leaving -= 1
            turn.cancel()

    async def _patiently(self, turn: Turn) -> None:
        async with self._clock.timeout(PATIENCE):
            await turn

    def _may_come(self, moment: datetime) -> bool:
        if self._leaving or (self._held and self._held[0][0] <= moment):
            return False
        return self._is_turn(moment) and (self._is_in_sequence() or self._may_follow(moment))

    def _is_in_sequence(self) -> bool:
        """Whether what has come last came to the asyncio task that asks."""
        return self._receiver is not None and self._receiver() is asyncio.current_task()

    def _may_follow(self, moment: datetime) -> bool:
        return self._latest is None or moment - self._latest <= TOGETHER

    def _come(self, moment: datetime) -> None:
        task = asyncio.current_task()
        self._latest, self._receiver = moment, None if task is None else ref(task)
        self._quiet = 0
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """In each turn of the loop: who is the next, and may he come?"""
        self._looking = False
        self._quiet += 1
        if self._quiet > QUIET:
            self._latest = None
        while self._held and self._is_turn(self._held[0][0]) and self._may_follow(self._held[0][0]):
            moment, _, turn = heappop(self._held)
            if not turn.done():
                turn.set_result(None)
                self._latest, self._quiet = moment, 0
                self._leaving += 1
        if self._latest is not None:
            self._look_soon()

    def _is_turn(self, moment: datetime) -> bool:
        order = self._order
        while self._asked < len(order) and not self._is_due(order[self._asked]):
            self._asked += 1
        if self._asked == len(order):
            self._free = True
        return self._free or order[self._asked].recorded_at >= moment


async def _simply(turn: Turn) -> None:
    await turn
