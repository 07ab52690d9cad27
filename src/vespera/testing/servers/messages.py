"""What goes over the wire, both ways."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vespera.testing.headers import Headers


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came.

    Attributes:
        method: in capitals.
        path: without the query.
        query: what follows the question mark, as it was sent.
        headers: found in any case.
        body: the bytes.
        values: what the path had at the places that the endpoint names: ``/orders/{id}``.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body, read as UTF-8."""
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, to be sent as it is.

    Attributes:
        status: from 200 to 599.
        headers: beside those that say how the body is framed.
        parts: the body, in the pieces it is sent in.
        streamed: whether the pieces come one by one, and their total is not told beforehand.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[bytes, ...] = ()
    streamed: bool = False


def reply_with(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with ``value`` as its body: bytes as they are, text as UTF-8, all else as JSON.

    Raises:
        TypeError: JSON cannot say it.
    """
    if isinstance(value, Reply):
        return value
    if isinstance(value, bytes):
        kind, body = "application/octet-stream", value
    elif isinstance(value, str):
        kind, body = "text/plain; charset=utf-8", value.encode()
    else:
        kind, body = "application/json", json.dumps(value).encode()
    return Reply(status, {"Content-Type": kind, **(headers or {})}, (body,))


def error_reply(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error in the form that OpenAI's clients read."""
    kind = _ERROR_KINDS.get(
        status, "server_error" if status >= _SERVER else "invalid_request_error"
    )
    error = {"message": message, "type": kind, "param": param, "code": code}
    return reply_with({"error": error}, status, headers)


_SERVER = 500
_ERROR_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
