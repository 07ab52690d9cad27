"""What SQLite's errors mean, in Vespera's words."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

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
_FAILED = (
    StorageError,
    (
        "the system could not read or write the file; check the disk, its mount, quotas and limits"
        " on the size of files, then start again"
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
_LIMITED = (
    DatabaseFull,
    (
        "a quota, or a limit on the size of files, is used up, nothing of this transaction was"
        " written; free some space or raise the limit, and try again"
    ),
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
    sqlite3.SQLITE_IOERR: _FAILED,
}
_FAILED_WRITES = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
_SYSTEM_KINDS: Mapping[int | None, tuple[type[StorageError], str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _LIMITED,
    errno.EFBIG: _LIMITED,
    errno.EROFS: _READ_ONLY,
}
_PAGE = 4096


def storage_error(error: Exception, path: str) -> VesperaError:
    """The typed error that says what happened to the database at ``path``."""
    if isinstance(error, VesperaError):
        return error
    typed = _typed(error, path)
    typed.__cause__ = error
    return typed


def trouble_with_file(error: OSError, directory: str) -> StorageError:
    """The typed error for a file of a large value in ``directory`` that cannot be written."""
    leaf, advice = _SYSTEM_KINDS.get(error.errno, _FAILED)
    if error.errno in {errno.EACCES, errno.EPERM}:
        leaf, advice = _READ_ONLY
    return leaf(f"{directory}: {advice} ({error.strerror}).")


def known_kind(error: BaseException) -> tuple[type[StorageError], str] | None:
    """The typed error and the advice for a trouble of the storage; None for any other error."""
    if "Could not decode to UTF-8" in str(error):  # which has no code; nobody stores such a text
        return _CORRUPT
    return _KINDS.get(_primary_code(error))


def is_busy(error: BaseException) -> bool:
    """Whether somebody else holds a lock; trying again later can help."""
    return isinstance(error, DatabaseLocked) or known_kind(error) is _LOCKED


def _typed(error: Exception, path: str) -> VesperaError:
    if isinstance(error, sqlite3.IntegrityError):
        return _broken_rule(error, path)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return DatabaseClosed(f"{path}: the database was closed while it was asked for something.")
    if _is_unstorable(error):
        return UnstorableValue("value", f"the database cannot hold it: {error}")
    kind = _kind_of_failed_write(error, path) or known_kind(error)
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


def _kind_of_failed_write(error: Exception, path: str) -> tuple[type[StorageError], str] | None:
    """SQLite does not say why the system refused a write; so the system is asked again."""
    if getattr(error, "sqlite_errorcode", 0) not in _FAILED_WRITES:
        return None
    try:
        _write_elsewhere(Path(path))
    except OSError as refusal:
        return _SYSTEM_KINDS.get(refusal.errno)
    return None


def _write_elsewhere(path: Path) -> None:
    """One page, where the files of the database end, in a file of its own that is gone again."""
    files = (path, path.with_name(f"{path.name}-wal"))
    end = max((file.stat().st_size for file in files if file.exists()), default=0)
    with tempfile.TemporaryFile(dir=path.parent, buffering=0) as scratch:
        os.pwrite(scratch.fileno(), bytes(_PAGE), end)
        os.fsync(scratch.fileno())


def _primary_code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
