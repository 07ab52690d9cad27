"""The database: where it is, when it is open, and the two ways to its rows."""

import asyncio
import math
import os
import secrets
import sqlite3
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vespera.domain.errors import DatabaseClosed, ForeignEventLoop, InvalidRequest
from vespera.infrastructure.persistence.connection import Opening, make_place_for
from vespera.infrastructure.persistence.errors import storage_error
from vespera.infrastructure.persistence.file_lock import FileLock
from vespera.infrastructure.persistence.handler_versions import VersionQuestions
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.location import location_of
from vespera.infrastructure.persistence.pinned_file import PinnedFile
from vespera.infrastructure.persistence.schema import prepare_file, prepare_memory
from vespera.infrastructure.persistence.spilling import (
    SPILL_ABOVE,
    Holder,
    Query,
    Spill,
    checked_spill_above,
)
from vespera.infrastructure.persistence.statements import Rows, Values
from vespera.infrastructure.persistence.sweeping import swept
from vespera.infrastructure.persistence.write_ahead_log import WriteAheadLog
from vespera.infrastructure.persistence.writer import Writer, Writes

if TYPE_CHECKING:  # importing these takes longer than all else that a first task needs
    from sqlalchemy.ext.asyncio import AsyncSession

    from vespera.infrastructure.persistence.sessions import Sessions

opened: "weakref.WeakSet[AsyncDatabaseManager]" = weakref.WeakSet()
"""All that are open in this process; tests look for those that were forgotten."""

_PATIENCE_WITH_FILES = 30.0
_PATIENCE_WITH_MEMORY = 5.0
_LONGEST_PATIENCE = 1_000_000


