"""Mocks of HTTP sessions and responses, for code that awaits them and code that enters them."""

import json as json_text
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from functools import partial
from inspect import iscoroutine
from typing import Any
from unittest.mock import AsyncMock, MagicMock, NonCallableMagicMock

from vespera.testing.http_response import MockResponse
from vespera.testing.mocks import let_enter
from vespera.testing.results import NOT_GIVEN, ResultSequence, Script, is_exception, is_function

_VERBS = ("request", "get", "post", "put", "patch", "delete", "head", "options", "stream")
_OTHERS = ("closed", "is_closed", "close", "aclose", "__aenter__", "__aexit__")
_TOO_OFTEN = "{} was called more often than its side_effect has results"


def mock_response(
    status: int = 200,
    *,
    json: object = NOT_GIVEN,
    text: str | None = None,
    body: bytes | None = None,
    chunks: Iterable[bytes | BaseException] | None = None,
    headers: Mapping[str, str] | None = None,
) -> MockResponse:
    """A response that reads like aiohttp's and like httpx's; see ``MockResponse``.

        failure = mock_response(503, json={"error": "overloaded"}, headers={"Retry-After": "2"})

    Args:
        status: from 100 to 599.
        json: any JSON value (None is null), sent as JSON text.
        text: sent as UTF-8.
        body: sent as it is. Without any of these four, the body is empty.
        chunks: a body that comes in pieces; an exception among them is raised there.
        headers: the fields; names are found in any case.

    Raises:
        TypeError: more than one body was given, or ``json`` is nothing that JSON can say.
        ValueError: there is no such status.
    """
    if sum([json is not NOT_GIVEN, text is not None, body is not None, chunks is not None]) > 1:
        raise TypeError("mock_response: give one of json, text, body and chunks")
    if not 100 <= status <= 599:  # noqa: PLR2004 - what HTTP has
        raise ValueError(f"mock_response: a status is from 100 to 599, not {status}")
    kind = "text/plain; charset=utf-8"
    if json is not NOT_GIVEN:
        text, kind = json_text.dumps(json), "application/json"
    if chunks is None:
        chunks = [body if body is not None else (text or "").encode()]
    return MockResponse(status, tuple(chunks), {"Content-Type": kind, **(headers or {})})


def mock_session(response: object = NOT_GIVEN, /, *, spec: object = None, **verbs: object) -> Any:
    """An HTTP session whose requests work as aiohttp's and as httpx's do.

        session = mock_session(post=[TimeoutError(), mock_response(429), {"ok": True}])

        response = await session.post(url, json=...)           # both libraries
        async with session.post(url, json=...) as response:    # aiohttp
        async with session.stream("GET", url) as response:     # httpx

    What is given as an exception is raised by all of them, when the request is awaited or entered
    and not before. ``async with session`` gives the session. ``session.closed`` (``is_closed``)
    tells whether it was closed or left; it goes on answering. Requests are recorded:
    ``session.post.assert_called_once_with(url, json=...)``.

    What a verb gives can be changed as with any mock, and holds for both ways:
    ``session.get.return_value = mock_response(404)``, ``session.get.side_effect = [OSError(),
    {"id": 7}]``, or ``session.get.return_value.__aenter__.return_value.json.return_value = {}``.

    Args:
        response: for all verbs that are told nothing else; by default, each has a 200 of its own,
            with the JSON ``{}``.
        spec: the session's class, for ``isinstance``; what the class has not is not there.
        verbs: for each of request, get, post, put, patch, delete, head, options and stream: a
            response; a dict (its JSON), text or bytes (its body); an exception; a list or
            ``sequence`` of these, one for each request; or a function, async or not, that makes one
            of them of the request's arguments.

    Raises:
        TypeError: there is no such verb, or what was given is no response.
    """
    known = [name for name in _VERBS if spec is None or hasattr(spec, name)]
    unknown = [verb for verb in verbs if verb not in known]
    if unknown:
        raise TypeError(f"mock_session: {unknown[0]!r} is none of {', '.join(known)}")
    session = _SessionMock(spec=spec or [*_VERBS, *_OTHERS])
    for verb in known:
        given = verbs.get(verb, response)
        if given is not NOT_GIVEN:
            setattr(session, verb, _verb(verb, given))
    for name, given in _states_and_ends(session).items():
        if spec is None or hasattr(spec, name):
            setattr(session, name, given)
    return session


class _SessionMock(NonCallableMagicMock):
    """Makes a verb that is told nothing when it is first asked for: a test needs one or two."""

    def _get_child_mock(self, /, **kwargs: Any) -> Any:
        name = kwargs.get("name", "")
        if name in _VERBS:
            return _Verb(name, return_value=mock_response(json={}), **kwargs)
        return super()._get_child_mock(**kwargs)


