"""A response that can be read in aiohttp's way and in httpx's."""

import json
import sys
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from unittest.mock import AsyncMock, MagicMock

from vespera.testing.awaitable import awaitable
from vespera.testing.headers import Headers
from vespera.testing.results import NOT_GIVEN

_FIRST_ERROR = 400


class _ToldMethod:
    """A method that is a mock, of each object its own, made when it is first asked for."""

    def __init__(self, make: Callable[[Any], AsyncMock]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, response: Any, owner: type | None = None) -> Any:
        if response is None:
            return self
        if self._name not in vars(response):
            vars(response)[self._name] = self._make(response)
        return vars(response)[self._name]

    def __set__(self, response: Any, told: object) -> None:
        vars(response)[self._name] = told


class MockResponse:
    """A response as two libraries know it; made by ``mock_response``.

    ==================  ===================================  =====================================
    what                aiohttp                              httpx
    ==================  ===================================  =====================================
    status              ``status``, ``ok``, ``reason``       ``status_code``, ``is_success``,
                                                             ``is_error``, ``reason_phrase``
    JSON                ``await response.json()``            ``response.json()``
    text                ``await response.text()``            ``response.text``
    bytes               ``await response.read()``            ``response.content``, ``read()``,
                                                             ``await response.aread()``
    a stream            ``content.iter_any()``,              ``aiter_bytes()``, ``aiter_text()``,
                        ``content.iter_chunked(size)``,      ``aiter_lines()``
                        ``async for line in content``
    the end             ``release()``, ``async with``        ``await response.aclose()``
    ==================  ===================================  =====================================

    ``json`` and ``raise_for_status`` are mocks, to be told otherwise
    (``response.json.return_value = ...``), as are ``__aenter__`` and ``__aexit__``; ``text`` and
    ``content`` can be set, and ``text.return_value`` and ``text.side_effect``.

    The ``json()`` that is not awaited equals what it stands for, but is a subclass of its type,
    which the engine does not store; parts of it are plain. (null, true and false, of which there
    are no subclasses, come awaited only.)

    ``raise_for_status()`` is no coroutine, here as there. From 400 on it raises an error that is
    an ``aiohttp.ClientResponseError`` and an ``httpx.HTTPStatusError``, of those of the two that
    the program has imported; it has ``status``, ``message``, ``headers`` and ``response``.
    """

    def __init__(
        self, status: int, chunks: Sequence[bytes | BaseException], headers: Mapping[str, str]
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self._content = _content(chunks)
        self._told_text: object = NOT_GIVEN
        self.json = MagicMock(return_value=NOT_GIVEN, side_effect=self._read_json)
        self.raise_for_status = MagicMock(side_effect=self._raise_for_status)
        self.url = ""

    @property
    def content(self) -> Any:
        """The body: bytes, and a stream; bytes may be set."""
        return self._content

    @content.setter
    def content(self, body: bytes) -> None:
        self._content, self._told_text = _content((bytes(body),)), NOT_GIVEN

    @property
    def text(self) -> Any:
        """The body as text: as it is, called and awaited. A text may be set, which then is the
        body; or a mock, to be called in its place.
        """
        return _text(self) if self._told_text is NOT_GIVEN else self._told_text

    @text.setter
    def text(self, told: object) -> None:
        if isinstance(told, str):
            self.content = told.encode()
        else:
            self._told_text = told

    @property
    def status_code(self) -> int:
        """The status, by httpx's name."""
        return self.status

    @property
    def ok(self) -> bool:
        """Whether ``raise_for_status`` would let it pass."""
        return self.status < _FIRST_ERROR

    @property
    def is_success(self) -> bool:
        """Whether the status is from 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_error(self) -> bool:
        """Whether ``raise_for_status`` would raise."""
        return not self.ok

    @property
    def reason(self) -> str:
        """What the status says in words."""
        known = {status.value: status.phrase for status in HTTPStatus}
        return known.get(self.status, "")

    reason_phrase = reason

    @property
    def content_type(self) -> str:
        """The kind of the body, without its parameters."""
        return self.headers["Content-Type"].partition(";")[0]

    def read(self) -> Any:
        """The body; can be awaited, and need not be."""
        return awaitable(self.content.whole())

    async def aread(self) -> bytes:
        """The body."""
        return self._content.whole()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body in the pieces it came in, or in pieces of ``chunk_size`` bytes."""
        content = self.content
        async for piece in content.iter_chunked(chunk_size) if chunk_size else content.iter_any():
            yield piece

    async def aiter_text(self) -> AsyncIterator[str]:
        """The body as text, in the pieces it came in."""
        decoder = getincrementaldecoder("utf-8")(errors="replace")  # pieces may split a character
        async for piece in self.content.iter_any():
            if text := decoder.decode(piece):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest

    async def aiter_lines(self) -> AsyncIterator[str]:
        """The body's lines, without their ends."""
        async for line in self.content:
            yield line.decode(errors="replace").rstrip("\r\n")

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def release(self) -> None:
        """Do nothing: there is no connection."""

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    __aenter__ = _ToldMethod(lambda response: AsyncMock(return_value=response))
    __aexit__ = _ToldMethod(lambda response: AsyncMock(side_effect=response.leave))

    def leave(self, *_error: object) -> None:
        """What leaving ``async with`` does."""
        self.release()

    def __repr__(self) -> str:
        return f"<MockResponse [{self.status} {self.reason}]>"

    def _read_json(self, *_args: object, **_kwargs: object) -> object:
        told = self.json.return_value
        return awaitable(json.loads(self.content.whole()) if told is NOT_GIVEN else told)

    def _raise_for_status(self) -> "MockResponse":
        if self.ok:
            return self
        raise _status_error(self)


class _Content(bytes):
    """A body: bytes, as httpx has it, and a stream, as aiohttp has it."""

    chunks: Sequence[bytes | BaseException]

    def whole(self) -> bytes:
        """All of it, unless it breaks off."""
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
        return bytes(self)

    async def read(self, _size: int = -1) -> bytes:
        return self.whole()

    async def iter_any(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            if chunk:
                yield chunk

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self.iter_any():
            rest += chunk
            while len(rest) >= size:
                yield rest[:size]
                rest = rest[size:]
        if rest:
            yield rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest


class _Text(str):
    """A text: as it is for httpx, called and awaited for aiohttp; and to be told otherwise, as a
    mock's method is.
    """

    __slots__ = ("response",)
    response: MockResponse

    def __call__(self, *_args: object, **_kwargs: object) -> Any:
        return awaitable(self.response.content.whole().decode(errors="replace"))

    def __setattr__(self, name: str, value: object) -> None:
        if name == "return_value":
            self.response.text = value
        elif name == "side_effect":
            self.response.text = MagicMock(side_effect=value)
        else:
            super().__setattr__(name, value)


def _content(chunks: Sequence[bytes | BaseException]) -> _Content:
    content = _Content(b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)))
    content.chunks = chunks
    return content


def _text(response: MockResponse) -> _Text:
    text = _Text(response.content.decode(errors="replace"))
    text.response = response
    return text


class StatusError(Exception):
    """What ``raise_for_status`` raises; a subclass of the libraries' own errors as well."""

    def __init__(self, response: MockResponse) -> None:
        message = f"{response.status} {response.reason}".rstrip()
        Exception.__init__(self, message)  # those of the libraries want a request
        self.response, self.headers = response, response.headers
        self.status, self.message = response.status, response.reason
        self.request_info, self.history, self._request = None, (), None

    def __str__(self) -> str:
        return str(self.args[0])

    def __repr__(self) -> str:
        return f"StatusError({self.args[0]!r})"


def _status_error(response: MockResponse) -> Exception:
    homes = {
        "aiohttp": "ClientResponseError",
        "httpx": "HTTPStatusError",
        "httpx2": "HTTPStatusError",
    }
    loaded = homes.keys() & sys.modules.keys()
    bases = [getattr(sys.modules[home], name) for home, name in homes.items() if home in loaded]
    kind: Any = type("StatusError", (StatusError, *bases), {})
    error: Exception = kind(response)
    return error
