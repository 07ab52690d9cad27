"""Looking after a SQLite file: its revision, its soundness, copies of it, the room it takes."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TypeVar

from vespera.application.ports.care import (
    Backup,
    Compaction,
    DatabaseFacts,
    Inspection,
    Migration,
)
from vespera.domain.errors import DatabaseLocked, InvalidRequest, StorageError
from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.copying import BackupPlace, copy_to
from vespera.infrastructure.persistence.errors import storage_error
from vespera.infrastructure.persistence.file_lock import FileLock
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.location import location_of
from vespera.infrastructure.persistence.schema import REVISIONS, prepare_file, revision_of

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
_PATIENCE = 30.0
_OPCODES = 10_000
"""SQLite's steps between two looks at whether the work was called off."""


class SqliteDatabaseCare:
    """The keeper of the database that ``url`` names, as in ``AsyncDatabaseManager``.

    It opens a connection of its own for each thing it does, so that nothing is migrated or made
    in passing. ``patience``: seconds that it waits for others who hold the database; by default
    30. Giving up the disk's room for good never waits.
    """

    def __init__(
        self,
        url: str | PathLike[str],
        *,
        durability: str = "full",
        patience: float = _PATIENCE,
    ) -> None:
        """Remember where the database is; nothing is opened yet.

        Raises:
            InvalidRequest: ``url`` names no SQLite database.
        """
        self._opening = Opening(location_of(url), "", durability, patience)

    def facts(self) -> DatabaseFacts:
        """See ``DatabaseCare.facts``."""
        path = self._opening.location.path
        return DatabaseFacts(
            path=None if path is None else str(path),
            sqlite=sqlite3.sqlite_version,
            takes_turns=self._opening.needs_turns,
            durability=self._opening.durability,
            newest=REVISIONS[-1],
        )

    async def revision(self) -> str | None:
        """See ``DatabaseCare.revision``."""
        path = self._opening.location.path
        return await self._revision(path) if path is not None and _is_there(path) else None

    async def migrate(self) -> Migration:
        """See ``DatabaseCare.migrate``."""
        path = self._file()
        lock = FileLock(self._opening.lock_path)
        async with self._connection(partial(self._opening.connect, checkpoints=True)) as do:
            before = await do(partial(revision_of, path=str(path)))
            await do(partial(prepare_file, path=str(path), lock=lock))
            after = await do(partial(revision_of, path=str(path)))
        return Migration(path=str(path), before=before, after=after)

    async def check(self) -> Inspection:
        """See ``DatabaseCare.check``."""
        # Its rules take longer to compile than all else that a start needs.
        from vespera.infrastructure.persistence.inspection import (  # noqa: PLC0415
            inspect_database,
        )

        path = self._file()
        async with self._connection() as do:
            return await do(partial(inspect_database, path=str(path), called_off=do.is_called_off))

    async def back_up(self, copy: str | PathLike[str], *, overwrite: bool = False) -> Backup:
        """See ``DatabaseCare.back_up``."""
        path = self._file()
        place = BackupPlace.of(copy, source=path, overwrite=overwrite)
        async with self._connection() as do:
            await do(partial(revision_of, path=str(path)))  # only what is ours is copied
            try:
                size = await do(partial(copy_to, place=place, called_off=do.is_called_off))
            except OSError as error:
                raise StorageError(
                    f"{place.path}: the copy cannot be written there: {error.strerror}."
                ) from error
        return Backup(path=str(path), copy=str(place.path), size=size)

    async def compact(self) -> Compaction:
        """See ``DatabaseCare.compact``."""
        path = self._file()
        before = path.stat().st_size
        await self._revision(path)  # only what is ours is written anew
        try:
            async with self._connection(partial(_connect_alone, path), patience=0) as do:
                await do(partial(_vacuum, lock=FileLock(self._opening.lock_path)))
        except DatabaseLocked as error:
            raise DatabaseLocked(
                f"{path}: somebody has the database open; stop every program that uses it"
                " (workers, `vespera run`), this one's container too, and try again."
            ) from error
        return Compaction(path=str(path), before=before, after=path.stat().st_size)

    def _file(self) -> Path:
        path = self._opening.location.path
        if path is None:
            raise InvalidRequest(
                "a database in memory has no file to look after", field="database_url"
            )
        if not _is_there(path):
            raise StorageError(f"{path}: there is no database; running a program makes one.")
        return path

    async def _revision(self, path: Path) -> str:
        async with self._connection() as do:
            return await do(partial(revision_of, path=str(path)))

    @asynccontextmanager
    async def _connection(
        self,
        connect: Callable[[], sqlite3.Connection] | None = None,
        *,
        patience: float | None = None,
    ) -> AsyncIterator["_Do"]:
        """A connection in a thread of its own, and the way to have something done with it."""
        seconds = self._opening.patience if patience is None else patience
        lane = Lane(name="vespera-care", inline=False, patience=seconds)
        do = _Do(lane, str(self._opening.location))
        try:
            await do.open(connect or self._opening.connect)
            yield do
        finally:
            do.call_off()
            await lane.close()


class _Do:
    """Has work done on a lane, its errors told in Vespera's words; it can be called off."""

    def __init__(self, lane: Lane, name: str) -> None:
        self._lane = lane
        self._name = name
        self._called_off = threading.Event()

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        def connect_interruptibly() -> sqlite3.Connection:
            connection = connect()
            connection.set_progress_handler(self.is_called_off, _OPCODES)
            return connection

        try:
            await self._lane.open(connect_interruptibly)
        except sqlite3.Error as error:
            raise storage_error(error, self._name) from error

    async def __call__(self, work: Work[T]) -> T:
        try:
            return await self._lane.run(work)
        except sqlite3.Error as error:
            raise storage_error(error, self._name) from error

    def is_called_off(self) -> bool:
        """Whether the work is to end at once; asked in any thread."""
        return self._called_off.is_set()

    def call_off(self) -> None:
        """What is under way, if anything is, ends soon."""
        self._called_off.set()


def _connect_alone(path: Path) -> sqlite3.Connection:
    """A connection that shares the file with nobody, not even with those who only read.

    The mode must be set before anything is read: from then on SQLite holds what it has locked.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _vacuum(connection: sqlite3.Connection, *, lock: FileLock) -> None:
    with lock.held():
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        connection.execute("VACUUM")


def _is_there(path: Path) -> bool:
    """An empty file is no database yet."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
