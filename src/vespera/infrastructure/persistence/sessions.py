"""SQLAlchemy sessions on the same database, for what the repositories do not offer."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet, ref

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from vespera.domain.errors import VesperaError
from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.errors import is_busy, known_kind, storage_error
from vespera.infrastructure.persistence.file_lock import FileLock, patiently
from vespera.infrastructure.persistence.pinned_file import PinnedFile

T = TypeVar("T")

_READS = re.compile(
    r"\s*(select|values|explain|pragma|attach|detach|vacuum|begin|commit|end|rollback|release)\b",
    re.IGNORECASE,
)
_READS_WITH = re.compile(
    r"\s*with\b(?!.*\b(insert|update|delete|replace)\b)", re.IGNORECASE | re.DOTALL
)
_AT_ONCE = 5
_AT_MOST = 15
_LONGEST_GOODBYE = 1.0
_OPERATIONS_BETWEEN_LOOKS = 20_000  # of SQLite's own machine: a fraction of a millisecond


class Sessions:
    """Opens sessions, each with a connection of its own from a small pool."""

    def __init__(
        self,
        opening: Opening,
        file: PinnedFile,
        adopt: Callable[[aiosqlite.Connection], None],
    ) -> None:
        self._opening = opening
        self._file = file
        self._adopt = adopt
        self._path = str(opening.location)
        self._engine: AsyncEngine | None = None
        self._connections: list[_Connection] = []
        self.in_flight = 0

    def open(self) -> AsyncSession:
        """A new session; it takes a connection with its first statement."""
        if self._engine is None:
            self._engine = self._create_engine()
        return AsyncSession(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Close all connections that are not in use, and wait for those that are being closed."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()
        for connection in self._connections:
            connection.join()

    def _create_engine(self) -> AsyncEngine:
        engine = create_async_engine(
            "sqlite+aiosqlite://",
            async_creator=self._connect,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=_AT_ONCE,
            max_overflow=_AT_MOST - _AT_ONCE,
            hide_parameters=True,
        )
        sa.event.listen(engine.sync_engine, "handle_error", self._typed)
        return engine

    async def _connect(self) -> aiosqlite.Connection:
        self._file.check()  # a new connection would find, or make, another one in its place
        factory = partial(
            _SessionConnection,
            FileLock(self._opening.lock_path),
            self._file,
            self._opening.patience,
        )
        connect = partial(self._opening.connect, factory)
        connection = _Connection(connect, self._counting)
        self._connections = [known for known in self._connections if known.is_alive]
        self._connections.append(connection)
        self._adopt(connection)
        return await connection

    @contextmanager
    def _counting(self) -> Any:
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def _typed(self, context: ExceptionContext) -> VesperaError | None:
        error = context.original_exception
        if isinstance(error, Exception) and known_kind(error):
            return storage_error(error, self._path)
        return error if isinstance(error, VesperaError) else None


class _Connection(aiosqlite.Connection):
    """Counts what is under way on its thread, and ends it when it is cancelled.

    Left alone, a cancelled query would run on in its thread for as long as it likes, and what a
    cancelled connecting opened would stay open.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], counting: Callable[[], Any]
    ) -> None:
        super().__init__(self._open, iter_chunk_size=64)
        self._connect_it = connect
        self._opened: sqlite3.Connection | None = None
        self._thread.daemon = True
        self._counting = counting

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        """Return when the thread has ended, if it was told to: it has nothing more to do."""
        if self.is_alive and not self._running:
            self._thread.join(_LONGEST_GOODBYE)

    def stop(self) -> "asyncio.Future[Any] | None":
        """End the thread; nothing that it opened stays open."""
        self._tx.put_nowait((None, self._shut))
        return super().stop()

    def _open(self) -> sqlite3.Connection:
        self._opened = self._connect_it()
        return self._opened

    def _shut(self) -> None:
        if self._opened is not None:
            self._opened.close()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._counting():
            try:
                return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
            except asyncio.CancelledError:
                await self._interrupt()
                raise

    async def _connect(self) -> "_Connection":
        with self._counting():
            await super()._connect()
        return self

    async def _interrupt(self) -> None:
        with suppress(sqlite3.ProgrammingError, ValueError):  # it is closed, or being closed
            connection: Any = self._conn
            connection.interrupt()
            await super()._execute(connection.go_on)  # type: ignore[no-untyped-call]


