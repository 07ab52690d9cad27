"""What can do tasks, and what is wrong with what cannot."""

import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, Final

from vespera.application.runtime.context import TaskContext

Handler = Callable[[TaskContext], object]
NO_HANDLER: Final = (
    "it must be an object with a method 'execute(task)', or a function of one argument; async or"
    " not."
)


def handler_of(specialist: object) -> object:
    """The method ``execute``, if there is one; a mock makes one up when asked for it, and only its
    ``dir`` tells whether it was there before.
    """
    if type(specialist) is FunctionType or inspect.isroutine(specialist):
        return specialist
    has_execute = hasattr(type(specialist), "execute") or "execute" in dir(specialist)
    if callable(specialist) and not has_execute:
        return specialist
    return getattr(specialist, "execute", None)


def wrong_with(specialist: object) -> str:
    """Why this can do no task, and what to give instead; "" if nothing speaks against it.

    It is not called. What nobody can tell, as of a mock or a function in C, does not speak against
    it.
    """
    handler = handler_of(specialist)
    if isinstance(specialist, type) or isinstance(handler, type) or not callable(handler):
        return NO_HANDLER
    if _yields(handler):
        return "it yields; let it return what came of the task."
    if not _takes_one(handler):
        return "it cannot be called with one argument, the task; functools.partial gives it others."
    return ""


def _yields(handler: Callable[..., object]) -> bool:
    while isinstance(handler, partial):
        handler = handler.func
    called: Any = getattr(type(handler), "__call__", None)  # noqa: B004  (what it is, not whether)
    return any(
        kind(each)
        for kind in (inspect.isasyncgenfunction, inspect.isgeneratorfunction)
        for each in (handler, called)
    )


def _takes_one(handler: Callable[..., object]) -> bool:
    """What a decorator has made of a function counts, not the function."""
    try:
        signature = inspect.signature(handler, follow_wrapped=False)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True
