"""One connection, speaking HTTP/1.1 by h11."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import unquote

import h11

from vespera.testing.headers import Headers
from vespera.testing.servers.messages import RecordedRequest, Reply, error_reply

_ENOUGH = 65_536
_NO_LINGERING = struct.pack("ii", 1, 0)


class Wire:
    """Reads requests and sends replies, in turns."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER)

    async def receive(self) -> RecordedRequest | None:
        """The next request; None when the other side has no more, or speaks no HTTP."""
        try:
            return await self._receive()
        except h11.RemoteProtocolError as error:
            if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                refusal = error_reply(error.error_status_hint, f"This is no HTTP: {error}")
                await self.send(refusal)
            return None

    async def send(self, reply: Reply) -> None:
        """Send the whole reply."""
        await self.send_head(reply)
        await self.send_parts(reply.parts)
        await self.send_end()

    async def send_head(self, reply: Reply) -> None:
        """Send the status and the headers."""
        length = str(sum(map(len, reply.parts)))
        framing = ("Transfer-Encoding", "chunked") if reply.streamed else ("Content-Length", length)
        headers = [*reply.headers.items(), framing]
        await self._say(h11.Response(status_code=reply.status, headers=headers))

    async def send_parts(self, parts: Sequence[bytes]) -> None:
        """Send some of the body."""
        for part in parts:
            await self._say(h11.Data(data=part))

    async def send_end(self) -> None:
        """Say that this was all."""
        await self._say(h11.EndOfMessage())

    def is_good_for_more(self) -> bool:
        """Whether another request may follow; if so, the wire is ready for it."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def reset(self) -> None:
        """Cut the connection, so that the other side gets a reset and not an end."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self._writer.transport.abort()

    async def close(self) -> None:
        """Send what is left to send, and close the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def abort(self) -> None:
        """Close the connection, if it is open, without sending what is left."""
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _receive(self) -> RecordedRequest | None:
        head, body = None, bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read_more()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head:
                return _recorded(head, bytes(body))
            else:
                return None

    async def _read_more(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            await self._say(h11.InformationalResponse(status_code=100, headers=[]))
        self._http.receive_data(await self._reader.read(_ENOUGH))

    async def _say(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


def _recorded(head: h11.Request, body: bytes) -> RecordedRequest:
    path, _, query = head.target.decode("latin-1").partition("?")
    fields = {name.decode("latin-1"): text.decode("latin-1") for name, text in head.headers}
    method = head.method.decode("latin-1")
    return RecordedRequest(method, unquote(path), query, Headers(fields), body)
