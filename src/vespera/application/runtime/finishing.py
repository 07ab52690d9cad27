"""Work that is not broken off."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from vespera.application.runtime.supervision import over

T = TypeVar("T")


async def finished(work: Coroutine[object, object, T]) -> T:
    """What this work gives, which goes on to its end whoever is cancelled meanwhile; then the
    cancellation passes.
    """
    running, cancelled = asyncio.ensure_future(work), None
    while not running.done():
        try:
            await over(running)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return running.result()
