"""Steps, and the methods of parts: what is called fails, before or behind its effect."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import WRAPPER_ASSIGNMENTS, partial, wraps
from typing import Any

from vespera.application.runtime.heartbeats import current_step
from vespera.testing.faults.plan import Plan, Strike

Sleep = Callable[[float], Awaitable[None]]
_OWN = frozenset({"_vespera_part", "_vespera_struck"})
_SPECIAL = (
    *("__call__", "__aenter__", "__aexit__", "__enter__", "__exit__", "__await__"),
    *("__aiter__", "__anext__", "__iter__", "__next__", "__len__", "__getitem__", "__contains__"),
)


class Struck:
    """Calls that something strikes: delayed first, then failing before or behind the call."""

    def __init__(self, plan: Plan, sleep: Sleep) -> None:
        self._plan, self._sleep = plan, sleep

    def knows(self, kind: str) -> bool:
        """Whether any fault of this kind is armed."""
        return any(fault.where.kind == kind for fault in self._plan.armed)

    async def awaited(self, kind: str, name: str, call: Callable[[], object]) -> Any:
        """What ``call`` gives, awaited if need be, unless a fault has it otherwise."""
        strikes = await self.before(kind, name)
        result = call()
        if inspect.isawaitable(result):
            result = await result
        _throw(strikes, is_behind=True)
        return result

    async def before(self, kind: str, name: str) -> list[Strike]:
        """Sleep as long as the strikes say, and raise the first error that comes before."""
        strikes = self._plan.meet(kind, name)
        for strike in strikes:
            if strike.delay:
                await self._sleep(strike.delay)
        _throw(strikes, is_behind=False)
        return strikes

    def called(self, name: str, call: Callable[[], object]) -> object:
        """The same for a call that is not awaited; there is no delay."""
        strikes = self._plan.meet("call", name)
        _throw(strikes, is_behind=False)
        result = call()
        _throw(strikes, is_behind=True)
        return result

    async def streamed(
        self, name: str, call: Callable[[], AsyncIterator[object]]
    ) -> AsyncIterator[object]:
        """The same for a stream: it fails before its first item, or behind its last."""
        strikes = await self.before("call", name)
        async for item in call():
            yield item
        _throw(strikes, is_behind=True)


class FaultySupervision:
    """``Supervision`` whose steps fail; what fails is a call, under its retries and its limit."""

    def __init__(self, inner: Any, struck: Struck) -> None:
        self._inner, self._struck = inner, struck

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def value(
        self, what: str, function: Callable[[], object], *, in_thread: bool = True
    ) -> object:
        """As ``Supervision.value``."""
        called = partial(self._inner.value, what, function, in_thread=in_thread)
        step = current_step()
        if step is None:
            return await called()
        return await self._struck.awaited("step", step, called)


class FaultyPart:
    """Stands in the place of a part, is an instance of its class, and does what it does."""

    _vespera_part: Any
    _vespera_struck: Callable[[str, Any], Any]

    def __init__(self, part: Any, struck: Callable[[str, Any], Any]) -> None:
        object.__setattr__(self, "_vespera_part", part)
        object.__setattr__(self, "_vespera_struck", struck)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN or name in {"__dict__", "__reduce_ex__", "__reduce__"}:
            return object.__getattribute__(self, name)
        part = object.__getattribute__(self, "_vespera_part")
        value = part.__class__ if name == "__class__" else getattr(part, name)
        if name.startswith("__") or not callable(value):
            return value
        return object.__getattribute__(self, "_vespera_struck")(name, value)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._vespera_part, name, value)


def faulty_part(part: Any, *, name: str, struck: Struck) -> Any:
    """``part``, whose methods fail if faults at ``"name.method"`` say so."""

    def method(called: str, value: Any) -> Any:
        return faulty_method(f"{name}.{called}", value, struck) if struck.knows("call") else value

    found = {each: _special(each) for each in _SPECIAL if hasattr(type(part), each)}
    return type(f"Faulty{type(part).__name__}", (FaultyPart,), found)(part, method)


def faulty_method(name: str, method: Any, struck: Struck) -> Any:
    """The method, async if it is, and under its own name."""
    if inspect.isasyncgenfunction(method):

        def stream(*args: Any, **kwargs: Any) -> AsyncIterator[object]:
            return struck.streamed(name, partial(method, *args, **kwargs))

        return _named(stream, method)
    if is_async(method):

        async def call(*args: Any, **kwargs: Any) -> object:
            return await struck.awaited("call", name, partial(method, *args, **kwargs))

        return _named(call, method)

    def plain(*args: Any, **kwargs: Any) -> object:
        return struck.called(name, partial(method, *args, **kwargs))

    return _named(plain, method)


def is_async(method: Any) -> bool:
    """Whether calls of it can be delayed."""
    function = getattr(method, "__func__", method)
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or getattr(function, "_is_coroutine", None)
        is getattr(asyncio.coroutines, "_is_coroutine", 0)
    )


def _special(name: str) -> Callable[..., Any]:
    """Python looks special methods up in the class; this one asks the part."""

    def forward(self: FaultyPart, *args: Any, **kwargs: Any) -> Any:
        method = getattr(self._vespera_part, name)
        if name == "__call__":
            method = self._vespera_struck(name, method)
        return method(*args, **kwargs)

    return forward


def _named(function: Callable[..., Any], method: Any) -> Callable[..., Any]:
    """``function`` under the method's name and with its signature; mocks have not all of that."""
    texts = [name for name in WRAPPER_ASSIGNMENTS if isinstance(getattr(method, name, None), str)]
    return wraps(method, assigned=texts, updated=())(function)


def _throw(strikes: list[Strike], *, is_behind: bool) -> None:
    for strike in strikes:
        error = strike.thrown()
        if error is not None and strike.is_behind is is_behind:
            raise error
