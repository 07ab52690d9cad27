"""Whether the database file is still the one that was opened."""

import os
from pathlib import Path

from vespera.domain.errors import StorageError

_Identity = tuple[int, int]


class PinnedFile:
    """The file that was opened, as distinct from what bears its name now.

    SQLite goes on writing to a file that was removed, and all of it is lost at the close.
    ``path`` None: there is no file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._identity: _Identity | None = None

    def pin(self) -> None:
        """From now on, this must be the file."""
        self._identity = _identity(self._path) if self._path else None

    def check(self) -> None:
        """Make sure of it, in some microseconds.

        Raises:
            StorageError: the file was removed, moved or replaced since.
        """
        if self._identity is None or self._path is None:
            return
        if _identity(self._path, otherwise=self._identity) != self._identity:
            raise StorageError(
                f"{self._path}: the database file was removed, moved or replaced while it was open;"
                " nothing of this transaction was written. Put the file back, or stop the database"
                " and start it again with the file that is there now."
            )


def _identity(path: Path, otherwise: _Identity | None = None) -> _Identity | None:
    """What tells one file from another; None if it is gone, ``otherwise`` if that is unknown."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- twice as fast, for every commit
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return otherwise
    return status.st_dev, status.st_ino
