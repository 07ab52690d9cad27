"""What SQLite's errors mean, in Vespera's words."""

import sqlite3
from collections.abc import Mapping

from vespera.domain.errors import (
    DatabaseClosed,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DuplicateRow,
    StorageError,
    UnstorableValue,
    VesperaError,
)

_LOCKED = (
    DatabaseLocked,
    (
        "somebody else has held the database for too long; let the other program or session"
        " finish, or raise busy_timeout"
    ),
)
_READ_ONLY = (
    DatabaseReadOnly,
    (
        "the database, or the directory it lies in, cannot be written; check the permissions and"
        " whether the disk is mounted read-only"
    ),
)
_FULL = (
    DatabaseFull,
    "the disk is full, nothing of this transaction was written; free some space and try again",
)
_CORRUPT = (
    DatabaseCorrupt,
    (
        "the file is damaged, or is no database; restore a copy of it, or move it away to begin"
        " with an empty one"
    ),
)
_KINDS: Mapping[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
}


def storage_error(error: Exception, path: str) -> VesperaError:
    """The typed error that says what happened to the database at ``path``."""
    if isinstance(error, VesperaError):
        return error
    typed = _typed(error, path)
    typed.__cause__ = error
    return typed


def known_kind(error: BaseException) -> tuple[type[StorageError], str] | None:
    """The typed error and the advice for a trouble of the storage; None for any other error."""
    return _KINDS.get(_primary_code(error))


def is_busy(error: BaseException) -> bool:
    """Whether somebody else holds a lock; trying again later can help."""
    return known_kind(error) is _LOCKED


def _typed(error: Exception, path: str) -> VesperaError:
    if isinstance(error, sqlite3.IntegrityError):
        return _broken_rule(error, path)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return DatabaseClosed(f"{path}: the database was closed while it was asked for something.")
    if _is_unstorable(error):
        return UnstorableValue("value", f"the database cannot hold it: {error}")
    kind = known_kind(error)
    if kind is None:
        return StorageError(f"{path}: the database cannot do its work: {error}")
    leaf, advice = kind
    return leaf(f"{path}: {advice} ({error}).")


def _broken_rule(error: sqlite3.IntegrityError, path: str) -> StorageError:
    rule, _, columns = str(error).partition(" constraint failed: ")
    if rule == "UNIQUE":
        return DuplicateRow(f"{path}: a row with this key exists already ({columns}).")
    return StorageError(f"{path}: the row breaks a rule of the database: {error}")


def _is_unstorable(error: Exception) -> bool:
    if isinstance(error, UnicodeEncodeError | OverflowError | sqlite3.DataError):
        return True
    return "Error binding parameter" in str(error)


def _primary_code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
