"""The database of a simulated process: its work becomes operations of the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from vespera.domain.errors import ForeignEventLoop
from vespera.infrastructure.persistence.errors import is_busy
from vespera.infrastructure.persistence.file_lock import never
from vespera.infrastructure.persistence.lane import Done, GivenUp, Lane, Work
from vespera.testing.sim.loop import SimulatedLoop, name_of, outcome_of, settling
from vespera.testing.sim.operations import COMMIT, READ, SESSION, Deliver, Operation
from vespera.testing.sim.sql import described
from vespera.testing.world_database import WorldDatabase

T = TypeVar("T")
_SHARED_CALLS = frozenset({"execute", "executemany", "executescript", "commit", "rollback"})


class SimulatedLane(Lane):
    """A lane whose work is done on the loop, when the loop says so."""

    def __init__(
        self,
        database: WorldDatabase,
        who: str,
        *,
        name: str,
        inline: bool,
        patience: float,
        wary: bool = False,
    ) -> None:
        super().__init__(name=name, inline=True, patience=patience)
        self._database = database
        self._who = who
        self._sessions: list[Any] = []

    async def open(self, connect: Callable[[], Any]) -> None:
        """See ``Lane.open``."""
        self._connection = connect()

    async def run(self, work: Work[T]) -> T:
        """See ``Lane.run``."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(value: Any, error: BaseException | None) -> None:
            settling(result, value, error)()

        self._ask(READ, work, done, result.cancelled)
        return await result

    def submit(
        self, work: Work[T], done: Done, given_up: GivenUp = never, *, aside: bool = False
    ) -> None:
        """See ``Lane.submit``."""
        self._ask(COMMIT, work, done, given_up)

    async def close(self) -> None:
        """See ``Lane.close``."""
        if self._connection is not None:
            await self.run(lambda _connection: None)  # behind all that was asked before
            self._close_connection()

    def adopt(self, connection: Any) -> None:
        """Let a session's connection work on the loop, too."""
        work = _SessionWork(self, self._database, self._who, connection)
        connection._tx, connection._thread = work, _NoThread()  # noqa: SLF001
        self._sessions.append(work)

    def abandon(self) -> None:
        """Close everything, as the system does when the process has died."""
        self._close_connection()
        for session in self._sessions:
            session.kill()

    def _ask(self, kind: str, work: Work[Any], done: Done, given_up: GivenUp) -> None:
        loop = simulated_loop()
        until = loop.time() + self._patience
        self.in_flight += 1

        def act() -> Deliver | None:
            version = self._database.version if operation.shared else 0
            statements: list[str] = []
            connection = self._open_connection()
            connection.set_trace_callback(statements.append)
            value, error = outcome_of(lambda: work(connection))
            if self._connection is not None:
                connection.set_trace_callback(None)
            if error and is_busy(error) and not given_up() and loop.time() < until:
                return None
            operation.full = "; ".join(statements)
            if operation.shared:
                operation.detail = described(statements)
                if self._database.version != version:
                    operation.changes.add(COMMIT)
            return lambda: self._deliver(done, value, error)

        operation = Operation(kind, "", self, act, shared=kind != READ, who=self._who)
        loop.submit(operation)

    def _deliver(self, done: Done, value: object, error: BaseException | None) -> None:
        self.in_flight -= 1
        done(value, error)


class _SessionWork:
    """Takes the place of the queue to the thread of an aiosqlite connection."""

    def __init__(self, lane: SimulatedLane, database: WorldDatabase, who: str, proxy: Any) -> None:
        self._lane = lane
        self._proxy = proxy
        self._database = database
        self._who = who
        self._connection: Any = None
        self._statements: list[str] = []

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, call = job
        if future is None:  # it was forgotten without being closed
            with suppress(Exception):
                call()
            return
        loop = simulated_loop()
        loop.lent.discard(future)
        until = loop.time() + self._lane._patience  # noqa: SLF001
        name = name_of(call)

        def act() -> Deliver | None:
            version = self._database.version
            value, error = outcome_of(call)
            if error and is_busy(error) and not future.cancelled() and loop.time() < until:
                return None
            self._take_note_of(value)
            if self._database.version != version:
                operation.changes.add(COMMIT)
                operation.detail = described(self._statements)
                operation.full = "; ".join(self._statements)
                self._statements.clear()
            return settling(future, value, error)

        operation = Operation(
            SESSION, name, self, act, shared=name.split(" ")[0] in _SHARED_CALLS, who=self._who
        )
        loop.submit(operation)

    def kill(self) -> None:
        """Let go of every lock, although dead frames still hold the cursors."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._proxy._connection = None  # noqa: SLF001  # it has nothing to complain of

    def _take_note_of(self, value: Any) -> None:
        if hasattr(value, "begin_if_writing"):  # the connection itself, just opened
            self._connection = value
            value._patience = 0.0  # noqa: SLF001  # the loop is patient, in virtual time
            value.set_trace_callback(self._statements.append)


class _NoThread:
    daemon = True

    def start(self) -> None:
        """There is none."""

    def join(self, timeout: float | None = None) -> None:
        """There is none."""

    def is_alive(self) -> bool:
        return False


def simulated_loop() -> SimulatedLoop:
    """The running loop."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimulatedLoop):
        raise ForeignEventLoop(
            "A part of a simulated process is used outside of the process's event loop."
        )
    return loop