class _SessionConnection(sqlite3.Connection):
    """Begins a transaction with the first statement that writes, not with one that reads.

    A session that only reads holds no lock, and one that writes holds the write lock from its
    first write on, so that it can never be too late to write. After a rollback, or a close, it
    holds none: an open cursor would keep its lock, whoever still refers to it.
    """

    def __init__(
        self, turn: FileLock, file: PinnedFile, patience: float, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._turn = turn
        self._file = file
        self._patience = patience
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()
        self.is_interrupted = False
        # SQLite's own interrupt is lost on a statement that was sent and has not begun.
        self.set_progress_handler(partial(_is_to_end, ref(self)), _OPERATIONS_BETWEEN_LOOKS)

    def cursor(self, factory: Any = None) -> Any:
        cursor = super().cursor(factory or _SessionCursor)
        self._cursors.add(cursor)
        return cursor

    def forget(self, cursor: sqlite3.Cursor) -> None:
        """The cursor is closed."""
        self._cursors.discard(cursor)

    def begin_if_writing(self, sql: str, asker: sqlite3.Cursor) -> None:
        """Take the write lock, unless it is held already or the statement only reads."""
        if not (self.in_transaction or _READS.match(sql) or _READS_WITH.match(sql)):
            self.patiently(self._begin, asker)

    def patiently(self, attempt: Callable[[], T], asker: sqlite3.Cursor | None = None) -> T:
        """What ``attempt`` gives, once nobody else holds a lock in its way.

        While another cursor than the asker's is open, nothing is waited for: it may hold what
        those wait for who hold the lock.
        """
        waits = all(cursor is asker for cursor in self._cursors) if asker else True
        return patiently(
            attempt,
            seconds=self._patience if waits else 0,
            busy=is_busy,
            given_up=lambda: self.is_interrupted,
        )

    def interrupt(self) -> None:
        """End what is under way, also a wait for somebody's lock; from any thread."""
        self.is_interrupted = True
        super().interrupt()

    def go_on(self) -> None:
        """What was interrupted has ended."""
        self.is_interrupted = False

    def commit(self) -> None:
        self.patiently(super().commit)
        self._turn.release()

    def rollback(self) -> None:
        try:
            self._close_cursors()
            super().rollback()
        finally:
            self._turn.release()

    def close(self) -> None:
        try:
            with suppress(sqlite3.Error):  # the close rolls back, too, once no cursor is open
                self.rollback()
        finally:
            super().close()

    def _begin(self) -> None:
        self._file.check()
        self._turn.acquire()
        try:
            sqlite3.Cursor(self).execute("BEGIN IMMEDIATE")
        except BaseException:
            self._turn.release()
            raise

    def _close_cursors(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()


def _is_to_end(connection: "ref[_SessionConnection]") -> bool:
    known = connection()
    return known is not None and known.is_interrupted


class _SessionCursor(sqlite3.Cursor):
    connection: _SessionConnection

    def execute(self, sql: str, parameters: Any = ()) -> "_SessionCursor":
        self.connection.begin_if_writing(sql, self)
        self.connection.patiently(partial(super().execute, sql, parameters), self)
        return self

    def executemany(self, sql: str, parameters: Any) -> "_SessionCursor":
        self.connection.begin_if_writing(sql, self)
        super().executemany(sql, parameters)
        return self

    def close(self) -> None:
        super().close()
        self.connection.forget(self)
