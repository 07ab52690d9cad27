"""Whether a database is ours, and how it gets the tables of this version."""

import sqlite3
import threading
from contextlib import closing
from functools import cache

from vespera.domain.errors import DatabaseCorrupt, DatabaseTooNew
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.file_lock import FileLock

APPLICATION_ID = 0x56535052
"""Marks a SQLite file as Vespera's ("VSPR")."""

REVISIONS = ("0001",)
"""All schema revisions, oldest first; ``migrations/versions`` has a file for each."""

_ALEMBIC_TABLE = """CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""

_migrating = threading.Lock()
"""Alembic keeps its state in module globals: one migration at a time in a process."""

_preparing_memory = threading.Lock()


def prepare_file(connection: sqlite3.Connection, *, path: str, lock: FileLock) -> None:
    """Give a file the tables of this version: create them, migrate them, or find them there.

    A file that is refused is left as it was. Several processes may do this at once; one that meets
    another there is told so, and has to begin again.

    Raises:
        DatabaseCorrupt: the file belongs to another program, or lacks what it should have.
        DatabaseLocked: another process writes to it.
        DatabaseTooNew: a newer version of Vespera wrote it.
        sqlite3.Error: it is damaged, locked, or cannot be written.
    """
    if revision_of(connection, path) == REVISIONS[-1] and _journal_mode(connection) == "wal":
        _refuse_missing_tables(connection, path)
        return
    with lock.held():
        connection.execute("PRAGMA journal_mode=wal").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        try:
            _bring_up_to_date(connection, path)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def revision_of(connection: sqlite3.Connection, path: str) -> str:
    """The schema revision of the file, "" if it has none yet. Nothing is changed.

    Raises:
        DatabaseCorrupt: the file belongs to another program, or lacks its revision.
        DatabaseTooNew: a newer version of Vespera wrote it.
    """
    # In this order: what another process creates in between must not look like a foreign file.
    has_tables = _has_tables(connection)
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and (has_tables or application_id != 0):
        raise DatabaseCorrupt(
            f"{path}: this is a SQLite database of another program; it was left untouched. Choose"
            " another file."
        )
    if not has_tables:
        return ""
    if "alembic_version" not in _tables(connection):
        raise _damaged(path, "it lacks alembic_version, which says of what version it is")
    revision = _stamp(connection)
    if revision and revision not in REVISIONS:
        raise DatabaseTooNew(
            f"{path}: a newer version of Vespera wrote this file (schema {revision}; this version"
            f" knows {REVISIONS[-1]}); it was left untouched. Upgrade Vespera, or choose another"
            " file."
        )
    return revision


def prepare_memory(connection: sqlite3.Connection) -> None:
    """Give a new database in memory its tables, by copying a finished one."""
    with _preparing_memory:  # named memory may be opened by several at once
        if _has_tables(connection):
            return
        with closing(sqlite3.connect(":memory:")) as template:
            template.deserialize(_template())
            template.backup(connection)


def create_tables(connection: sqlite3.Connection) -> None:
    """Create what the newest migration would lead to, within the open transaction.

    Alembic takes longer to import than all of this takes to run.
    """
    for text in sql.SCHEMA:
        connection.execute(text)
    connection.execute(_ALEMBIC_TABLE)
    connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISIONS[-1],))
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    """Within a transaction that no other process can be in; another may just have done it."""
    revision = revision_of(connection, path)
    if revision == "" and not _has_tables(connection):
        create_tables(connection)
    elif revision != REVISIONS[-1]:
        _migrate(connection, path)
    _refuse_missing_tables(connection, path)


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    # Alembic takes half a second to import, and hardly any file is of an older version.
    from vespera.infrastructure.persistence.migrations.runner import upgrade  # noqa: PLC0415

    try:
        with _migrating:
            upgrade(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise _damaged(
            path, f"its tables are not those of the version it is of ({error})"
        ) from error


def _stamp(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _refuse_missing_tables(connection: sqlite3.Connection, path: str) -> None:
    missing = sorted(set(sql.TABLES) - _tables(connection))
    if missing:
        raise _damaged(path, f"it lacks {', '.join(missing)}")


def _damaged(path: str, what: str) -> DatabaseCorrupt:
    return DatabaseCorrupt(
        f"{path}: this database of Vespera is damaged: {what}; it was left untouched. Restore a"
        " copy of it, or move it away to begin with an empty one."
    )


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@cache
def _template() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection)
        return connection.serialize()
