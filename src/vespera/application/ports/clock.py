"""What time it is, and how to wait."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """All of the engine's time: retries, leases, timeouts, delayed starts."""

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Cancel the block after ``seconds`` and raise ``TimeoutError``; ``None``: never."""
        ...
