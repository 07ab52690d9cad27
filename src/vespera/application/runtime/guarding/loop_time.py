"""Time for guards that nobody gave a clock: that of the event loop."""

import asyncio
from datetime import UTC, datetime
from typing import Final


class EventLoopClock:
    """A ``Clock`` on the running event loop, whichever that is; so virtual loops rule it, too."""

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        return datetime.now(UTC)

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
