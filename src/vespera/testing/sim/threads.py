"""The worker threads of a simulated process, which are none."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, TypeVarTuple

from vespera.infrastructure.threads import Threads
from vespera.testing.sim.changes import CutOff, FileChanges, snapshot, tear
from vespera.testing.sim.lanes import simulated_loop
from vespera.testing.sim.loop import name_of, outcome_of, settling
from vespera.testing.sim.operations import THREAD, Deliver, Operation

Result = TypeVar("Result")
Args = TypeVarTuple("Args")
Call = Callable[[], Any]
FILE = "file"
_READS = frozenset({"locate", "observe", "read"})


class SimulatedThreads(Threads):
    """Calls each function on the loop, as an operation."""

    def __init__(self, who: str) -> None:
        super().__init__(0)
        self._who = who

    async def run(self, function: Callable[[*Args], Result], *args: *Args) -> Result:
        """See ``Threads.run``."""
        return await self._simulate(Event(), partial(function, *args))

    async def run_stoppable(self, function: Callable[[Event], Result]) -> Result:
        """See ``Threads.run_stoppable``."""
        stop = Event()
        return await self._simulate(stop, partial(function, stop))

    async def call(self, function: Callable[[], Result], *, what: str = "") -> Result:
        """See ``Threads.call``. An operation is done at once, so that there is nobody to leave."""
        return await self._simulate(Event(), partial(copy_context().run, function))

    async def _simulate(self, stop: Event, call: "partial[Result]") -> Result:
        loop = simulated_loop()
        future: asyncio.Future[Result] = loop.create_future()
        name = name_of(call)

        def act() -> Deliver:
            return settling(future, *loop.carry(operation, call))

        operation = Operation(
            THREAD, name, future, act, shared=name.split(" ")[0] not in _READS, who=self._who
        )
        loop.submit(operation)
        self._attended += 1
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set()
            if not loop.withdraw(operation):
                await asyncio.wait([future])
                future.exception()  # told to nobody: the caller has gone
            raise
        finally:
            self._attended -= 1


def watched(
    places: Sequence[Path], tears: Callable[[Operation], bool], operation: Operation, call: Call
) -> tuple[Any, BaseException | None]:
    """The outcome of a call in a thread; the operation is told which files it changes.

    If the process is to die in the middle of it, what it writes is cut off half-way.
    """
    is_torn = tears(operation)
    changes = FileChanges(cut=is_torn)
    before = snapshot(places) if is_torn else {}
    outcome: tuple[Any, BaseException | None] = (None, None)
    with changes.watched(), suppress(CutOff):
        outcome = outcome_of(call)
    if is_torn:
        tear(places, before)
    operation.tears = changes.writes
    if changes.any:
        operation.changes.add(FILE)
    return outcome
