"""The server process: it stops in good order when it is told to."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from project_service.app import create_app
from project_service.container import ServiceContainer

LONGEST_ANSWER = 10
"""Seconds that requests which are under way have to be answered, once the service stops."""


async def serve(container: ServiceContainer, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; return when all is drained and on disk.

    No new connections are taken then, what was asked is answered, event streams are closed, and
    work that is under way may end. A second SIGINT waits for no more answers.
    """
    app = create_app(container)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="info",
        timeout_graceful_shutdown=LONGEST_ANSWER,
        lifespan="on",
    )
    await GracefulServer(config, app.state.leaving).serve()


class GracefulServer(uvicorn.Server):
    """Tells streams that the service is leaving: they would hold it up."""

    def __init__(self, config: uvicorn.Config, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, once the streams know."""
        self._leaving.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals stop the server, and that is all they do: the process ends with status 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
