"""A reply on its way, and what may happen to it there."""

import asyncio
from dataclasses import replace

from vespera.testing.servers.faults import Fault, FaultKind
from vespera.testing.servers.messages import Reply
from vespera.testing.servers.wire import Wire


async def deliver(
    reply: Reply, wire: Wire, method: str, fault: Fault | None, released: asyncio.Event
) -> None:
    """Send ``reply`` as far as ``fault`` lets it through; who stalls goes on when ``released``."""
    kind = fault.kind if fault else None
    if kind is FaultKind.SAYS_WRONG_JSON:
        reply = _with_wrong_json(reply)
    if method == "HEAD":
        reply = replace(reply, parts=(), streamed=False)
    if fault is None or kind not in {FaultKind.STALLS, FaultKind.TRUNCATES}:
        await wire.send(reply)
        return
    before, rest = _cut(reply, fault.after)
    if kind is FaultKind.STALLS and not before:
        await released.wait()
    await wire.send_head(reply)
    await wire.send_parts(before)
    if kind is FaultKind.STALLS:
        await released.wait()
        await wire.send_parts(rest)
        await wire.send_end()


def _cut(reply: Reply, after: int) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """What is sent before the fault, and what is not: something always is not."""
    if reply.streamed:
        return reply.parts[:after], reply.parts[after:]
    body = b"".join(reply.parts)
    after = min(after, max(len(body) - 1, 0))
    return tuple(filter(None, [body[:after]])), (body[after:],)


def _with_wrong_json(reply: Reply) -> Reply:
    broken = b'{"choices": [{"index": 0, '
    if reply.streamed:
        return replace(reply, status=200, parts=(*reply.parts[:-1], b"data: " + broken + b"\n\n"))
    return Reply(200, {"Content-Type": "application/json"}, (broken,))
