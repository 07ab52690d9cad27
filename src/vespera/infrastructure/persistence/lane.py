"""One connection, and the work that waits for it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from vespera.infrastructure.persistence.errors import is_busy
from vespera.infrastructure.persistence.file_lock import never, patiently

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Done = Callable[[Any, BaseException | None], None]
GivenUp = Callable[[], bool]
_Job = Callable[[], None]

_SLOW = 0.002
"""Seconds for which work may hold up the event loop."""

_SLOW_SPELL = 100
"""How many pieces of work, after a slow one, the loop is spared."""


class Lane:
    """A connection on which one piece of work follows the other, in the order of asking.

    A file's lane works in a daemon thread of its own, so that the disk never holds up the event
    loop. A lane of memory (``inline``) works on the loop at once, and goes to a thread only to
    wait for somebody else's lock. So does a file's lane that flushes no disk at each commit
    (``inline`` and ``wary``), where the way to a thread and back takes longer than the work; but
    one piece of work that was slow sends the next hundred to the thread.

    Work that meets such a lock must have changed nothing: it is done again, for ``patience``
    seconds at most, unless it is given up meanwhile. The connection itself does not wait; SQLite
    could not be called off.
    """

    def __init__(self, *, name: str, inline: bool, patience: float, wary: bool = False) -> None:
        self._name = name
        self._inline = inline
        self._wary = wary
        self._patience = patience
        self._slow_spell = 0
        self._connection: sqlite3.Connection | None = None
        self._jobs: SimpleQueue[_Job | None] | None = None
        self._thread: threading.Thread | None = None
        self.in_flight = 0

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Make the connection; where work is or may be done in a thread, it is made there."""
        if self._inline and not self._wary:
            self._connection = connect()
            return
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def make() -> None:  # kept there already: whoever is cancelled here closes the lane
            self._connection = self._patiently(connect, opened.cancelled)

        self._hand_over(make, _answering(opened))
        await opened

    async def run(self, work: Work[T]) -> T:
        """What ``work`` gives for the connection. Cancelled, its outcome is not waited for."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.submit(work, _answering(result), result.cancelled)
        return await result

    def submit(
        self, work: Work[T], done: Done, given_up: GivenUp = never, *, aside: bool = False
    ) -> None:
        """Do ``work``, then call ``done(result, None)`` or ``done(None, error)`` on the loop.

        Once ``given_up`` (asked in any thread), it waits for no lock any more. ``aside``: do it in
        the thread, as it is known to be slow.
        """
        if not aside and self._may_work_inline():
            try:
                result = self._timed(work)
            except Exception as error:  # noqa: BLE001 -- handed to whoever asked for the work
                if not is_busy(error):
                    done(None, error)
                    return
            else:
                done(result, None)
                return
        self._hand_over(
            lambda: self._patiently(lambda: work(self._open_connection()), given_up), done
        )

    def _may_work_inline(self) -> bool:
        if not self._inline or self.in_flight:
            return False
        self._slow_spell = max(self._slow_spell - 1, 0)
        return not self._slow_spell

    def _timed(self, work: Work[T]) -> T:
        if not self._wary:
            return work(self._open_connection())
        time = asyncio.get_running_loop().time
        started = time()
        try:
            return work(self._open_connection())
        finally:
            if time() - started > _SLOW:
                self._slow_spell = _SLOW_SPELL

    def adopt(self, connection: object) -> None:
        """Told of a session's connection before it opens; it works in a thread of its own."""

    async def close(self) -> None:
        """Finish all work, close the connection, end the thread."""
        if self._jobs is None:
            self._close_connection()
            return
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hand_over(self._close_connection, _answering(closed))
        await closed
        self._end_thread()

    def abandon(self) -> None:
        """Close the connection when its work is done, without waiting for that."""
        if self._jobs is None:
            self._close_connection()
        else:
            self._jobs.put(self._close_connection)
            self._jobs.put(None)

    def _hand_over(self, job: Callable[[], object], done: Done) -> None:
        loop = asyncio.get_running_loop()
        self.in_flight += 1

        def back_on_loop(result: object, error: BaseException | None) -> None:
            self.in_flight -= 1
            done(result, error)

        self._queue().put(lambda: _carry_out(job, loop, back_on_loop))

    def _queue(self) -> SimpleQueue[_Job | None]:
        if self._jobs is None:
            self._jobs = SimpleQueue()
            # The thread knows the queue alone: a lane that is forgotten can still be collected.
            self._thread = threading.Thread(
                target=_serve, args=(self._jobs,), name=self._name, daemon=True
            )
            self._thread.start()
        return self._jobs

    def _patiently(self, attempt: Callable[[], T], given_up: GivenUp) -> T:
        return patiently(attempt, seconds=self._patience, busy=is_busy, given_up=given_up)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        return self._connection

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _end_thread(self) -> None:
        jobs, thread = self._jobs, self._thread
        self._jobs = self._thread = None
        if jobs is not None and thread is not None:
            jobs.put(None)
            thread.join()


def _answering(future: asyncio.Future[Any]) -> Done:
    def answer(result: object, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    return answer


def _serve(jobs: "SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # what it holds must not live until the next one comes


def _carry_out(job: Callable[[], object], loop: asyncio.AbstractEventLoop, done: Done) -> None:
    result: object = None
    failure: BaseException | None = None
    try:
        result = job()
    except BaseException as error:  # noqa: BLE001 -- raised again where the work was asked for
        failure = error
    with suppress(RuntimeError):  # the loop was closed: nobody waits for the outcome any more
        loop.call_soon_threadsafe(done, result, failure)
