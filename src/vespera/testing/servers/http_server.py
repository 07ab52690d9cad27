"""A server on loopback with endpoints that answer as they are told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from vespera.testing.servers.delivery import deliver
from vespera.testing.servers.endpoints import Endpoint, Render, RequestRefused, as_it_is
from vespera.testing.servers.faults import FaultKind, FaultPlan
from vespera.testing.servers.messages import RecordedRequest, Reply, error_reply
from vespera.testing.servers.wire import Wire


class HttpServer(FaultPlan):
    """A real HTTP/1.1 server on 127.0.0.1, as good or as bad as a test wants it.

        async with HttpServer() as server:
            orders = server.at("GET", "/orders/{id}")
            orders.replies({"state": "open"}, {"state": "paid"})
            server.fails(status=503, retry_after=2)         # the next request, to any endpoint
            ...
            assert orders.requests[0].values == {"id": "7"}

    Faults planned for an endpoint come before those planned for the whole server. Nothing waits in
    real time: who stalls is released. The server runs on the event loop of its ``async with``, so
    a client that does not await must run in a thread (``asyncio.to_thread``). At the end of the
    block all connections are closed and nothing is left running.

    Attributes:
        requests: all that came, the first at the front.
    """

    def __init__(self, *, api_key: str | None = None) -> None:
        """Where ``api_key`` is given, refuse requests that carry it neither as a bearer token nor
        in ``X-API-Key`` (status 401).
        """
        super().__init__()
        self.requests: list[RecordedRequest] = []
        self._keys = None if api_key is None else {api_key, f"Bearer {api_key}"}
        self._endpoints: list[Endpoint] = []
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        self._came = asyncio.Event()
        self._errors: list[Exception] = []

    @property
    def url(self) -> str:
        """Where it listens: ``http://127.0.0.1:<port>``.

        Raises:
            RuntimeError: it was never started.
        """
        if not self._port:
            raise RuntimeError("The server has no address before it starts: async with server")
        return f"http://127.0.0.1:{self._port}"

    def at(
        self,
        method: str,
        path: str,
        default: object = "",
        render: Render = as_it_is,
        *,
        public: bool = False,
    ) -> Endpoint:
        """A new endpoint. ``{name}`` in the path stands for one part of it, found in ``values``.

        Args:
            method: such as "GET".
            path: such as "/orders/{id}".
            default: what it answers while it is told nothing.
            render: makes a reply of the request and of what was given to ``replies``.
            public: whether it asks for no key.
        """
        endpoint = Endpoint(method, path, default, render, public=public)
        self._endpoints.append(endpoint)
        return endpoint

    def release(self) -> None:
        """Let all requests that stall now be answered."""
        self._released.set()
        self._released = asyncio.Event()

    async def received(self, count: int = 1) -> Sequence[RecordedRequest]:
        """All requests, once there are ``count`` of them."""
        while len(self.requests) < count:
            self._came.clear()
            await self._came.wait()
        return tuple(self.requests)

    async def start(self) -> None:
        """Listen; after a ``stop``, at the same address again."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listening socket and all connections, and end what serves them.

        Raises:
            Exception: what a function given to ``answers`` raised first, or the server itself.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()
        errors, self._errors = self._errors, []
        if errors:
            raise errors[0]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(Wire(reader, writer)), name="http connection")
        self._connections.add(connection)
        connection.add_done_callback(self._ended)

    def _ended(self, connection: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        error = None if connection.cancelled() else connection.exception()
        if isinstance(error, Exception):
            self._errors.append(error)

    async def _serve(self, wire: Wire) -> None:
        try:
            while request := await wire.receive():
                await self._handle(request, wire)
                if not wire.is_good_for_more():
                    break
            await wire.close()
        except ConnectionError:
            pass  # the client went away, which it may
        finally:
            await wire.abort()

    async def _handle(self, request: RecordedRequest, wire: Wire) -> None:
        endpoint, refusal = self._find(request)
        request = self._record(request, endpoint)
        fault = (endpoint.next_fault() if endpoint else None) or self.next_fault()
        if fault and fault.kind is FaultKind.RESETS:
            wire.reset()
            return
        reply = fault.reply if fault else None
        if reply is None:
            reply = refusal or await self._reply(endpoint, request)
        await deliver(reply, wire, request.method, fault, self._released)

    def _find(self, request: RecordedRequest) -> tuple[Endpoint | None, Reply | None]:
        """The endpoint that is meant, and why it must not be asked."""
        here = [each for each in self._endpoints if each.values_in(request.path) is not None]
        endpoint = next((each for each in here if each.method == request.method), None)
        given = {request.headers.get("Authorization"), request.headers.get("X-API-Key")}
        refusal = None
        is_public = self._keys is None or (endpoint is not None and endpoint.public)
        if not is_public and given.isdisjoint(self._keys or ()):
            refusal = error_reply(401, "Incorrect API key provided.", code="invalid_api_key")
        elif not here:
            refusal = error_reply(404, f"There is nothing at {request.path}.")
        elif endpoint is None:
            allowed = ", ".join(each.method for each in here)
            message = f"{request.path} takes {allowed}, not {request.method}."
            refusal = error_reply(405, message, headers={"Allow": allowed})
        return endpoint, refusal

    def _record(self, request: RecordedRequest, endpoint: Endpoint | None) -> RecordedRequest:
        if endpoint:
            request = replace(request, values=endpoint.values_in(request.path) or {})
            endpoint.requests.append(request)
        self.requests.append(request)
        self._came.set()
        return request

    async def _reply(self, endpoint: Endpoint | None, request: RecordedRequest) -> Reply:
        assert endpoint is not None  # there would be a refusal
        try:
            return await endpoint.reply_to(request)
        except RequestRefused as refused:
            return refused.reply
        except Exception as error:  # noqa: BLE001 - of a function given to answers; told at the stop
            self._errors.append(error)
            return error_reply(500, f"{type(error).__name__}: {error}")
