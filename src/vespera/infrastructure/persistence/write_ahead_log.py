"""When what was committed moves from the log into the database file."""

import os
import sqlite3
from pathlib import Path

_ENOUGH = 4 * 1024 * 1024


class WriteAheadLog:
    """The log of a file, moved into it whenever it has grown by four megabytes.

    SQLite would do so by itself, within some commit, and that commit would take many times as
    long as the others. ``path`` None: SQLite does it by itself, or there is no log.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = None if path is None else path.with_name(path.name + "-wal")
        self._limit = _ENOUGH
        self.is_long = False

    def look(self) -> None:
        """See whether it ``is_long``, and it is time to ``move``."""
        self.is_long = self._path is not None and self._size(self._path) >= self._limit

    def move(self, connection: sqlite3.Connection) -> None:
        """Move as much of the log as nobody reads, and make it short again if that is all of it.

        Raises:
            sqlite3.Error: the disk is in trouble; the log stays, and nothing is lost.
        """
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.is_long = False
        if self._path is not None:
            self._limit = self._size(self._path) + _ENOUGH

    def _size(self, path: Path) -> int:
        try:
            return os.stat(path).st_size  # noqa: PTH116 -- twice as fast, for every commit
        except OSError:
            return 0
