"""Who waits for what, in words."""

import asyncio
import concurrent.futures
import gc
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from vespera.testing.anyio_threads import calls_in_anyio_threads
from vespera.testing.errors import Deadlock
from vespera.testing.origins import is_library

_MACHINERY = str(Path(asyncio.__file__).parent)
_MOST_TOLD = 20
_STEPS_OF_GENERATORS = frozenset({"async_generator_asend", "async_generator_athrow"})


def all_wait(loop: asyncio.AbstractEventLoop) -> Deadlock:
    """The error that says who of the loop's tasks waits for what."""
    waiting = who_waits(loop)
    return Deadlock(
        "Nothing can happen any more: no callback is ready, no timer is set, nothing is under way"
        f" outside the event loop.\n{waiting}\n"
        "If a thread of your own is to wake one of them, tell the clock: clock.watch(probe)."
    )


def time_cannot_move(loop: Any, seconds: float) -> Deadlock:
    """The error that says what has held virtual time up for so many real seconds."""
    calls = "".join(f"\n  {told}" for token in loop.lent if (told := _described(token)))
    if number := calls_in_anyio_threads(loop):
        calls += f"\n  {number} in anyio's worker threads"
    probes = "".join(f"\n  {probe!r} says {probe()}" for probe in loop.probes if probe())
    return Deadlock(
        f"Time could not move for {seconds:g} s of real time, because something is under way"
        f" outside the event loop:{calls}{probes}\n{who_waits(loop)}\n"
        "A thread must not wait for something that only virtual time brings."
    )


def time_passes_in_vain(loop: Any, seconds: float) -> Deadlock:
    """The error that says that tasks only let time pass while others wait for ever."""
    return Deadlock(
        f"Time passes and nothing comes of it: for {seconds:g} s of real time, until the virtual"
        f" second {loop.time():.0f}, the same tasks have set timers and waited for them, at the"
        f" same places, and what the test waits for has not come.\n{who_waits(loop)}\n"
        "End who lets time pass, or wait with a timeout. If this is to take so long, give the loop"
        " more patience: asyncio.get_running_loop().patience = 60."
    )


def who_waits(loop: asyncio.AbstractEventLoop) -> str:
    """A line for each unfinished task: its name, where it is suspended, and for what it waits."""
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    lines = [f"  {waiting_line(task)}" for task in tasks[:_MOST_TOLD]]
    if len(tasks) > _MOST_TOLD:
        lines.append(f"  ... and {len(tasks) - _MOST_TOLD} more")
    number = "1 task waits" if len(tasks) == 1 else f"{len(tasks)} tasks wait"
    return "\n".join([f"{number} for ever:", *lines])


def waiting_line(task: asyncio.Task[Any]) -> str:
    """``Task-2 (fetch) at shop.py:12, in fetch: waits for <asyncio.locks.Event ...>``."""
    frames = list(_frames(task.get_coro()))
    users = [frame for frame in frames if not is_library(frame.f_code.co_filename)]
    theirs = users or [frame for frame in frames if not _is_asyncio(frame)] or frames
    where = place_of(theirs[-1]) if theirs else "?"
    name = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
    return f"{task.get_name()} ({name}) at {where}: waits for {_awaited(task, frames)}"


def innermost_frame(task: asyncio.Task[Any]) -> FrameType | None:
    """Where the task is suspended."""
    frames = list(_frames(task.get_coro()))
    return frames[-1] if frames else None


def place_of(frame: FrameType) -> str:
    """``file.py:12, in function``."""
    code = frame.f_code
    return f"{os.path.relpath(code.co_filename)}:{frame.f_lineno}, in {code.co_qualname}"


def _frames(awaitable: Any) -> Iterator[FrameType]:
    """Where a suspended coroutine stands: the outermost frame first."""
    while awaitable is not None:
        frame = None
        for kind in ("cr", "gi", "ag"):
            frame = frame or getattr(awaitable, f"{kind}_frame", None)
        if frame is not None:
            yield frame
        awaitable = _awaited_by(awaitable)


def _is_asyncio(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_MACHINERY)


def _awaited_by(awaitable: Any) -> Any:
    if type(awaitable).__name__ in _STEPS_OF_GENERATORS:  # which do not say whose they are
        return next(filter(inspect.isasyncgen, gc.get_referents(awaitable)), None)
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if (found := getattr(awaitable, name, None)) is not None:
            return found
    return None


def _awaited(task: asyncio.Task[Any], frames: list[FrameType]) -> str:
    """The method of asyncio that was called, whatever that has called in turn."""
    awaited, called = getattr(task, "_fut_waiter", None), None
    for frame in reversed(frames):
        if not _is_asyncio(frame):
            break
        owner = frame.f_locals.get("self")
        if owner is None or isinstance(owner, asyncio.Timeout | asyncio.Runner):
            continue
        if called is None or called.f_locals["self"] is not owner:
            called = frame
    if called is not None:
        return f"{called.f_code.co_qualname} of {called.f_locals['self']!r}"
    if isinstance(awaited, asyncio.Task):
        return f"the task {awaited.get_name()}"
    return f"{awaited!r}" if awaited is not None else "its turn"


def _described(token: object) -> str:
    if isinstance(token, concurrent.futures.Future):
        return f"a call in an executor: {getattr(token, 'what', token)}"
    return "" if isinstance(token, asyncio.Future) else repr(token)  # who waits for it is told