class AsyncDatabaseManager:
    """A SQLite database, in a file or in this process's memory, ready on first use.

    ``url``: ``"sqlite+aiosqlite:///file.db"`` (relative), ``"sqlite+aiosqlite:////dir/file.db"``,
    a plain path, ``"sqlite+aiosqlite:///:memory:"``, or ``"sqlite+aiosqlite:///:memory:NAME"`` for
    memory that is shared by all in this process who name it, as long as one of them has it open.
    A file is made if it is not there, and brought to the newest schema. ``durability``: with
    ``"full"`` a commit that returned survives a power cut; with ``"normal"`` it survives the end
    of the process, however it ends, and a power cut may take the last commits (never parts of
    one). ``busy_timeout``: seconds to wait for other programs and sessions that hold the
    database; by default 30 for a file, 5 for memory.
    ``lane``: makes the lanes that work is done on; tests give their own. ``events``: which are
    kept, as ``Ledger`` has it. ``spill_above``: stored values of more bytes are kept in files
    beside the database file; None: all are kept in it. ``audit``: keep an audit trail.

    All repositories of a database write through one connection; see ``writer.py``.
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        durability: str = "full",
        busy_timeout: float | None = None,
        lane: Callable[..., Lane] = Lane,
        events: str = "ends",
        spill_above: int | None = SPILL_ABOVE,
        audit: bool = False,
    ) -> None:
        """Remember where the database is; nothing is opened yet.

        Raises:
            InvalidRequest: a value makes no sense; its field is named.
        """
        location = location_of(url)
        patience = _PATIENCE_WITH_MEMORY if location.path is None else _PATIENCE_WITH_FILES
        self._opening = Opening(
            location=location,
            memory_name=location.memory or f"vespera-{secrets.token_hex(8)}",
            durability=_checked_durability(durability),
            patience=patience if busy_timeout is None else _checked_seconds(busy_timeout),
        )
        self._lane = lane
        self.ledger = Ledger(events, audits=audit)
        self._spill = Spill(location.path, checked_spill_above(spill_above))
        self._parts: _Parts | None = None
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._finalizer: weakref.finalize[..., AsyncDatabaseManager] | None = None

    @property
    def path(self) -> Path | None:
        """The database file, absolute; None for a database in memory."""
        return self._opening.location.path

    @property
    def versions(self) -> VersionQuestions:
        """Whom the claims ask for the versions of handlers."""
        return self._opening.versions

    @property
    def name(self) -> str:
        """What a database in memory is called: ``sqlite+aiosqlite:///:memory:NAME`` opens it."""
        return self._opening.memory_name

    @property
    def shared(self) -> bool:
        """Whether others than the owner of this object may write to it: a file, or named memory."""
        location = self._opening.location
        return location.path is not None or location.memory is not None

    @property
    def durability(self) -> str:
        """What a commit that returned survives: ``"full"`` or ``"normal"``."""
        return self._opening.durability

    @property
    def started(self) -> bool:
        """Whether it is open."""
        return self._parts is not None

    @property
    def in_flight(self) -> int:
        """How many operations are under way outside the event loop at this moment."""
        return (self._parts.in_flight if self._parts else 0) + self._spill.in_flight

    async def start(self) -> None:
        """Open the database; also done by its first use. Opening it twice changes nothing.

        Raises:
            DatabaseReadOnly, DatabaseLocked, DatabaseFull: the file cannot be made or opened.
            DatabaseCorrupt: the file is damaged, or belongs to another program.
            DatabaseTooNew: a newer version of Vespera wrote it.
        """
        await self._opened()

    async def stop(self) -> None:
        """Commit what waits, then close everything. What is in memory is gone then.

        The next use opens the database again. Stopping it twice changes nothing.
        """
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._parts is not None:
            self._stopping = asyncio.create_task(self._close(self._parts))
            self._parts = None
            opened.discard(self)
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    def abandon(self) -> None:
        """Let go of everything at once, as if the process had died; for tests of that.

        Nothing is committed, waited for or warned of; connections close when their work is done.
        """
        parts, self._parts = self._parts, None
        opened.discard(self)
        if self._finalizer is not None:
            self._finalizer.detach()
        if parts is not None:
            parts.abandon()

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[AsyncSession]":
        """A SQLAlchemy session of its own, for queries that the repositories do not offer.

        What was not committed when the block ends is rolled back. Reading takes no lock; the
        first write takes the write lock until the commit, and everybody else's writes wait for
        that. In memory, a transaction that writes also holds up everybody else's reads.

        Raises:
            StorageError: the database is locked, full, read-only, damaged or gone, also in the
                place of SQLAlchemy's own error for it.
        """
        parts = await self._opened()
        async with parts.sessions().open() as session:
            yield session

    async def read(self, sql: str, values: Values = (), holder: Holder | None = None) -> Rows:
        """The rows that a query gives, of committed state only; ``holder``: they hold values.

        Raises:
            StorageError: the database cannot be read.
        """
        (rows,) = await self.read_together([(sql, values, holder)])
        return rows

    async def read_together(self, queries: Sequence[Query]) -> Sequence[Rows]:
        """As ``read``, for several queries, all of the same committed state."""
        parts = self._parts or await self._opened()
        parts.check_loop()

        def fetch(connection: sqlite3.Connection) -> Sequence[Rows]:
            if len(queries) == 1:
                return [self._spill.fetched(connection, *queries[0])]
            connection.execute("BEGIN")
            try:
                return [self._spill.fetched(connection, *query) for query in queries]
            finally:
                connection.execute("ROLLBACK")

        try:
            return await parts.reader.run(fetch)
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
            raise storage_error(error, parts.name) from error

    async def commit(self, writes: Writes, holder: Holder | None = None) -> Sequence[Rows]:
        """Make the writes durable, all or none; gives the rows of those that return rows.
        ``holder``: the last of these rows hold values.

        Raises:
            VesperaError: as ``Writer.commit``.
        """
        parts = self._parts or await self._opened()
        parts.check_loop()
        if self._spill.is_for(writes):
            return await self._spill.commit(parts.writer.commit, writes)
        returned = await parts.writer.commit(writes)
        return returned if holder is None else await self._spill.made_whole(returned, holder)

    async def sweep(self, before: datetime) -> int:
        """Remove the files of values that no row refers to and that are older than ``before``, by
        their time stamps; gives how many.

        Raises:
            StorageError: the database, or the files, cannot be reached.
        """
        return await swept(self, self._spill, before)

    async def _opened(self) -> "_Parts":
        """The open parts; those who come while they are being opened wait for the same opening,
        which goes on if one of them is cancelled.
        """
        while self._parts is None:
            if self._stopping is not None and not self._stopping.done():
                raise DatabaseClosed(f"{self._opening.location}: the database is being closed.")
            if self._starting is None:
                self._starting = asyncio.create_task(self._open())
                self._starting.add_done_callback(self._has_started)
            await asyncio.shield(self._starting)
        self._parts.check_loop()
        return self._parts

    async def _open(self) -> None:
        parts = _Parts(self._opening, self._lane, self.ledger, self._spill)
        try:
            await parts.open()
        except BaseException as error:
            await parts.close_lanes()
            if isinstance(error, sqlite3.Error | OSError):
                raise storage_error(error, parts.name) from error
            raise
        self._parts = parts
        opened.add(self)
        self._finalizer = weakref.finalize(self, _warn_and_abandon, parts)

    def _has_started(self, task: "asyncio.Task[None]") -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # those who still wait raise it; if nobody does, that is no fault

    async def _close(self, parts: "_Parts") -> None:
        if self._finalizer is not None:
            self._finalizer.detach()
        await parts.close()


