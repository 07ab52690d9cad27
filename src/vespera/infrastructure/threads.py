"""Worker threads for work that would block the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar, TypeVarTuple
from weakref import finalize

Result = TypeVar("Result")
Args = TypeVarTuple("Args")

_Jobs = SimpleQueue[Callable[[], None] | None]


class Threads:
    """Runs blocking functions in a few threads of its own; they start with the first calls.

    ``in_flight`` is the number of calls that have not come back to their callers yet. The threads
    end with ``close``, or when nobody holds this object any more; they never hold up the end of
    the program.
    """

    def __init__(self, size: int = 4) -> None:
        self.in_flight = 0
        self._size = size
        self._jobs: _Jobs = SimpleQueue()
        self._workers: list[Thread] = []
        finalize(self, _dismiss, self._jobs, self._workers).atexit = False

    async def run(self, function: Callable[[*Args], Result], *args: *Args) -> Result:
        """Run ``function`` in a thread and give its result, or raise its error.

        A cancelled call that has not begun is withdrawn. One that has begun is waited for, so that
        nothing happens behind the caller's back; a second cancellation ends the waiting.
        """
        return await self._call(Event(), function, *args)

    async def run_stoppable(self, function: Callable[[Event], Result]) -> Result:
        """Run ``function`` as ``run`` does; it gets an event that is set on cancellation.

        It should then end soon, with whatever result.
        """
        stop = Event()
        return await self._call(stop, function, stop)

    def close(self) -> None:
        """End the threads once the running functions have returned.

        Closing twice is fine; a later ``run`` starts new threads.
        """
        workers, self._workers[:] = tuple(self._workers), []
        _dismiss(self._jobs, workers)
        for worker in workers:
            worker.join()

    async def _call(self, stop: Event, function: Callable[[*Args], Result], *args: *Args) -> Result:
        call: Future[Result] = Future()
        if len(self._workers) < self._size:
            self._start_worker()
        self._jobs.put(lambda: _carry_out(call, function, *args))
        self.in_flight += 1
        try:
            return await _outcome(call, stop)
        finally:
            self.in_flight -= 1

    def _start_worker(self) -> None:
        worker = Thread(target=_work, args=(self._jobs,), name="vespera-worker", daemon=True)
        worker.start()
        self._workers.append(worker)


def _work(jobs: _Jobs) -> None:
    while job := jobs.get():
        job()
        del job  # with it goes the result, which may be large


def _dismiss(jobs: _Jobs, workers: list[Thread] | tuple[Thread, ...]) -> None:
    for _ in workers:
        jobs.put(None)


def _carry_out(call: Future[Result], function: Callable[[*Args], Result], *args: *Args) -> None:
    if not call.set_running_or_notify_cancel():
        return
    try:
        result = function(*args)
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
        call.set_exception(error)
    else:
        call.set_result(result)


async def _outcome(call: Future[Result], stop: Event) -> Result:
    waiting = asyncio.wrap_future(call)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stop.set()
        if not call.cancel():
            await asyncio.wait([waiting])
            waiting.exception()  # told to nobody: the caller has gone
        raise
