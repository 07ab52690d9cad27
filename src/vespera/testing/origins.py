"""Where things were made, as cheaply as that can be known."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ASYNCIO = str(Path(asyncio.__file__).parent)
_HERE = __file__


def caller() -> str:
    """``file.py:12, in function``: who outside of asyncio made the call that is under way."""
    frame = sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_qualname}"


def remember_origins(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task of the loop know who made it."""
    loop.set_task_factory(_task_that_knows)


def origin_of(task: "asyncio.Task[Any]") -> str:
    """Who made the task, or at least where its coroutine begins."""
    known: str | None = getattr(task, "made_at", None)
    return known or definition_of(task.get_coro())


def definition_of(thing: Any) -> str:
    """Where the code of a coroutine or function is."""
    while hasattr(thing, "func"):  # a partial
        thing = thing.func
    thing = getattr(thing, "__func__", thing)
    code = getattr(thing, "__code__", None) or getattr(thing, "cr_code", None)
    if code is None:
        return repr(thing)
    return f"{code.co_filename}:{code.co_firstlineno}, in {code.co_qualname}"


def _task_that_knows(
    loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any
) -> "asyncio.Task[Any]":
    task: Any = asyncio.Task(coro, loop=loop, **kwargs)
    task.made_at = caller()
    return task  # type: ignore[no-any-return]


def _is_machinery(filename: str) -> bool:
    return filename == _HERE or filename.startswith(_ASYNCIO)


MakesTasks = Callable[..., "asyncio.Task[Any]"]
