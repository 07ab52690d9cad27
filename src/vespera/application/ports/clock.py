"""What time it is, and how to wait."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class TimeLimit(Protocol):
    """A running time limit."""

    def expired(self) -> bool:
        """Whether it was this limit that ended the block."""
        ...

    def reschedule(self, when: float | None) -> None:
        """End the block at this moment of the event loop's own time instead; None: never."""
        ...


class Clock(Protocol):
    """All of the engine's time: retries, leases, timeouts, delayed starts."""

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment in the past, by a clock that nobody sets."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[TimeLimit]:
        """Cancel the block after ``seconds`` and raise ``TimeoutError``; ``None``: never."""
        ...
