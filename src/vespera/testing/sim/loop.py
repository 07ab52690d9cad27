"""An event loop on which nothing happens by chance, and which can stop for good anywhere."""

import asyncio
import concurrent.futures
import heapq
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from vespera.testing.loop import VirtualLoop
from vespera.testing.sim.errors import RestlessLife
from vespera.testing.sim.operations import THREAD, Deliver, Operation

T = TypeVar("T")
Args = TypeVarTuple("Args")
Carry = Callable[[Operation, Callable[[], Any]], tuple[Any, BaseException | None]]

_AGAIN = 0.01  # virtual seconds until a lock is asked for again
_MOST_TURNS = 1_000  # with callbacks ready all the time, after which the outside comes first


class Director:
    """Decides what the loop leaves open. This one decides as a fast and faithful world would:
    everything is done in the order of asking, at once, and nobody dies.
    """

    def choose(self, candidates: Sequence[Operation]) -> int:
        """Which of several pending operations comes next; the oldest is the first of them."""
        return 0

    def delay(self, operation: Operation) -> float:
        """Virtual seconds by which the operation comes later than it was asked for."""
        return 0.0

    def lateness(self, operation: Operation) -> float:
        """Virtual seconds by which its outcome is delivered after it was carried out."""
        return 0.0

    def dies_before(self, operation: Operation) -> bool:
        """Whether the process dies when it is about to carry this out."""
        return False

    def dies_after(self, operation: Operation) -> bool:
        """Whether the process dies when it has carried this out, and nobody was told."""
        return False

    def dies_now(self, event: int) -> bool:
        """Whether the process dies after this event: a callback or an operation, from 1."""
        return False


class SimulatedLoop(VirtualLoop):
    """Callbacks run in asyncio's order; when none is ready, one pending operation is carried out,
    which one the ``director`` chooses; when none is pending, time jumps to the next timer.

    Operations are all that reaches beyond the memory of the process: the database, threads, the
    services of a ``World``. So the same choices lead to the same life, and a life can end between
    any two events: then no callback and no operation of it happens any more, and no ``except`` or
    ``finally`` is run.
    """

    most_events = 200_000  # in one life; what goes on for longer will not come to rest

    def __init__(self, director: Director, *, start: float = 0.0) -> None:
        """Begin at ``start``, in virtual seconds."""
        super().__init__()
        self._jump(start)
        self._director = director
        self._pending: list[Operation] = []
        self._turns = 0
        self.events = 0
        self.operations = 0
        self.dead = False
        self.carry: Carry = _carry
        self.current: Operation | None = None

    def submit(self, operation: Operation) -> None:
        """Let the operation be carried out when nothing else is ready."""
        self.operations += 1
        operation.number = self.operations
        delay = self._director.delay(operation)
        if delay:
            self.call_later(delay, self._pending.append, operation)
        else:
            self._pending.append(operation)

    def withdraw(self, operation: Operation) -> bool:
        """Whether the operation will never be carried out: nobody wants it any more."""
        if operation.begun:
            return False
        operation.begun = True
        if operation in self._pending:
            self._pending.remove(operation)
        return True

    def die(self) -> None:
        """Stop for good."""
        self.dead = True
        self._stopping = True

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Args], T],
        *args: *Args,
    ) -> asyncio.Future[T]:
        """As asyncio's, but on this thread, as an operation."""
        future: asyncio.Future[T] = self.create_future()

        def act() -> Deliver:
            return settling(future, *self.carry(operation, partial(func, *args)))

        operation = Operation(THREAD, name_of(func, args), future, act)
        future.add_done_callback(lambda done: done.cancelled() and self.withdraw(operation))
        self.submit(operation)
        return future

    def create_future(self) -> asyncio.Future[Any]:
        """As asyncio's. Only the threads of a user's own aiosqlite are waited for."""
        future: asyncio.Future[Any] = asyncio.Future(loop=self)
        if sys._getframe(1).f_globals.get("__name__") == "aiosqlite.core":  # noqa: SLF001
            self.lent.add(future)
            future.add_done_callback(self.lent.discard)
        return future

    def _run_once(self) -> None:
        self._turns += 1
        if self._turns > _MOST_TURNS:  # somebody asks for turn after turn, waiting for something
            self._turns = 0
            self._when_idle()
        while not (self._ready or self._stopping or self._is_due()):
            self._turns = 0
            self._when_idle()
        while self._is_due():
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # noqa: SLF001  # as asyncio does
            self._ready.append(timer)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:  # noqa: SLF001  # as asyncio does
                handle._run()  # noqa: SLF001
                self._happened()
            if self.dead:
                return

    def _happened(self) -> None:
        self.events += 1
        if self._director.dies_now(self.events):
            self.die()
        elif self.events > self.most_events:
            raise RestlessLife(
                f"After {self.events:,} events, at {self.time():,.0f} virtual seconds, there was"
                " still something to do: something asks again and again, without end."
            )

    def _when_idle(self) -> None:
        heads = self._heads()
        if not heads:
            if self._ready:
                self._jump(self._next_timer() or self.time())
            else:
                super()._when_idle()
            return
        unshared = next((head for head in heads if not head.shared), None)
        if unshared is not None:
            self._carry_out(unshared)
            return
        self._carry_out(heads[self._director.choose(heads) if len(heads) > 1 else 0])

    def _heads(self) -> list[Operation]:
        """The pending operations that no other of their line precedes, in the order of asking."""
        heads: dict[object, Operation] = {}
        for operation in self._pending:
            heads.setdefault(operation.line, operation)
        return list(heads.values())

    def _carry_out(self, operation: Operation) -> None:
        self._pending.remove(operation)
        if self._director.dies_before(operation):
            self.die()
            return
        self.current = operation
        operation.begun = True
        deliver = operation.act()
        self.current = None
        if deliver is None:
            operation.begun = False
            self.call_later(_AGAIN, self._pending.insert, 0, operation)
            return
        if self._director.dies_after(operation):
            self.die()
            return
        late = self._director.lateness(operation)
        if late:
            self.call_later(late, deliver)
        else:
            deliver()
        self._happened()


def outcome_of(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """The result of a call, or its error."""
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001  # raised where the call was asked for
        return None, error


def _carry(_operation: Operation, function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    return outcome_of(function)


def settling(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> Deliver:
    """What gives the outcome to whoever waits for the future."""

    def deliver() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    return deliver


def name_of(function: Callable[..., object], args: Sequence[object] = ()) -> str:
    """``write 'report.txt'`` for a call of ``_write("report.txt", b"...")``."""
    inner: Any = function
    while isinstance(inner, partial):
        called = inner.args and getattr(inner.func, "__name__", "") == "run"  # a Context's
        args = inner.args[1:] if called else (*inner.args, *args)
        inner = inner.args[0] if called else inner.func
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    name = name.partition(".<locals>")[0].rpartition(".")[2].strip("_")
    texts = [repr(arg) for arg in args if isinstance(arg, str)]
    return " ".join([name, *texts[:1]])
