import errno
import sqlite3

import pytest

from vespera.domain.errors import (
    DatabaseClosed,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DuplicateRow,
    StaleTask,
    StorageError,
    UnstorableValue,
)
from vespera.infrastructure.persistence import errors as module
from vespera.infrastructure.persistence.errors import is_busy, known_kind, storage_error


def driver_error(code: int, text: str = "it failed") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        (sqlite3.SQLITE_BUSY, DatabaseLocked),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseLocked),
        (sqlite3.SQLITE_LOCKED, DatabaseLocked),
        (sqlite3.SQLITE_READONLY, DatabaseReadOnly),
        (sqlite3.SQLITE_READONLY_DIRECTORY, DatabaseReadOnly),
        (sqlite3.SQLITE_CANTOPEN, DatabaseReadOnly),
        (sqlite3.SQLITE_FULL, DatabaseFull),
        (sqlite3.SQLITE_CORRUPT, DatabaseCorrupt),
        (sqlite3.SQLITE_NOTADB, DatabaseCorrupt),
        (sqlite3.SQLITE_IOERR, StorageError),
    ],
)
def test_every_trouble_has_its_type_and_names_the_file(code, leaf):
    error = storage_error(driver_error(code, "the driver's words"), "/data/work.db")

    assert type(error) is leaf
    assert "/data/work.db" in str(error)
    assert "the driver's words" in str(error)


@pytest.mark.parametrize(
    ("refusal", "leaf"),
    [
        (errno.EFBIG, DatabaseFull),
        (errno.EDQUOT, DatabaseFull),
        (errno.ENOSPC, DatabaseFull),
        (errno.EROFS, DatabaseReadOnly),
        (errno.EIO, StorageError),
        (None, StorageError),
    ],
)
def test_why_a_write_failed_is_asked_of_the_system(monkeypatch, refusal, leaf):
    def write(_path):
        if refusal is not None:
            raise OSError(refusal, "refused")

    monkeypatch.setattr(module, "_write_elsewhere", write)
    error = storage_error(driver_error(sqlite3.SQLITE_IOERR_WRITE, "disk I/O error"), "/d/work.db")

    assert type(error) is leaf
    assert "/d/work.db" in str(error)
    assert "disk I/O error" in str(error)


def test_an_error_of_the_disk_says_what_to_check():
    error = storage_error(driver_error(sqlite3.SQLITE_IOERR_READ, "disk I/O error"), "/d/work.db")

    assert "check the disk" in str(error)


def test_the_drivers_error_is_kept_as_the_cause():
    cause = driver_error(sqlite3.SQLITE_FULL)

    assert storage_error(cause, "work.db").__cause__ is cause


def test_an_error_of_ours_stays_as_it_is():
    error = StaleTask("t1")

    assert storage_error(error, "work.db") is error


def test_a_key_that_exists_is_named():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE tasks (id TEXT PRIMARY KEY)")
    connection.execute("INSERT INTO tasks VALUES ('a')")
    with pytest.raises(sqlite3.IntegrityError) as refused:
        connection.execute("INSERT INTO tasks VALUES ('a')")
    connection.close()

    error = storage_error(refused.value, "work.db")

    assert type(error) is DuplicateRow
    assert "tasks.id" in str(error)


def test_another_broken_rule_is_no_duplicate():
    error = storage_error(sqlite3.IntegrityError("FOREIGN KEY constraint failed"), "work.db")

    assert type(error) is StorageError


@pytest.mark.parametrize("value", ["\ud800", 2**63, object()])
def test_a_value_that_sqlite_cannot_hold_is_unstorable(value):
    connection = sqlite3.connect(":memory:")
    with pytest.raises((ValueError, OverflowError, sqlite3.Error)) as refused:
        connection.execute("SELECT ?", (value,))
    connection.close()

    assert isinstance(storage_error(refused.value, "work.db"), UnstorableValue)


def test_a_closed_connection_is_said_to_be_closed():
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError) as refused:
        connection.execute("SELECT 1")

    assert type(storage_error(refused.value, "work.db")) is DatabaseClosed


def test_only_locks_are_worth_waiting_for():
    assert is_busy(driver_error(sqlite3.SQLITE_BUSY))
    assert is_busy(DatabaseLocked("by another process"))
    assert not is_busy(driver_error(sqlite3.SQLITE_FULL))
    assert not is_busy(ValueError("no"))


def test_a_mistake_in_a_query_is_no_trouble_of_the_storage():
    assert known_kind(driver_error(sqlite3.SQLITE_ERROR, "no such table: x")) is None
