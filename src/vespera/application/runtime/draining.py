"""What is under way may end, for a while; then it is interrupted, and nothing is lost."""

import asyncio
import contextlib

from vespera.application.ports.clock import Clock
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.notices import Notices


async def drain(engine: Engine, notices: Notices, clock: Clock, seconds: float | None) -> None:
    """Return when nothing is under way any more, after ``seconds`` at the latest but for what
    interrupted handlers take to clean up. Attempts that only wait are let go at once.
    """
    with contextlib.suppress(TimeoutError):
        async with clock.timeout(seconds):
            await _at_rest(engine, notices)
    await engine.release()


async def _at_rest(engine: Engine, notices: Notices) -> None:
    """Wait until no attempt does more than wait for something."""
    with notices.of_work() as news:
        while len(engine.handles) > len(engine.resting):
            news.clear()
            heard = asyncio.ensure_future(news.wait())
            try:
                await asyncio.wait({heard, *engine.handles}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                heard.cancel()
