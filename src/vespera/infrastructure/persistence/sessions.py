"""SQLAlchemy sessions on the same database, for what the repositories do not offer."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from vespera.domain.errors import VesperaError
from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.errors import known_kind, storage_error
from vespera.infrastructure.persistence.file_lock import FileLock

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


class Sessions:
    """Opens sessions, each with a connection of its own from a small pool."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
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
        lock = FileLock(self._opening.lock_path, patience=self._opening.patience)
        connect = partial(self._opening.connect, partial(_SessionConnection, lock))
        connection = _Connection(connect, self._counting)
        self._connections = [known for known in self._connections if known.is_alive]
        self._connections.append(connection)
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

    Left alone, a cancelled query would run on in its thread for as long as it likes.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], counting: Callable[[], Any]
    ) -> None:
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True
        self._counting = counting

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        """Return when the thread has ended, if it was told to: it has nothing more to do."""
        if self.is_alive and not self._running:
            self._thread.join(_LONGEST_GOODBYE)

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
            self._conn.interrupt()
            await super()._execute(_nothing)  # type: ignore[no-untyped-call]


def _nothing() -> None:
    """What is done when all that was asked for before is done."""


class _SessionConnection(sqlite3.Connection):
    """Begins a transaction with the first statement that writes, not with one that reads.

    A session that only reads holds no lock, and one that writes holds the write lock from its
    first write on, so that it can never be too late to write.
    """

    def __init__(self, lock: FileLock, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn = lock

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _SessionCursor)

    def begin_if_writing(self, sql: str) -> None:
        if self.in_transaction or _READS.match(sql) or _READS_WITH.match(sql):
            return
        self._turn.acquire()
        try:
            super().execute("BEGIN IMMEDIATE")
        except BaseException:
            self._turn.release()
            raise

    def commit(self) -> None:
        super().commit()
        self._turn.release()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._turn.release()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._turn.release()


class _SessionCursor(sqlite3.Cursor):
    connection: _SessionConnection

    def execute(self, sql: str, parameters: Any = ()) -> "_SessionCursor":
        self.connection.begin_if_writing(sql)
        super().execute(sql, parameters)
        return self

    def executemany(self, sql: str, parameters: Any) -> "_SessionCursor":
        self.connection.begin_if_writing(sql)
        super().executemany(sql, parameters)
        return self
