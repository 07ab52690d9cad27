"""The real time."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The host's clock and the event loop's timers."""

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment in the past, by a clock that nobody sets."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; after one turn of the event loop if they are not positive."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Cancel the block after ``seconds`` and raise ``TimeoutError``; ``None``: never."""
        return asyncio.timeout(seconds)
