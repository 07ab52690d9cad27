"""Where things were made, as cheaply as that can be known."""

import asyncio
import contextvars
import functools
import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

_LIBRARIES = (
    str(Path(os.__file__).parent),
    sysconfig.get_path("purelib"),
    str(Path(__file__).parents[1]),
    "<frozen",
)
_ASYNCIO = str(Path(asyncio.__file__).parent)
_run: contextvars.ContextVar[int] = contextvars.ContextVar("vespera_run", default=0)
_last_run = 0
_timers: WeakKeyDictionary[asyncio.TimerHandle, str] = WeakKeyDictionary()


def caller() -> str:
    """``file.py:12, in function``: the innermost line under way that is no library's.

    Within a task that libraries alone have made, it is where that was asked for.
    """
    frame = innermost = sys._getframe(1)  # noqa: SLF001
    while frame.f_code.co_filename.startswith(_LIBRARIES):
        if frame.f_back is None:
            return _origin_of_this_task() or _place_of(innermost)
        frame = frame.f_back
    return _place_of(frame)


def is_library(file: str) -> bool:
    """Whether a file belongs to Python, an installed package, or this one."""
    return file.startswith(_LIBRARIES)


def remember_origins(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task of the loop know who made it, and in which run of the loop."""
    loop.set_task_factory(_task_that_knows)


def remember_timers(loop: Any) -> None:
    """Note who sets the loop's timers."""
    set_timer = loop.call_at

    def call_at(when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        timer = set_timer(when, callback, *args, context=context)
        _timers[timer] = caller()
        return timer

    loop.call_at = call_at  # which call_later calls, too


def last_run() -> int:
    """The number of the last run of a loop that began: of a test, say, or of a fixture. What is
    made in a run, by whatever task or callback that comes of it, is of that run.
    """
    return _last_run


def run_of(thing: Any) -> int:
    """The number of the run in which a task or timer was made; 0 if nobody noted it."""
    if isinstance(thing, asyncio.Handle):
        return int(thing._context.get(_run, 0))  # type: ignore[attr-defined]  # noqa: SLF001
    return getattr(thing, "run", 0)


def is_made_by_library(task: "asyncio.Task[Any]") -> bool:
    """Whether a library made the task, for purposes of its own."""
    return getattr(task, "by_library", True)


def origin_of(task: "asyncio.Task[Any]") -> str:
    """Who made the task, or at least where its coroutine begins."""
    known: str | None = getattr(task, "made_at", None)
    return known or definition_of(task.get_coro())


def origin_of_timer(timer: Any) -> str | None:
    """Who set the timer, if that is known."""
    known: str | None = getattr(timer, "made_at", None) or _timers.get(timer)
    return known


def definition_of(thing: Any) -> str:
    """Where the code of a coroutine or function is."""
    while isinstance(thing, functools.partial):  # as `to_thread` makes one of `Context.run`
        runs = isinstance(getattr(thing.func, "__self__", None), contextvars.Context)
        thing = thing.args[0] if runs else thing.func
    thing = getattr(thing, "__func__", thing)
    code = getattr(thing, "__code__", None) or getattr(thing, "cr_code", None)
    if code is None:
        return repr(thing)
    return f"{code.co_filename}:{code.co_firstlineno}, in {code.co_qualname}"


def _task_that_knows(
    loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any
) -> "asyncio.Task[Any]":
    if not loop.is_running():
        _begin_run(kwargs.setdefault("context", contextvars.copy_context()))
    task: Any = asyncio.Task(coro, loop=loop, **kwargs)
    task.made_at, task.by_library = caller(), _is_library_at_work()
    context = kwargs.get("context")
    task.run = _run.get() if context is None else context.get(_run, 0)
    return task  # type: ignore[no-any-return]


def _begin_run(context: contextvars.Context) -> None:
    global _last_run  # noqa: PLW0603  # a count of what happens in the process
    _last_run += 1
    context.run(_run.set, _last_run)


def _is_library_at_work() -> bool:
    """Whether a library has called asyncio, rather than the user."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    while frame is not None and frame.f_code.co_filename.startswith(_ASYNCIO):
        frame = frame.f_back
    return frame is None or is_library(frame.f_code.co_filename)


def _origin_of_this_task() -> str | None:
    if asyncio._get_running_loop() is None:  # noqa: SLF001  # documented, and gives None
        return None
    origin: str | None = getattr(asyncio.current_task(), "made_at", None)
    return origin


def _place_of(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_qualname}"
