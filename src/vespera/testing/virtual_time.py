"""How ``@pytest.mark.virtual_time`` gives a test its loop."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vespera.testing.errors import VirtualTimeOff
from vespera.testing.loop import VirtualLoop
from vespera.testing.origins import remember_origins, remember_timers

_ADVICE = (
    "Take the marker away, or let the project's own loop be of a subclass of"
    " vespera.testing.VirtualLoop."
)

_LOOP = "_asyncio_loop_factory"  # the parameter by which pytest-asyncio tells a test its loop


def make_async(collector: Any, name: str, obj: Any) -> None:
    """Mark a coroutine function for pytest-asyncio, which in strict mode looks for its mark."""
    obj = getattr(obj, "__func__", obj)  # of a staticmethod
    if not inspect.iscoroutinefunction(obj) or not collector.funcnamefilter(name):
        return
    own = {mark.name for mark in getattr(obj, "pytestmark", ())}
    if "asyncio" not in own and collector.get_closest_marker("asyncio") is None:
        pytest.mark.asyncio(obj)


def loop_factories(
    item: pytest.Item, theirs: Mapping[str, Callable[[], Any]] | None
) -> Mapping[str, Callable[[], Any]]:
    """The loops to run a test on, by name; ``theirs``: what the project's own hook said."""
    if item.get_closest_marker("virtual_time") is None:
        return {"asyncio": _plain_loop} if theirs is None else theirs
    chosen = _virtual_ones(theirs) or {"virtual": VirtualLoop}
    _refuse_names_of_others(item, chosen)
    return chosen


def give_own_loop(item: Any) -> None:
    """A virtual loop for a test marked by ``pytest.param(..., marks=...)``: pytest-asyncio asks for
    the loops of a test function before it knows its parameters.
    """
    call: Any = getattr(item, "callspec", None)
    if call is None or all(mark.name != "virtual_time" for mark in call.marks):
        return
    if _LOOP in call.params and not _virtual_ones({"": call.params[_LOOP]}):
        call.params[_LOOP] = VirtualLoop


def check(item: Any) -> None:
    """See that the loop of an async test with the marker is virtual.

    Raises:
        VirtualTimeOff: it is not.
    """
    scope = getattr(item, "_loop_scope", None)
    if scope is None:
        return  # not async: it has no loop to wait on
    loop = item._request.getfixturevalue(f"_{scope}_scoped_runner").get_loop()  # noqa: SLF001
    if not isinstance(loop, VirtualLoop):
        raise VirtualTimeOff(
            f"{item.nodeid} is marked virtual_time, but runs on a {type(loop).__qualname__}: a"
            " pytest_asyncio_loop_factories hook or a fixture of the project gives it that loop."
            f" {_ADVICE}"
        )


def _virtual_ones(theirs: Any) -> dict[str, Callable[[], Any]]:
    if not isinstance(theirs, Mapping):
        return {}
    return {
        name: factory
        for name, factory in theirs.items()
        if isinstance(factory, type) and issubclass(factory, VirtualLoop)
    }


def _refuse_names_of_others(item: pytest.Item, chosen: Mapping[str, object]) -> None:
    """pytest-asyncio skips a test that asks for a loop there is none of; that must be heard."""
    mark = item.get_closest_marker("asyncio")
    asked = mark.kwargs.get("loop_factories") if mark else None
    others = [name for name in asked or () if name not in chosen]
    if others:
        pytest.fail(
            f"{item.nodeid} is marked virtual_time, and asks for the loops {', '.join(others)} by"
            f" mark.asyncio(loop_factories=...), whose time is real. {_ADVICE}",
            pytrace=False,
        )


def _plain_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    remember_origins(loop)
    remember_timers(loop)
    return loop