class _Parts:
    """What an open database consists of. It does not know the manager, which may be forgotten."""

    def __init__(
        self, opening: Opening, lane: Callable[..., Lane], ledger: Ledger, spill: Spill
    ) -> None:
        self._spill = spill
        in_memory = opening.location.path is None
        self._opening = opening
        self._loop = asyncio.get_running_loop()
        self._lock = FileLock(opening.lock_path)
        self._file = PinnedFile(opening.location.path)
        is_light = not in_memory and opening.durability == "normal"
        self._log = WriteAheadLog(opening.location.path if is_light else None)
        self._lane = lane(
            name="vespera-writer",
            inline=in_memory or is_light,
            wary=is_light,
            patience=opening.patience,
        )
        self.name = str(opening.location)
        self.writer = Writer(
            self._lane, self._lock, self._file, self._log, self.name, ledger=ledger
        )
        self.reader = (
            self._lane
            if in_memory
            else lane(name="vespera-reader", inline=False, patience=opening.patience)
        )
        self._sessions: Sessions | None = None

    @property
    def in_flight(self) -> int:
        reading = 0 if self.reader is self._lane else self.reader.in_flight
        in_sessions = self._sessions.in_flight if self._sessions else 0
        return self._lane.in_flight + reading + in_sessions

    def sessions(self) -> "Sessions":
        if self._sessions is None:
            from vespera.infrastructure.persistence.sessions import Sessions  # noqa: PLC0415

            self._sessions = Sessions(self._opening, self._file, self._lane.adopt)
        return self._sessions

    def check_loop(self) -> None:
        if self._loop is not asyncio.get_running_loop():
            raise ForeignEventLoop(
                f"{self.name}: the database was opened in another event loop; stop it before it"
                " is used in this one."
            )

    async def open(self) -> None:
        await self._lane.open(self._open_for_writing)
        if self.reader is not self._lane:
            await self.reader.open(self._opening.connect)

    async def close(self) -> None:
        try:
            if self._loop is asyncio.get_running_loop():
                await self.writer.drain()
            if self._sessions is not None:
                await self._sessions.close()
        finally:
            await self._spill.stop()
            await self.close_lanes()

    async def close_lanes(self) -> None:
        if self.reader is not self._lane:
            await self.reader.close()
        await self._lane.close()

    def abandon(self) -> None:
        self.reader.abandon()
        if self.reader is not self._lane:
            self._lane.abandon()

    def _open_for_writing(self) -> sqlite3.Connection:
        path = self._opening.location.path
        if path is not None:
            make_place_for(path)
        connection = self._opening.connect(checkpoints=self._opening.durability == "full")
        try:
            if path is None:
                prepare_memory(connection)
            else:
                prepare_file(connection, path=self.name, lock=self._lock)
                self._file.pin()
                self._spill.install(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _warn_and_abandon(parts: _Parts) -> None:
    parts.abandon()
    warnings.warn(
        f"{parts.name}: the database was never stopped; call stop(), or use the container as"
        " `async with container:`.",
        ResourceWarning,
        stacklevel=2,
    )


def _checked_durability(durability: str) -> str:
    if durability not in ("full", "normal"):
        raise InvalidRequest(f"{durability!r} is neither 'full' nor 'normal'", field="durability")
    return durability


def _checked_seconds(seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidRequest("must be a number of seconds", field="busy_timeout")
    if not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST_PATIENCE:
        raise InvalidRequest(
            f"must be between 0 and {_LONGEST_PATIENCE:,} seconds", field="busy_timeout"
        )
    return float(seconds)
