"""ASGI applications for tests, run inside their lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]


@asynccontextmanager
async def running_app(app: AsgiApp) -> AsyncIterator[AsgiApp]:
    """Start an ASGI application, and stop it at the end of the block.

        async with running_app(app) as running:
            transport = httpx.ASGITransport(running)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                response = await client.get("/health")

    httpx's own transport sends no lifespan events: what the application opens at its start would
    not be there. Give requests to what the block is given, which passes the lifespan's state on to
    them. The lifespan has a task of its own, so that the block may begin in one task and end in
    another, as that of a fixture does. An application that knows no lifespan is just asked.

    Raises:
        RuntimeError: the application says that it could not start or stop, and why.
        Exception: whatever its start or stop raised.
    """
    lifespan = _Lifespan(app)
    await lifespan.start()
    try:
        yield lifespan.app_with_state
    finally:
        await lifespan.stop()


class _Lifespan:
    """The conversation of a server with its application about starting and stopping."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._was_heard = False

    async def app_with_state(self, scope: Message, receive: Receive, send: Send) -> None:
        await self._app({**scope, "state": self._state.copy()}, receive, send)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._converse(), name="lifespan")
        try:
            await self._tell("startup")
        except BaseException:
            await self._end()
            raise

    async def stop(self) -> None:
        try:
            await self._tell("shutdown")
        finally:
            await self._end()

    async def _converse(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        self._was_heard = True
        return await self._events.get()

    async def _send(self, message: Message) -> None:
        if not self._answer.done():
            self._answer.set_result(message)

    async def _tell(self, what: str) -> None:
        """Announce the start or the end, and wait until the application is through with it."""
        self._answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": f"lifespan.{what}"})
        either: list[asyncio.Future[Any]] = [self._answer, self._task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        said = self._answer.result() if self._answer.done() else {}
        if said.get("type") != f"lifespan.{what}.complete" and self._was_heard:
            self._complain(what, said)

    def _complain(self, what: str, said: Message) -> None:
        is_over = self._task.done() and not self._task.cancelled()
        error = self._task.exception() if is_over else None
        if error:
            error.add_note(f"Raised by the application at its {what}.")
            raise error
        if said or what == "startup":
            reason = said.get("message") or "it did not say why"
            raise RuntimeError(f"The application failed at its {what}: {reason}")

    async def _end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # told already, where it mattered
