"""What is called of an agent: said at its registration, or by its class; the agent is not asked."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, cast

from vespera.domain.errors import InvalidRequest

_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, partial)
_LIFE_CYCLE = frozenset({"start", "stop", "close", "aclose"})


def method_of(name: str, agent: object, method: str | None) -> Callable[..., Any]:
    """What to call of the agent that is registered as ``name``.

    A mock answers Yes to whatever it is asked: it can be called, and has every attribute. What it
    stands for is known all the same: ``agent.__class__`` is the class of its spec.

    Raises:
        InvalidRequest: the class does not say which method it is, or has no such method, or that is
            an async generator.
    """
    call = _called(name, agent, method)
    if inspect.isasyncgenfunction(call):
        told = f"agent {name!r} is an async generator; let it collect what it yields, and return it"
        raise InvalidRequest(told, field="method")
    return call


def _called(name: str, agent: object, method: str | None) -> Callable[..., Any]:
    if method is not None:
        return _named(name, agent, method)
    is_function = isinstance(agent, _FUNCTIONS)
    found = "__call__" if is_function else _method_in(agent.__class__)
    if found is None or isinstance(agent, type):
        raise InvalidRequest(_told_unclear(name, agent), field="method")
    return cast("Callable[..., Any]", agent) if found == "__call__" else _named(name, agent, found)


def _named(name: str, agent: object, method: object) -> Callable[..., Any]:
    called = getattr(agent, method, None) if isinstance(method, str) else None
    if not callable(called):
        has = ", ".join(_public(agent.__class__)) or "none"
        raise InvalidRequest(
            f"agent {name!r} ({agent.__class__.__name__}) has no method {method!r}; it has: {has}",
            field="method",
        )
    return cast("Callable[..., Any]", called)


def _method_in(kind: type) -> str | None:
    """The class's method for the work, if there is no doubt: ``execute``; or the only one that is
    async; or ``__call__``; or the only one.
    """
    public = _public(kind)
    if "execute" in public:
        return "execute"
    are_async = [name for name in public if inspect.iscoroutinefunction(getattr(kind, name))]
    if len(are_async) == 1:
        return are_async[0]
    if not are_async and any("__call__" in vars(base) for base in kind.__mro__):
        return "__call__"
    return public[0] if len(public) == 1 else None


def _public(kind: type) -> Sequence[str]:
    return [
        name
        for name in dir(kind)
        if not name.startswith("_")
        and name not in _LIFE_CYCLE
        and inspect.isroutine(getattr(kind, name, None))
    ]


def _told_unclear(name: str, agent: object) -> str:
    if isinstance(agent, type):
        return f"agent {name!r} is the class {agent.__name__}; register an object of it"
    kind = agent.__class__
    has = ", ".join(_public(kind))
    what = f"has several methods ({has})" if has else "has no methods"
    return (
        f"agent {name!r}: {kind.__name__} {what}, and it is not clear which one is to be called;"
        f" say it: register_agent({name!r}, agent, method=...)"
    )
