"""An event loop whose time passes only while nothing else happens."""

import asyncio
import concurrent.futures
import heapq
import itertools
import math
import selectors
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, TypeVarTuple

from vespera.testing.anyio_threads import calls_in_anyio_threads
from vespera.testing.deadlock import all_wait, time_cannot_move, time_passes_in_vain
from vespera.testing.errors import Deadlock
from vespera.testing.origins import caller, definition_of, remember_origins
from vespera.testing.outside import Outside
from vespera.testing.treadmill import Treadmill

T = TypeVar("T")
Args = TypeVarTuple("Args")
Probe = Callable[[], int]

_WRITER = "vespera.infrastructure.persistence.writer"
_ANSWERED_BY_THREADS = frozenset(
    {
        "aiosqlite.core",
        "asyncio.futures",  # `wrap_future`: the result of a `concurrent.futures` executor
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "vespera.infrastructure.persistence.lane",
        _WRITER,
    }
)
"""Modules that make a future on the loop and let a thread answer it."""

_POLLS = 1_000  # turns in which tasks only asked for another turn, after which time passes
_PROBING = 0.001  # real seconds between two looks at probes, which cannot wake the loop


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, which begins at 0 and jumps.

    Ready callbacks run as asyncio runs them, in the same order, and sockets are polled in each
    turn. When nothing is ready, and nothing is under way outside the loop, time jumps to the next
    timer; timers of the same moment come in the order in which they were set. When there is
    nothing at all to wait for, the task that the loop runs is cancelled, and ``Deadlock`` tells
    who waited for what.

    Under way outside are: calls in executors and threads (``run_in_executor``, ``to_thread`` of
    asyncio and anyio), aiosqlite's and Vespera's database work, and what ``watch`` was told of.
    They take no virtual time, however long they take. For child processes, and for sockets whose
    other end is not on this loop, it waits really for a little while before it jumps
    (``patience``, ``grace``).

    Attributes:
        grace: real seconds without news from a foreign socket after which time may jump.
        patience: real seconds without news from anybody outside after which to give up: time
            jumps in spite of a child process; a call in a thread is told in a ``Deadlock``.
    """

    grace = 0.05
    patience = 10.0

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._now = 0.0
        self._numbers = itertools.count()
        self.lent: set[object] = set()
        self.queued: set[object] = set()  # those of `lent` that wait for a commit
        self.late_commits = 0  # so many wait for time to pass, and all that is queued with them
        self.probes: list[Probe] = []
        self._quiet: list[asyncio.Future[None]] = []
        self._hoping: list[asyncio.Future[None]] = []
        self._main: asyncio.Future[Any] | None = None
        self._deadlock: Deadlock | None = None
        self._polls = 0
        self._was_quiet = False
        super().__init__(selector)
        self._outside, self._treadmill = Outside(self), Treadmill(self)
        remember_origins(self)

    # ---- for tests

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def watch(self, probe: Probe) -> None:
        """Let no time pass while ``probe()`` is not 0: so many things are under way elsewhere."""
        self.probes.append(probe)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let no time pass while the block runs: something is under way outside."""
        token = object()
        self.lent.add(token)
        try:
            yield
        finally:
            self.lent.discard(token)

    async def quiet(self) -> None:
        """Return when nothing more can happen without time passing."""
        waiter = self.create_future()
        self._quiet.append(waiter)
        await waiter

    async def news(self) -> None:
        """Return when something has happened after a time in which nothing could: a timer came,
        or something outside was heard of.
        """
        waiter = self.create_future()
        self._hoping.append(waiter)
        await waiter

    @property
    def in_flight(self) -> int:
        """How many things are under way outside the loop."""
        return len(self.lent) - self._queued_behind_late_ones() + self._others_in_flight()

    def _others_in_flight(self) -> int:
        return calls_in_anyio_threads(self) + sum(probe() for probe in self.probes)

    def _queued_behind_late_ones(self) -> int:
        return len(self.queued) if self.late_commits else 0

    # ---- for loops that decide otherwise

    def _when_idle(self) -> None:
        """Nothing is ready: bring something about.

        A subclass may decide what happens next. When this returns, a callback is ready, or
        something outside has been given a little time; if not, it is called again.
        """
        if self._heard(0):
            return
        if self.in_flight:
            self._wait_for_outside()
        elif self._linger():
            return
        elif self._quiet:
            self._tell_quiet()
        else:
            self._pass_time()

    def _pass_time(self) -> None:
        """Jump to the next timer; without one, nothing will ever happen again."""
        when = self._next_timer()
        if when is None:
            self._give_up(all_wait(self))
        elif self._treadmill.is_trodden(self._main, self.patience):
            self._give_up(time_passes_in_vain(self, self.patience))
        else:
            self._jump(when)

    def _jump(self, when: float) -> None:
        """Let it be ``when``, if that is not past: timers due until then become ready."""
        self._now = max(self._now, when)
        # asyncio fires what is due within this resolution; it must be seen in a large float.
        self._clock_resolution = max(1e-9, 2 * math.ulp(self._now))
        self._hoping = _told(self._hoping)

    def _next_timer(self) -> float | None:
        """When the next timer is due; those that were cancelled are dropped."""
        while self._scheduled and self._scheduled[0]._cancelled:  # noqa: SLF001  # as asyncio does
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False  # noqa: SLF001
        when: float = self._scheduled[0].when() if self._scheduled else math.inf
        return None if when == math.inf else when

    def _heard(self, seconds: float) -> bool:
        """Whether a callback is ready once sockets were polled, for real seconds at most."""
        self._process_events(self._selector.select(seconds))
        return bool(self._ready)

    # ---- what happens inside

    def _run_once(self) -> None:
        if self._is_polling():
            self._pass_time_for_pollers()
        if not (self._ready or self._stopping):
            self._be_idle()
        super()._run_once()  # type: ignore[misc]

    def _be_idle(self) -> None:
        while not (self._ready or self._stopping or self._is_due()):
            self._when_idle()
        if not self._was_quiet:
            self._hoping = _told(self._hoping)
        self._was_quiet = False

    def _is_due(self) -> bool:
        when = self._next_timer()
        return when is not None and when <= self._now

    def _is_polling(self) -> bool:
        """Whether for many turns all tasks that ran have done nothing but ask for another turn."""
        only_steps = bool(self._ready) and all(map(_is_bare_step, self._ready))
        self._polls = self._polls + 1 if only_steps else 0
        return self._polls > _POLLS

    def _pass_time_for_pollers(self) -> None:
        self._polls = 0
        if self.in_flight:
            return
        when = self._next_timer()
        if self._quiet:
            self._tell_quiet()
        elif when is not None:
            self._jump(when)

    def _wait_for_outside(self) -> None:
        """Wait until something outside has happened, and give up when it does not."""
        waited = 0.0
        while self.in_flight and not self._heard(pause := self._pause()):
            waited += pause
            if waited >= self.patience:
                self._give_up(time_cannot_move(self, waited))
                return

    def _pause(self) -> float:
        """What lies in threads wakes the loop when it is done; probes must be asked."""
        return _PROBING if self._others_in_flight() else self.patience

    def _linger(self) -> bool:
        """Whether those outside had something to say, in a little real time."""
        when, outside = self._next_timer(), self._outside
        if self._quiet:
            seconds = outside.time_to_speak(self.grace)
        elif when is None:
            seconds = outside.time_as_the_last_hope(self.patience)
        else:
            seconds = outside.time_before_a_timer(
                when - self._now, grace=self.grace, patience=self.patience
            )
        return seconds > 0 and self._heard(seconds)

    def _tell_quiet(self) -> None:
        self._was_quiet = True  # which is no news
        self._quiet = _told(self._quiet)

    def _give_up(self, deadlock: Deadlock) -> None:
        """End the task that the loop runs, so that it cleans up; if it cannot even do that, or
        there is none, end the loop.
        """
        if self._main is None or self._main.done() or self._deadlock is not None:
            raise deadlock
        self._deadlock = deadlock
        self._main.cancel()

    # ---- what asyncio does, and we have to know of

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """As asyncio's.

        Raises:
            Deadlock: nothing could happen any more before it was done.
        """
        main: Any = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        if main is not future:
            main._log_destroy_pending = False  # as asyncio does  # noqa: SLF001
        outer, self._main, self._deadlock = self._main, main, None
        try:
            result: T = super().run_until_complete(main)
        except asyncio.CancelledError:
            self._raise_deadlock()
            raise
        finally:
            self._main = outer
        self._raise_deadlock()
        return result

    def _raise_deadlock(self) -> None:
        deadlock, self._deadlock = self._deadlock, None
        if deadlock is not None:
            raise deadlock from None

    def create_future(self) -> asyncio.Future[Any]:
        """As asyncio's."""
        future = super().create_future()
        module = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001  # who asks for it
        if module in _ANSWERED_BY_THREADS:
            self.lent.add(future)
            future.add_done_callback(self.lent.discard)
        if module == _WRITER:
            self.queued.add(future)
            future.add_done_callback(self.queued.discard)
        return future

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's; timers of the same moment keep their order."""
        if when is None:
            raise TypeError("when cannot be None")
        self._check_closed()
        timer = _Timer(when, callback, args, self, context)
        timer.number, timer.made_at = next(self._numbers), caller()
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # noqa: SLF001  # as asyncio does
        return timer

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Args], T],
        *args: *Args,
    ) -> asyncio.Future[T]:
        """As asyncio's."""
        lending = _Lending(executor or self._pool())
        future = super().run_in_executor(lending, func, *args)  # type: ignore[arg-type]
        call = lending.call
        call.what = definition_of(func)  # type: ignore[attr-defined]
        self.lent.add(call)
        call.add_done_callback(self._came_back)  # after asyncio's own, which hands over the result
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """As asyncio's."""
        with self.holding():
            await super().shutdown_default_executor(*args)

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._make_subprocess_transport(*args, **kwargs)  # type: ignore[misc]
        self._outside.children.add(transport)
        return transport

    def _pool(self) -> concurrent.futures.Executor:
        self._check_default_executor()
        if self._default_executor is None:
            self._default_executor = concurrent.futures.ThreadPoolExecutor(
                thread_name_prefix="asyncio"
            )
        return self._default_executor

    def _came_back(self, call: concurrent.futures.Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self.call_soon_threadsafe(self.lent.discard, call)

    # What asyncio's own loops have, and its type stubs do not.
    _ready: Any
    _scheduled: Any
    _stopping: bool
    _selector: selectors.BaseSelector
    _timer_cancelled_count: int
    _clock_resolution: float
    _default_executor: concurrent.futures.Executor | None
    _check_closed: Callable[[], None]
    _check_default_executor: Callable[[], None]
    _process_events: Callable[[Any], None]


class _Timer(asyncio.TimerHandle):
    """A timer that comes after those of the same moment that were set before it."""

    __slots__ = ("made_at", "number")
    made_at: str
    number: int
    _when: float
    _scheduled: bool

    def __lt__(self, other: Any) -> bool:
        when: float = other.when()
        return self._when < when or (self._when == when and self.number < other.number)


class _Lending:
    """An executor that remembers the call it was given."""

    call: concurrent.futures.Future[Any]

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        self._executor = executor

    def submit(self, func: Callable[..., T], *args: Any) -> concurrent.futures.Future[T]:
        self.call = call = self._executor.submit(func, *args)
        return call


def _told(waiters: list[asyncio.Future[None]]) -> list[asyncio.Future[None]]:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    return []


def _is_bare_step(handle: Any) -> bool:
    """Whether a task is to go on that waits for nothing: it is new, or has slept for 0 seconds."""
    kind: str = type(handle._callback).__name__  # noqa: SLF001
    return kind == "TaskStepMethWrapper"
