"""Whether an object does what a port promises, as far as that can be seen without a call."""

import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import FunctionType
from typing import Any

from dependency_injector import providers

from vespera.domain.errors import OverrideRefused
from vespera.infrastructure.di.part_types import annotations_of

_SPECIAL = {
    *("__call__", "__await__", "__aenter__", "__aexit__", "__enter__", "__exit__"),
    *("__aiter__", "__anext__", "__iter__", "__next__", "__len__", "__contains__", "__getitem__"),
}
_AWAITABLE = re.compile(r"Awaitable|Coroutine|Future|asyncio\S*Task|\bAny$")
_PYTHON = {"abc", "builtins", "collections.abc", "typing"}
_MISSING: Any = object()

Method = Callable[..., object]


def check_fit(part: str, value: Any, promised: Sequence[Any], made: Any) -> None:
    """Refuse what cannot do what a part's users rely on: the first class among ``promised``; of a
    mock with a spec, at least what the part itself would have ``made``.

    Raises:
        OverrideRefused: methods are missing, or are called in another way; all of them are told.
    """
    if isinstance(value, providers.Object):
        value = value.provides
    elif isinstance(value, providers.Provider):
        value = getattr(value, "provides", None)  # what a function will give cannot be seen
        promised = promised if isinstance(value, type) else ()
    specced = _is_mock(value) and not _is_boundless(value)
    port = first_class(*promised, made if specced else None)
    problems = misfits(value, port) if port else ()
    if port and problems:
        shown = value.__name__ if isinstance(value, type) else type(value).__name__
        without = " without a spec" if _is_mock(value) and not specced else ""
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise OverrideRefused(
            f"{part} cannot be overridden: {shown}{without} is no {port.__name__}:{lines}\n"
            f"Give an object that does this, a mock with spec={port.__name__}, or"
            f" container.mock({port.__name__}); override(..., check=False) takes anything.",
            problems,
        )


def first_class(*kinds: Any) -> type | None:
    """The first of them that is a class, without its parameters; but none of Python's own."""
    found = (typing.get_origin(kind) or kind for kind in kinds)
    return next((k for k in found if isinstance(k, type) and k.__module__ not in _PYTHON), None)


def misfits(value: Any, port: type) -> list[str]:
    """What an object lacks of a port; of a class, what its objects will lack.

    Of a mock without a ``spec``, which has whatever it is asked for, only that counts which was
    given to it.
    """
    wrapped = vars(value).get("_mock_wraps") if _is_mock(value) else None
    if wrapped is not None:
        return misfits(wrapped, port)
    kind = value if isinstance(value, type) else type(value)
    if port in kind.__mro__:
        return []
    found = {name: _misfit(name, method, value) for name, method in members_of(port).items()}
    return [f"{name} {problem}" for name, problem in found.items() if problem]


def members_of(port: type) -> Mapping[str, Method | None]:
    """What a port promises: its public methods, and None for what is no method."""
    names: dict[str, None] = {}
    for klass in reversed(port.__mro__):
        if klass.__module__ not in _PYTHON:
            names |= dict.fromkeys([*annotations_of(klass), *vars(klass)])
    public = [name for name in names if not name.startswith("_") or name in _SPECIAL]
    return {name: method_of(port, name) for name in public}


def _misfit(name: str, promised: Method | None, value: Any) -> str:
    given = _offered(name, value)
    data_is_unseen = isinstance(value, type) or _is_mock(value)
    if given is _MISSING:
        return "" if promised is None and data_is_unseen else "is missing"
    if promised is None or given is None:
        return ""
    if not callable(given):
        return "is not callable"
    if is_async(promised) and not is_async(given) and not _may_await(given):
        return "has to be async, and is not"
    if is_async(given) and not is_async(promised) and not _may_await(promised):
        return "is async, and must not be"
    return _cannot_be_called(promised, given)


def _offered(name: str, value: Any) -> Any:
    """The attribute, None if all that is known is that there is one, or may be."""
    if isinstance(value, type):
        known = hasattr(value, name) or hasattr(value, "__getattr__")  # which finds what it finds
        return method_of(value, name) if known else _MISSING
    if name == "__call__" and callable(value):
        return value
    if _is_mock(value) and _is_boundless(value):
        return vars(value)["_mock_children"].get(name, vars(value).get(name, _MISSING))
    if isinstance(inspect.getattr_static(value, name, None), property | cached_property):
        return None  # not asked for: it may do something
    return getattr(value, name, _MISSING)


def method_of(owner: type, name: str) -> Method | None:
    """A method as an object of the class has it, without ``self``; None if it is no method."""
    found = inspect.getattr_static(owner, name, None)
    is_method = isinstance(found, FunctionType | staticmethod | classmethod)
    return found.__get__(object(), owner) if is_method else None


def _is_mock(value: object) -> bool:
    return "_mock_children" in getattr(value, "__dict__", ())


def _is_boundless(mock: object) -> bool:
    """Whether it has whatever it is asked for, having no spec."""
    return vars(mock).get("_mock_methods") is None


def is_async(method: Any) -> bool:
    """Whether calling it gives something to await, as far as it says so."""
    function = inspect.unwrap(method)
    mock = inspect.getattr_static(function, "mock", function)  # as of autospecced functions
    if _is_mock(mock):
        return "_mock_await_count" in vars(mock)
    return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))


def _may_await(method: Method) -> bool:
    """Whether what a plain function returns may be awaited."""
    try:
        returned = inspect.signature(method).return_annotation
    except (TypeError, ValueError):
        return True
    return returned is not inspect.Signature.empty and bool(_AWAITABLE.search(str(returned)))


def _cannot_be_called(promised: Method, given: Method) -> str:
    """Call it in mind, with as little and with as much as the port allows."""
    try:
        wanted, offered = inspect.signature(promised), inspect.signature(given)
    except (TypeError, ValueError):
        return ""
    every = wanted.parameters.values()
    for parameters in ([p for p in every if p.default is p.empty], every):
        places = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
        names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        try:
            offered.bind(*places, **dict.fromkeys(names))
        except TypeError as error:
            return f"cannot be called as {promised.__name__}{wanted}: {error}"
    return ""
