"""Worker threads for work that would block the event loop."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from queue import SimpleQueue
from threading import Event, Thread, current_thread
from typing import Any, TypeVar, TypeVarTuple
from weakref import finalize

Result = TypeVar("Result")
Args = TypeVarTuple("Args")

_Jobs = SimpleQueue[Callable[[], None] | None]
logger = logging.getLogger("vespera")


class Threads:
    """Runs blocking functions in a few threads of its own; they start when they are needed.

    The threads end with ``stop`` or ``close``, or when nobody holds this object any more; they
    never hold up the end of the program.

    Args:
        size: how many there are at most; further calls wait for their turn.
        name: what the threads are called.
    """

    def __init__(self, size: int = 4, *, name: str = "vespera-worker") -> None:
        self._size, self._name = size, name
        self._attended = 0
        self._alone: set[Future[Any]] = set()
        self._jobs: _Jobs = SimpleQueue()
        self._workers: list[Thread] = []
        finalize(self, _dismiss, self._jobs, self._workers).atexit = False

    @property
    def in_flight(self) -> int:
        """The number of calls that have not come back to their callers yet, and of those that go
        on although their callers have left.
        """
        return self._attended + len(self._alone)

    async def run(self, function: Callable[[*Args], Result], *args: *Args) -> Result:
        """Run ``function`` in a thread and give its result, or raise its error.

        A cancelled call that has not begun is withdrawn. One that has begun is waited for, so that
        nothing happens behind the caller's back; a second cancellation ends the waiting.
        """
        return await self._run(Event(), function, *args)

    async def run_stoppable(self, function: Callable[[Event], Result]) -> Result:
        """Run ``function`` as ``run`` does; it gets an event that is set on cancellation.

        It should then end soon, with whatever result.
        """
        stop = Event()
        return await self._run(stop, function, stop)

    async def call(self, function: Callable[[], Result], *, what: str = "") -> Result:
        """Run ``function`` as ``run`` does, with the caller's ``contextvars``; but a cancelled call
        that has begun is left to itself, and what comes of it is dropped. See ``BlockingCalls``.
        """
        outcome: Future[Callable[[], Result]] = Future()
        context = copy_context()
        self._submit(outcome, lambda: context.run(_outcome_of, function), what)
        self._attended += 1
        try:
            given = await asyncio.wrap_future(outcome)
        except asyncio.CancelledError:
            if not outcome.cancelled():
                self._leave_alone(outcome, what)
            raise
        finally:
            self._attended -= 1
        return given()

    async def stop(self) -> None:
        """Wait for all calls, also those that were left to themselves, and end the threads.

        If this is cancelled, threads that are at work end when their functions return.
        """
        waiting = [asyncio.wrap_future(call) for call in self._alone]
        try:
            if waiting:
                await asyncio.wait(waiting)
        except asyncio.CancelledError:
            for future in waiting:
                future.cancel()
            _dismiss(self._jobs, self._taken())
            raise
        self.close()

    def close(self) -> None:
        """End the threads once the running functions have returned.

        Closing twice is fine; a later ``run`` starts new threads.
        """
        workers = self._taken()
        _dismiss(self._jobs, workers)
        for worker in workers:
            worker.join()

    async def _run(self, stop: Event, function: Callable[[*Args], Result], *args: *Args) -> Result:
        call: Future[Result] = Future()
        self._submit(call, lambda: function(*args))
        self._attended += 1
        try:
            return await _waited_for(call, stop)
        finally:
            self._attended -= 1

    def _submit(self, call: Future[Result], function: Callable[[], Result], what: str = "") -> None:
        if self.in_flight >= len(self._workers) < self._size:
            self._start_worker()
        self._jobs.put(lambda: _carry_out(call, function, what))

    def _start_worker(self) -> None:
        worker = Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True)
        worker.start()
        self._workers.append(worker)

    def _taken(self) -> list[Thread]:
        workers = list(self._workers)
        self._workers.clear()
        return workers

    def _leave_alone(self, call: Future[Any], what: str) -> None:
        logger.warning("%s goes on in its thread; nobody waits for it any more.", what or "A call")
        self._alone.add(call)
        call.add_done_callback(self._alone.discard)


def _work(jobs: _Jobs) -> None:
    while job := jobs.get():
        job()
        del job  # with it goes the result, which may be large


def _dismiss(jobs: _Jobs, workers: list[Thread]) -> None:
    for _ in workers:
        jobs.put(None)


def _carry_out(call: Future[Result], function: Callable[[], Result], what: str) -> None:
    if not call.set_running_or_notify_cancel():
        return
    thread = current_thread()
    name = thread.name
    if what:
        thread.name = f"{name}: {what}"
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
        call.set_exception(error)
    else:
        call.set_result(result)
    finally:
        thread.name = name


def _outcome_of(function: Callable[[], Result]) -> Callable[[], Result]:
    """What gives the function's result, or raises its error: a future cannot hold any error."""
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
        return _raising(error)
    return lambda: result


def _raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


async def _waited_for(call: Future[Result], stop: Event) -> Result:
    waiting = asyncio.wrap_future(call)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stop.set()
        if not call.cancel():
            await asyncio.wait([waiting])
            waiting.exception()  # told to nobody: the caller has gone
        raise
