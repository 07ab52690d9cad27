"""What goes wrong with the database; part of the tree in ``errors``, from where they are to be
imported.
"""

from vespera.domain.vespera_error import VesperaError


class StorageError(VesperaError):
    """The database cannot do its work."""


class DatabaseLocked(StorageError):
    """Somebody else holds the database for too long."""


class DatabaseReadOnly(StorageError):
    """The database, or the directory it lies in, cannot be written."""


class DatabaseFull(StorageError):
    """The disk, or the database's size limit, is full."""


class DatabaseCorrupt(StorageError):
    """The file is damaged, or is no database."""


class DatabaseTooNew(StorageError):
    """The file was written by a newer version of Vespera."""


class DatabaseClosed(StorageError):
    """The database was closed while it was asked for something."""


class DuplicateRow(StorageError):
    """A row with this key exists already."""


class NestedUnitOfWork(StorageError):
    """A unit of work was opened inside another; the outer one already commits it all."""


class ForeignUnitOfWork(StorageError):
    """A unit of work belongs to the asyncio task that opened it, until its block ends."""
