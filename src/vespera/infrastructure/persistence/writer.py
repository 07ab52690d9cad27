"""Group commit: all units of work that wait are committed in one transaction.

A commit costs a disk flush, whatever it holds. So units that are handed over while the last
commit is under way, or within the same turn of the event loop, share the next one. Each caller is
woken after the commit that holds its unit. No timer is involved: the batch grows with the load,
and a lone caller pays no delay.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Sequence
from functools import partial

from vespera.domain.errors import StorageError
from vespera.infrastructure.persistence.errors import is_busy, storage_error
from vespera.infrastructure.persistence.file_lock import FileLock, patiently
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.pinned_file import PinnedFile
from vespera.infrastructure.persistence.statements import Rows, Write
from vespera.infrastructure.persistence.write_ahead_log import WriteAheadLog

logger = logging.getLogger("vespera")
Writes = Sequence[Write]
_Result = list[Rows] | Exception

_SETTLE = 2
"""Turns of the loop that a commit waits at most while further units still arrive."""

_AT_ONCE = 4
"""Callers that are woken in one turn of the loop; all others' callbacks come in between."""

_PATIENCE_HALFWAY = 1.0
"""Seconds for a lock that somebody took while a batch was being committed unit by unit."""


class Writer:
    """The one place that writes: units in, in the order of asking; results out, once durable."""

    def __init__(
        self,
        lane: Lane,
        lock: FileLock,
        file: PinnedFile,
        log: WriteAheadLog,
        path: str,
        *,
        ledger: Ledger | None = None,
    ) -> None:
        self._ledger = ledger or Ledger()
        self._lane = lane
        self._lock = lock
        self._file = file
        self._log = log
        self._path = path
        self._waiting: list[_Unit] = []
        self._busy = False
        self._moving = False
        self._idle: asyncio.Future[None] | None = None
        self._last_size = 0
        self._seen = 0
        self._settled = 0

    async def commit(self, writes: Writes) -> list[Rows]:
        """Commit the unit: all of its writes, or none.

        Returns the rows of each write that returns rows, once they are durable.

        Raises:
            VesperaError: a write's refusal, or the typed trouble of the storage; nothing of the
                unit was written.
            asyncio.CancelledError: with ``outcome`` ("committed", "rolled back", or "unknown"
                after a second cancellation) set on it. A unit that waits for its commit, or for
                somebody else's lock, is withdrawn at once.
        """
        loop = asyncio.get_running_loop()
        unit = _Unit(writes, loop.create_future())
        self._waiting.append(unit)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._flush)
        try:
            await unit.settled
        except asyncio.CancelledError as cancelled:
            cancelled.outcome = await self._outcome_of(unit)  # type: ignore[attr-defined]
            raise
        if isinstance(unit.result, Exception):
            raise unit.result
        return unit.result

    async def drain(self) -> None:
        """Return when all units that were handed over are settled."""
        while self._busy:
            self._idle = self._idle or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    async def _outcome_of(self, unit: "_Unit") -> str:
        """What became of a unit whose caller was cancelled; one not yet begun is withdrawn."""
        if unit.withdraw():
            return "rolled back"
        if not unit.is_settled:
            unit.aftermath = asyncio.get_running_loop().create_future()
            try:
                await unit.aftermath
            except asyncio.CancelledError:
                return "unknown"
        return "rolled back" if isinstance(unit.result, Exception) else "committed"

    def _flush(self) -> None:
        if self._still_arriving():
            asyncio.get_running_loop().call_soon(self._flush)
            return
        waiting, self._waiting = self._waiting, []
        batch = [unit for unit in waiting if not unit.is_unwanted]
        self._last_size, self._seen, self._settled = len(batch), 0, 0
        if not batch:
            self._rest()
            return
        work = partial(self._commit_under_lock, batch)
        self._lane.submit(work, partial(self._settle, batch), partial(_all_unwanted, batch))
        if self._log.is_long and not self._moving:
            self._moving = True
            self._lane.submit(self._move_log, self._moved, aside=True)

    def _commit_under_lock(
        self, units: "Sequence[_Unit]", connection: sqlite3.Connection
    ) -> "_Results":
        """Commit those units that are still wanted once nobody else holds the database."""
        self._file.check()
        with self._lock.held():
            connection.execute("BEGIN IMMEDIATE")
            begun = [unit for unit in units if unit.begin()]
            results = _carry_through(connection, [unit.writes for unit in begun], self._ledger)
        self._log.look()
        return list(zip(begun, results, strict=True))

    def _move_log(self, connection: sqlite3.Connection) -> None:
        with self._lock.held():
            self._log.move(connection)

    def _moved(self, _result: object, error: BaseException | None) -> None:
        self._moving = False
        if error is not None:
            told = "The log was not moved into the database; it is tried again."
            logger.warning(told, exc_info=error)

    def _rest(self) -> None:
        self._busy = False
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.set_result(None)

    def _still_arriving(self) -> bool:
        count = len(self._waiting)
        if self._last_size <= 1 or self._settled >= _SETTLE or count <= self._seen:
            return False
        self._seen = count
        self._settled += 1
        return True

    def _settle(
        self, batch: "list[_Unit]", results: "_Results | None", error: BaseException | None
    ) -> None:
        if results is None:
            results = [(unit, _own_copy(error)) for unit in batch]
        else:
            self._ledger.spread()
        self._wake(results)

    def _wake(self, results: "_Results", begin: int = 0) -> None:
        """Tell the callers, some in each turn; the next batch begins behind the last of them."""
        end = begin + _AT_ONCE
        if end < len(results):
            asyncio.get_running_loop().call_soon(self._wake, results, end)
        elif self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._rest()
        for unit, result in results[begin:end]:
            unit.settle(
                storage_error(result, self._path) if isinstance(result, Exception) else result
            )


