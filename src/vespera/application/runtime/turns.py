"""What comes to a handler in the order in which it came the first time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush

from vespera.application.ports.clock import Clock
from vespera.domain.step import StepRecord

PATIENCE = 1.0  # seconds in which a handler comes to ask for what is recorded
AT_LAST = datetime.max.replace(tzinfo=UTC)


class Turns:
    """Holds up what is not to come to a handler before it has asked for all that was recorded
    earlier: it may have called a wait off by then, or gone another way. If it seems to leave out
    something that is recorded, nothing is held up any more.
    """

    __slots__ = ("_asked", "_clock", "_free", "_held", "_is_due", "_numbers", "_order")

    def __init__(
        self, *, records: Sequence[StepRecord], is_due: Callable[[StepRecord], bool], clock: Clock
    ) -> None:
        """``is_due``: whether the handler is still to ask for a record."""
        self._order = sorted(records, key=lambda record: record.recorded_at)
        self._is_due, self._clock = is_due, clock
        self._asked = 0
        self._held: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = 0
        self._free = not records

    async def of(self, moment: datetime) -> None:
        """Return when it is the turn of what came at this moment."""
        if self._free:
            return
        if self._is_turn(moment):
            if self._numbers:
                await self._clock.sleep(0)  # those that were held up go first
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbers += 1
        heappush(self._held, (moment, self._numbers, turn))
        try:
            await self._patiently(turn)
        except TimeoutError:
            self._free = True
            self.go_on()

    async def _patiently(self, turn: asyncio.Future[None]) -> None:
        async with self._clock.timeout(PATIENCE):
            await turn

    def go_on(self) -> None:
        """The handler has asked for something."""
        while self._held and self._is_turn(self._held[0][0]):
            turn = heappop(self._held)[2]
            if not turn.done():
                turn.set_result(None)

    def _is_turn(self, moment: datetime) -> bool:
        order = self._order
        while self._asked < len(order) and not self._is_due(order[self._asked]):
            self._asked += 1
        if self._asked == len(order):
            self._free = True
        return self._free or order[self._asked].recorded_at >= moment
