"""Clients of ASGI applications, without a socket: one to await, and one for tests that do not."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from vespera.testing.http import AsgiApp, running_app

T = TypeVar("T")


@asynccontextmanager
async def app_client(app: AsgiApp, base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running application; what its handlers raise comes out of the request."""
    async with running_app(app) as running:
        transport = httpx.ASGITransport(running)
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client


class LoopTransport(httpx.BaseTransport):
    """Lets a client that does not await (``httpx.Client``) ask an application.

    It answers on an event loop that runs during requests; between them the loop stands still, and
    the application with it.
    """

    def __init__(self, app: AsgiApp) -> None:
        """Start the application.

        Raises:
            RuntimeError: an event loop is running; whoever is in it can await ``app_client``.
        """
        self._loop = asyncio.new_event_loop()
        self._running = running_app(app)
        try:
            self._transport = httpx.ASGITransport(self._run(self._running.__aenter__()))
        except BaseException:
            self._loop.close()
            raise

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Let the application answer."""
        request.read()
        return self._run(self._answer(request))

    def close(self) -> None:
        """Stop the application."""
        try:
            self._run(self._running.__aexit__(None, None, None))
        finally:
            self._run(self._loop.shutdown_asyncgens())
            self._run(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in answer.stream])
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body)
        )

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run_until_complete(coroutine)
        coroutine.close()
        raise RuntimeError(
            "The fixture 'client' cannot be asked from an async test, whose event loop would stand"
            " still; ask for 'async_client', and await it."
        )