class _Unit:
    """Writes that stand or fall together, and who waits for them.

    Its caller, on the loop, may withdraw it until the lane, in a thread, begins it.
    """

    __slots__ = ("_fate", "aftermath", "is_begun", "is_settled", "result", "settled", "writes")

    def __init__(self, writes: Writes, settled: asyncio.Future[None]) -> None:
        self.writes = writes
        self.settled = settled
        self.aftermath: asyncio.Future[None] | None = None
        self.is_begun = False
        self.is_settled = False
        self.result: _Result = []
        self._fate = threading.Lock()  # taken once, by who comes first

    @property
    def is_unwanted(self) -> bool:
        """Whether its caller was cancelled."""
        return self.settled.cancelled()

    def begin(self) -> bool:
        """Whether it is to be written; from then on it cannot be withdrawn."""
        if not self.is_begun and not self.is_unwanted:
            self.is_begun = self._fate.acquire(blocking=False)
        return self.is_begun

    def withdraw(self) -> bool:
        """Whether it will never be written."""
        return self._fate.acquire(blocking=False)

    def settle(self, result: _Result) -> None:
        self.result = result
        self.is_settled = True
        for waiting in (self.settled, self.aftermath):
            if waiting is not None and not waiting.done():  # cancelled together with the caller
                waiting.set_result(None)


_Results = list[tuple[_Unit, _Result]]


def commit_batch(
    connection: sqlite3.Connection, units: Sequence[Writes], ledger: Ledger | None = None
) -> list[_Result]:
    """Commit all units in one transaction; one that fails is left out, its error in its place.

    Raises:
        sqlite3.Error: the database is held by somebody else, or the commit itself failed; nothing
            was written.
    """
    connection.execute("BEGIN IMMEDIATE")
    return _carry_through(connection, units, ledger or Ledger())


def _all_unwanted(units: Sequence[_Unit]) -> bool:
    return all(unit.is_unwanted for unit in units)


def _carry_through(
    connection: sqlite3.Connection, units: Sequence[Writes], ledger: Ledger
) -> list[_Result]:
    """All of the units, in the transaction that is open."""
    try:
        results: list[_Result] = [_apply(connection, writes) for writes in units]
        ledger.enter(connection, zip(units, results, strict=True))
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if not isinstance(error, Exception) or is_busy(error):
            raise
        return [error] if len(units) == 1 else _replay(connection, units, ledger)
    return results


def _apply(connection: sqlite3.Connection, writes: Writes) -> list[Rows]:
    returned = []
    for statement, values, refusal, _told, _tally, _audited in writes:
        cursor = connection.execute(statement.sql, values)
        if statement.returns:
            rows = cursor.fetchall()  # to the end: an open cursor would hold up the commit
            returned.append(rows)
            count = len(rows)
        else:
            count = cursor.rowcount
        if statement.expects is not None and count != statement.expects:
            raise refusal() if refusal else StorageError(f"{count} rows met: {statement.sql}")
    return returned


def _replay(
    connection: sqlite3.Connection, units: Sequence[Writes], ledger: Ledger
) -> list[_Result]:
    """The batch once more, each unit in a savepoint, so that the guilty ones fail alone."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [_in_savepoint(connection, writes) for writes in units]
        ledger.enter(connection, zip(units, results, strict=True))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        # On a full disk and the like SQLite gives up the whole transaction, neighbours and all.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if is_busy(error):
            raise
        return [_alone(connection, writes, ledger) for writes in units]
    return results


def _in_savepoint(connection: sqlite3.Connection, writes: Writes) -> _Result:
    connection.execute("SAVEPOINT unit")
    try:
        result: _Result = _apply(connection, writes)
    except Exception as error:  # a boundary: the error becomes the unit's result
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO unit")
        result = error
    connection.execute("RELEASE unit")
    return result


def _alone(connection: sqlite3.Connection, writes: Writes, ledger: Ledger) -> _Result:
    try:
        (result,) = patiently(
            lambda: commit_batch(connection, [writes], ledger),
            seconds=_PATIENCE_HALFWAY,
            busy=is_busy,
        )
    except sqlite3.Error as error:
        return error
    return result


def _own_copy(error: BaseException | None) -> Exception:
    """Each caller raises an exception of its own; a shared one would collect their tracebacks."""
    if isinstance(error, StorageError):
        return type(error)(str(error))
    return error if isinstance(error, Exception) else StorageError(f"The writer failed: {error!r}")
