"""A copy of a database at one moment: whole, verified and durable, or not there at all."""

import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vespera.domain.errors import DatabaseCorrupt, InvalidRequest
from vespera.infrastructure.persistence.errors import storage_error
from vespera.infrastructure.persistence.location import followed
from vespera.infrastructure.persistence.schema import revision_of
from vespera.infrastructure.persistence.syncing import sync
from vespera.infrastructure.persistence.value_care import ValueCopies

_PAGES = 2048
"""Pages that are copied between two looks at whether the work was called off."""

_OF_THE_TARGET = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_COMPANIONS = ("-wal", "-journal", "-shm")


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """Where a copy of ``source`` is to be: a file in a directory that is there."""

    path: Path
    source: Path
    overwrite: bool

    @classmethod
    def of(cls, copy: str | PathLike[str], *, source: Path, overwrite: bool) -> "BackupPlace":
        """The place, absolute, whatever links lead there.

        Raises:
            InvalidRequest: no copy can be there, or none may.
        """
        if not str(copy) or "\0" in str(copy):
            raise _refused(copy, "it names no file")
        try:
            path = followed(copy)
        except OSError as error:
            raise _refused(copy, f"the path cannot be followed: {error}") from error
        if path.is_dir():
            raise _refused(path, "it is a directory; name a file in it")
        if not path.parent.is_dir():
            raise _refused(path, f"there is no directory {path.parent}; make it first")
        if path.exists() and path.samefile(source):
            raise _refused(path, "it is the database itself")
        if path.exists() and not path.is_file():
            raise _refused(path, "it is no regular file")
        place = cls(path, source, overwrite)
        place.check()
        return place

    def check(self) -> None:
        """Make sure that the place is free, or may be overwritten.

        Raises:
            InvalidRequest: it is not.
        """
        if self.path.exists() and not self.overwrite:
            raise _refused(self.path, "it is there already; choose another name, or overwrite it")
        for companion in (_beside(self.path, "-wal"), _beside(self.path, "-journal")):
            if companion.exists() and companion.stat().st_size:  # SQLite would take it for ours
                raise _refused(
                    self.path,
                    f"{companion.name} beside it says that a database of that name is open, or was"
                    " left by a crash; choose another name",
                )


def copy_to(
    connection: sqlite3.Connection, *, place: BackupPlace, called_off: Callable[[], bool]
) -> int:
    """Copy the database of ``connection``, and the files of large values that it refers to; gives
    the size of all in bytes.

    Raises:
        DatabaseCorrupt: the copy is not sound; it is gone again.
        InvalidRequest: somebody else has taken the place meanwhile.
        OSError, StorageError, sqlite3.Error: it cannot be written, or was called off.
    """
    values = ValueCopies(place.source, place.path, called_off)
    with _draft_beside(place) as draft:
        try:
            _copy(connection, draft, values, called_off)
            _verify(draft, place.path, values)
            sync(draft)
            size = draft.stat().st_size
            _publish(draft, place)
        except BaseException:
            values.undo()
            raise
    values.drop_older()
    return size + values.size


@contextmanager
def _draft_beside(place: BackupPlace) -> Iterator[Path]:
    """An empty file that as few may read as the database; gone at the end, whatever happens."""
    draft = place.path.with_name(f".{place.path.name}.{secrets.token_hex(8)}")
    mode = stat.S_IMODE(place.source.stat().st_mode)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        draft.chmod(mode)
        yield draft
    finally:
        for path in (draft, *(_beside(draft, suffix) for suffix in _COMPANIONS)):
            path.unlink(missing_ok=True)


def _copy(
    connection: sqlite3.Connection,
    draft: Path,
    values: ValueCopies,
    called_off: Callable[[], bool],
) -> None:
    def look_up(_status: int, _remaining: int, _total: int) -> None:
        if called_off():
            raise sqlite3.OperationalError("interrupted")

    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the moment is now
        values.hold(connection)
        with closing(sqlite3.connect(draft, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous=FULL")
            connection.backup(target, pages=_PAGES, progress=look_up)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_TARGET:
            raise storage_error(error, str(draft)) from error
        raise
    finally:
        connection.execute("ROLLBACK")


def _verify(draft: Path, copy: Path, values: ValueCopies) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as target:
        # In this mode the file is one file; whoever opens it for work changes the mode again.
        target.execute("PRAGMA journal_mode=DELETE").fetchone()
        revision_of(target, str(copy))
        problem = _problem_in(target)
        if problem:
            raise DatabaseCorrupt(
                f"{copy}: the copy would not be sound, because the database is not ({problem});"
                " nothing was left there. `vespera db check` tells more; restore an older copy."
            )
        values.make(target)


def _problem_in(connection: sqlite3.Connection) -> str:
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        return str(error)
    return "" if found == "ok" else " ".join(str(found).split())


def _publish(draft: Path, place: BackupPlace) -> None:
    place.check()
    if place.overwrite:
        draft.replace(place.path)
    else:
        _move_to_free_place(draft, place.path)
    sync(place.path.parent)


def _move_to_free_place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # unlike a rename, it fails if somebody was faster
    except FileExistsError as error:
        raise _refused(path, "somebody has made a file of that name meanwhile") from error
    except OSError:  # a file system without hard links
        draft.rename(path)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _refused(copy: object, why: str) -> InvalidRequest:
    return InvalidRequest(f"{copy}: {why}.", field="copy")