def _verb(verb: str, given: object) -> "_Verb":
    if type(given) is list:
        given = ResultSequence(tuple(given))
    if is_function(given):
        return _Verb(verb, side_effect=given)
    if not isinstance(given, ResultSequence):
        return _Verb(verb, return_value=_request(verb, given))
    then = given.then if given.then is NOT_GIVEN else _request(verb, given.then)
    requests = tuple(_request(verb, result) for result in given.results)
    return _Verb(verb, side_effect=Script(ResultSequence(requests, then), verb))


class _Verb(MagicMock):
    """The mock of one verb: whatever it is told to give or to raise, its call can be awaited and
    entered, and only that tells. Calls that were, are known as those of an ``AsyncMock``.
    """

    assert_awaited = AsyncMock.assert_awaited
    assert_awaited_once = AsyncMock.assert_awaited_once
    assert_awaited_with = AsyncMock.assert_awaited_with
    assert_awaited_once_with = AsyncMock.assert_awaited_once_with
    assert_any_await = AsyncMock.assert_any_await
    assert_has_awaits = AsyncMock.assert_has_awaits
    assert_not_awaited = AsyncMock.assert_not_awaited

    def __init__(self, verb: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._verb = verb
        self._forget_awaits()

    def __call__(self, /, *args: Any, **kwargs: Any) -> "_Call":
        try:
            given = super().__call__(*args, **kwargs)
        except (StopIteration, AssertionError) as error:  # the test's own mistake
            raise AssertionError(str(error) or _TOO_OFTEN.format(self._verb)) from None
        except BaseException as error:  # noqa: BLE001 - raised where the real one would be
            given = error
        return _Call(_request(self._verb, given), partial(self._note, self.call_args))

    def reset_mock(self, *args: Any, **kwargs: Any) -> None:
        super().reset_mock(*args, **kwargs)
        self._forget_awaits()

    def _forget_awaits(self) -> None:
        self.await_count, self.await_args, self.await_args_list = 0, None, list[Any]()

    def _note(self, awaited: Any) -> None:
        self.await_count, self.await_args = self.await_count + 1, awaited
        self.await_args_list.append(awaited)

    def _get_child_mock(self, /, **kwargs: Any) -> MagicMock:
        return MagicMock(**kwargs)


def _request(verb: str, given: object) -> Any:
    """What is entered, and gives the response: the response itself, if it can be."""
    if isinstance(given, Mapping | str | bytes):
        given = _response(verb, given)
    return given if hasattr(given, "__aenter__") else _Request(verb, given)


class _Request(NonCallableMagicMock):
    """What cannot be entered itself: entering this gives it, or raises it."""

    def __init__(self, verb: str = "", given: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs, spec=["__aenter__", "__aexit__"])
        let_enter(self)
        if is_exception(given):
            self.__aenter__.side_effect = given
        elif iscoroutine(given):
            self.__aenter__.side_effect = partial(_awaited, verb, given)
        else:
            self.__aenter__.return_value = _response(verb, given)


class _Call(Coroutine[Any, Any, Any]):
    """One call of a verb: a coroutine, which a task may run, and a context manager."""

    def __init__(self, request: Any, note: Callable[[], None]) -> None:
        self._request, self._note = request, note
        self._awaiting: Generator[Any, Any, Any] | None = None

    async def __aenter__(self) -> Any:
        self._note()
        return await self._request.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._request.__aexit__(*error)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.__aenter__().__await__()

    def send(self, value: Any, /) -> Any:
        return self._begun().send(value)

    def throw(self, *error: Any) -> Any:
        return self._begun().throw(*error)

    def close(self) -> None:
        if self._awaiting is not None:
            self._awaiting.close()

    def _begun(self) -> Generator[Any, Any, Any]:
        if self._awaiting is None:
            self._awaiting = self.__await__()
        return self._awaiting


async def _awaited(verb: str, given: Coroutine[Any, Any, object]) -> object:
    return _response(verb, await given)


def _response(verb: str, given: object) -> object:
    if isinstance(given, Mapping):
        return mock_response(json=given)
    if isinstance(given, str):
        return mock_response(text=given)
    if isinstance(given, bytes):
        return mock_response(body=given)
    if not hasattr(given, "raise_for_status"):
        raise TypeError(
            f"mock_session: {verb} cannot give {given!r}; give mock_response(...), a dict for JSON,"
            " text, bytes, an exception, or a list of these"
        )
    return given


def _states_and_ends(session: Any) -> dict[str, object]:
    """What there is beside the verbs: whether it is closed, and the ways to close it."""

    async def enter() -> object:
        tell(is_closed=False)
        return session

    async def close(*_error: object) -> None:
        tell(is_closed=True)

    def tell(*, is_closed: bool) -> None:
        for name in {"closed", "is_closed"} & vars(session).keys():
            setattr(session, name, is_closed)

    return {
        "closed": False,
        "is_closed": False,
        "close": AsyncMock(side_effect=close),
        "aclose": AsyncMock(side_effect=close),
        "__aenter__": AsyncMock(side_effect=enter),
        "__aexit__": AsyncMock(side_effect=close),
    }
