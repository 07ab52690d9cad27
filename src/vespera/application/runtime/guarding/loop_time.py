"""Time for guards that nobody gave a clock: that of the event loop."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary


class EventLoopClock:
    """A ``Clock`` on the running event loop, whichever that is; so virtual loops rule it, too."""

    def __init__(self) -> None:
        self._first_asked: WeakKeyDictionary[object, tuple[datetime, float]] = WeakKeyDictionary()

    def now(self) -> datetime:
        """The current moment, aware, in UTC; on an event loop that runs ahead, so much later."""
        real, loop = datetime.now(UTC), asyncio.get_running_loop()
        moment, then = self._first_asked.setdefault(loop, (real, loop.time()))
        return max(real, moment + timedelta(seconds=loop.time() - then))

    def monotonic(self) -> float:
        """Seconds by the event loop's clock."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; after one turn of the event loop if they are not positive."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Cancel the block after ``seconds`` and raise ``TimeoutError``; ``None``: never."""
        return asyncio.timeout(seconds)


LOOP_TIME: Final = EventLoopClock()
