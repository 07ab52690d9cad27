"""Server-sent events: what happens to a task, as it happens, from any place on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

from fastapi.encoders import jsonable_encoder

from vespera import TaskEvent
from vespera.domain.errors import EngineStopped

T = TypeVar("T")
PING = b": still here\n\n"


async def server_sent(
    events: AsyncIterator[TaskEvent], *, ping_seconds: float, leaving: asyncio.Event
) -> AsyncIterator[bytes]:
    """The events in their form on the wire, until they end or the service does.

    While nothing happens, a comment says now and then that the connection is alive.
    """
    gone = asyncio.ensure_future(leaving.wait())
    coming = _next_of(events)
    try:
        while True:
            await asyncio.wait({coming, gone}, timeout=ping_seconds, return_when=_FIRST)
            if coming.done():
                yield _form(coming.result())
                coming = _next_of(events)
            elif gone.done():
                return
            else:
                yield PING
    except (StopAsyncIteration, EngineStopped):
        return
    finally:
        await _end(gone)
        await _end(coming)


async def before(leaving: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What the work gives; None, if the service begins to leave before."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(leaving.wait())
    try:
        await asyncio.wait({working, gone}, return_when=_FIRST)
        return working.result() if working.done() else None
    finally:
        await _end(gone)
        await _end(working)


def _form(event: TaskEvent) -> bytes:
    data = {
        "task": event.task_id,
        "at": event.at.isoformat(),
        "attempt": event.attempt,
        **event.data,
    }
    told = json.dumps(jsonable_encoder(data), ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.type}\ndata: {told}\n\n".encode()


def _next_of(events: AsyncIterator[TaskEvent]) -> "asyncio.Task[TaskEvent]":
    async def following() -> TaskEvent:
        return await anext(events)

    return asyncio.create_task(following())


async def _end(task: "asyncio.Future[Any]") -> None:
    """Cancel it and wait until it is over; whoever asked has gone, so nobody wants its error."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


_FIRST = asyncio.FIRST_COMPLETED
