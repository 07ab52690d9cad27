"""Mocks of clients and of context managers that behave as the real ones do when awaited."""

import inspect
from difflib import get_close_matches
from typing import Any, get_origin
from unittest.mock import AsyncMock, MagicMock, Mock, NonCallableMagicMock, create_autospec

from vespera.testing.results import (
    NOT_GIVEN,
    ResultSequence,
    as_given,
    behave,
    is_exception,
    is_function,
)
from vespera.testing.streams import StreamMock

_ENTERED = ["__aenter__", "__aexit__"]


def mock_client(spec: object = None, /, **methods: object) -> Any:
    """A client whose methods give what they are told to.

        bank = mock_client(Bank, charge=[ConnectionError("down"), "receipt 7"], balance=42)
        await bank.charge(20)
        bank.charge.assert_awaited_once_with(20)

    With a ``spec`` (a class, a Protocol or an object), async methods are awaited and the others
    are called, each with the real one's arguments; ``isinstance`` agrees, what the spec has not is
    not there, and a method that was told nothing gives None. Without one, all methods are async,
    but for those that give streams or context managers, and there are no others.

    Args:
        spec: what the client stands for.
        methods: for each method, one of

            - a value, which every call gives; a list is a value too, unless there is an exception
              in it;
            - an exception or its class, which every call raises;
            - ``sequence(...)``, or a list with an exception in it: a result for each call;
            - a function, async or not, called with the arguments; an async generator function
              gives streams, and under ``asynccontextmanager`` context managers;
            - ``stream_mock(...)``, to be used as ``async for x in client.listen()``;
            - ``async_context_manager_mock(...)``, as ``async with client.begin() as transaction``;
            - any other mock that can be called: it becomes the method.

            What is not a method in the spec (a property, an annotated attribute) is simply set.

    Raises:
        AttributeError: the spec has no such method; near matches are named.
        TypeError: an async function was given for a method that is not async, or a plain value for
            one that is a stream.
    """
    spec = get_origin(spec) or spec  # Repository[Order] has the methods of Repository
    client = _unspecific(methods) if spec is None else _like(spec)
    for name, given in methods.items():
        if spec is not None:
            _check_known(spec, name)
        _tell(client, name, as_given(given), spec)
    return client


def async_context_manager_mock(value: object = NOT_GIVEN) -> Any:
    """What ``async with`` wants: entering gives ``value``, leaving lets exceptions pass.

        connection = mock_client(fetch=[{"id": 1}])
        pool = mock_client(acquire=async_context_manager_mock(connection))
        async with pool.acquire() as entered:
            assert entered is connection

    It can be entered any number of times. ``__aenter__`` and ``__aexit__`` are recorded:
    ``manager.__aexit__.assert_awaited_once()``.

    Args:
        value: what entering gives, or an exception that it raises, or a ``sequence`` of these;
            by default the context manager itself.
    """
    manager = _ContextManagerMock(spec=_ENTERED)
    let_enter(manager)
    if value is not NOT_GIVEN:
        behave(manager.__aenter__, value, "async with")
    return manager


def create_async_context_manager_mock(**attributes: Any) -> Any:
    """An ``AsyncMock(**attributes)`` whose ``async with`` gives itself and lets exceptions pass.

    It is as unspecific as any ``AsyncMock``: whatever attribute is asked for, there is one. Where
    you know what is entered, ``async_context_manager_mock(mock_client(Spec, ...))`` is safer.
    """
    manager = AsyncMock(**attributes)
    let_enter(manager)
    return manager


def let_enter(mock: Any) -> None:
    """Let ``async with`` give ``mock`` itself, and let exceptions pass when it is left."""
    mock.__aenter__ = AsyncMock(return_value=mock)
    mock.__aexit__ = AsyncMock(return_value=None)


class _ContextManagerMock(NonCallableMagicMock):
    """Told apart from other values, since a method that gives one is not awaited."""


def _like(spec: Any) -> Any:
    client = create_autospec(spec, instance=isinstance(spec, type))
    for name in dir(spec):
        if not name.startswith("__") and inspect.isroutine(getattr(spec, name, None)):
            getattr(client, name).return_value = None
    if hasattr(spec, "__aenter__"):
        let_enter(client)
    return client


def _unspecific(methods: dict[str, object]) -> Any:
    client = NonCallableMagicMock(spec=[*_ENTERED, *methods])
    let_enter(client)
    for name, given in methods.items():
        setattr(client, name, MagicMock() if _is_called_plainly(given) else AsyncMock())
    return client


def _is_called_plainly(given: object) -> bool:
    """Whether what the method gives is used without ``await``: a stream, a context manager, or a
    function that makes one.
    """
    results = (*given.results, given.then) if isinstance(given, ResultSequence) else (given,)
    gives_them = any(isinstance(result, StreamMock | _ContextManagerMock) for result in results)
    return gives_them or _is_generator_function(given)


def _is_generator_function(given: Any) -> bool:
    """Also one that ``asynccontextmanager`` has made a context manager of."""
    return inspect.isasyncgenfunction(given) or inspect.isasyncgenfunction(
        getattr(given, "__wrapped__", None)
    )


def _tell(client: Any, name: str, given: object, spec: object) -> None:
    is_method = spec is None or inspect.isroutine(getattr(spec, name, None))
    is_a_method_itself = isinstance(given, Mock) and not isinstance(given, StreamMock)
    if not is_method or is_a_method_itself:
        setattr(client, name, given)
        return
    method = getattr(client, name)
    if inspect.iscoroutinefunction(given) and not isinstance(method, AsyncMock):
        raise TypeError(f"{name} is not async in {_called(spec)}; give a plain function")
    if inspect.isasyncgenfunction(getattr(spec, name, None)) and _cannot_be_streamed(given):
        raise TypeError(f"{name} is a stream in {_called(spec)}; give stream_mock(...)")
    behave(method, given, name)


def _cannot_be_streamed(given: object) -> bool:
    results = (*given.results, given.then) if isinstance(given, ResultSequence) else (given,)
    return any(
        not (isinstance(result, StreamMock) or is_exception(result) or is_function(result))
        and result is not NOT_GIVEN
        and not hasattr(result, "__aiter__")
        for result in results
    )


def _check_known(spec: Any, name: str) -> None:
    kinds = (spec if isinstance(spec, type) else type(spec)).__mro__
    known = {*dir(spec), *(field for kind in kinds for field in inspect.get_annotations(kind))}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "An attribute is known if it is annotated."
        raise AttributeError(f"{_called(spec)} has no {name!r}. {hint}")


def _called(spec: object) -> str:
    return spec.__name__ if isinstance(spec, type) else type(spec).__name__
