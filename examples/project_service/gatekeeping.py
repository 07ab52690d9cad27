"""What is settled before a request reaches the application: who asks, and how much is sent."""

import secrets
from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from project_service.problems import problem

OPEN_PATHS = frozenset({"/health", "/openapi.json"})
KEY_HEADER = "X-API-Key"
_JSON = "application/json"
_CHALLENGE = {"WWW-Authenticate": f'ApiKey realm="project service", header="{KEY_HEADER}"'}


class ApiKeys:
    """Lets in who has a key; a few paths are open."""

    def __init__(self, app: ASGIApp, *, keys: Collection[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("api_keys: give at least one key, and no empty one")
        self._app = app
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 without a key, and 403 with a wrong one."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(KEY_HEADER)
        if given is None:
            told = f"Send your key in the header {KEY_HEADER}."
            await problem(HTTPStatus.UNAUTHORIZED, told, headers=_CHALLENGE)(scope, receive, send)
        elif not self._is_known(given):
            told = f"The key in {KEY_HEADER} is not known here."
            await problem(HTTPStatus.FORBIDDEN, told)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_known(self, given: str) -> bool:
        """Compared with all keys, each in constant time: how long it takes tells nothing."""
        sent = given.encode()
        return any([secrets.compare_digest(sent, key) for key in self._keys])  # noqa: C419 - all


class Bodies:
    """Takes bodies of JSON only, and none that is too large."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 and 415; a body whose length was not told beforehand is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = headers.get("Content-Length", "0")
        announced = int(told) if told.isdecimal() else 0
        kind = headers.get("Content-Type", _JSON).partition(";")[0].strip().lower()
        if announced > self._limit:
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large)
            refusal.headers["Connection"] = "close"  # nobody reads the rest of it
            await refusal(scope, receive, send)
        elif kind != _JSON and (announced or "Transfer-Encoding" in headers):
            refusal = problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {_JSON}, not {kind}.")
            await refusal(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    @property
    def _too_large(self) -> str:
        return f"A request may have {self._limit:,} bytes."

    def _counted(self, receive: Receive) -> Receive:
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large)
            return message

        return counted
