"""How connections are opened."""

import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vespera.domain.errors import DatabaseCorrupt, DatabaseReadOnly
from vespera.infrastructure.persistence.handler_versions import VersionQuestions
from vespera.infrastructure.persistence.location import Location

_SMALLEST_DATABASE = 512
_WAL_BUG_FIXED = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to open one more connection to a database.

    ``memory_name`` names a database in memory; it lives as long as one connection to it.
    """

    location: Location
    memory_name: str
    durability: str
    patience: float
    versions: VersionQuestions = field(default_factory=VersionQuestions)

    @property
    def needs_turns(self) -> bool:
        """Whether this SQLite can damage a file that several processes write to."""
        return self.location.path is not None and sqlite3.sqlite_version_info < _WAL_BUG_FIXED

    @property
    def lock_path(self) -> Path | None:
        """The lock file by which writers take turns, where SQLite itself needs that help."""
        path = self.location.path
        if path is None or not self.needs_turns:
            return None
        return path.with_name(path.name + ".lock")

    def connect(
        self,
        factory: Callable[..., sqlite3.Connection] = sqlite3.Connection,
        *,
        checkpoints: bool = False,
    ) -> sqlite3.Connection:
        """A new connection. ``checkpoints``: it may move the log into the file, as only the
        writer does; two connections doing so at once can damage the file.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        path = self.location.path
        connection: sqlite3.Connection = factory(
            str(path) if path else f"file:/{self.memory_name}?vfs=memdb",
            uri=path is None,
            timeout=0,  # whoever works with it is patient, and can be called off
            isolation_level=None,  # transactions begin and end where we say so
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            self.versions.install(connection)
            connection.execute("PRAGMA foreign_keys=ON")
            if path:  # in memory there is nothing to be durable, and asking for it takes a lock
                connection.execute(f"PRAGMA synchronous={self.durability}")
            if not checkpoints:
                connection.execute("PRAGMA wal_autocheckpoint=0")
        except BaseException:
            connection.close()
            raise
        return connection


def make_place_for(path: Path) -> None:
    """Make the directory of a database file; ``.vespera`` is its owner's alone.

    Raises:
        DatabaseReadOnly: the directory cannot be made, or not be entered.
        DatabaseCorrupt: what is there is no database; it is not touched.
    """
    parent = path.parent
    try:
        parent.mkdir(
            parents=True, exist_ok=True, mode=0o700 if parent.name == ".vespera" else 0o777
        )
    except OSError as error:
        raise DatabaseReadOnly(
            f"{path}: its directory cannot be made: {error.strerror}; choose another place."
        ) from error
    _refuse_what_is_no_database(path)


def _refuse_what_is_no_database(path: Path) -> None:
    # SQLite judges all but the smallest files. This must not open the file: closing it would drop
    # the locks of all of this process's connections, and others would take them for closed.
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatabaseReadOnly(f"{path}: the file cannot be reached: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise DatabaseCorrupt(f"{path}: this is a directory, not a database file.")
    if 0 < status.st_size < _SMALLEST_DATABASE:
        raise DatabaseCorrupt(
            f"{path}: the file is no database, or its beginning is damaged; it was left untouched."
            " Restore a copy of it, or choose another file."
        )
