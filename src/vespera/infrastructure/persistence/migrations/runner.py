"""Brings an older database to the newest schema."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.pool import StaticPool

from vespera.domain.errors import StorageError


def upgrade(connection: sqlite3.Connection, revision: str = "head") -> None:
    """Run the migrations up to ``revision`` within the transaction that is open already.

    Whoever opened it commits it, or rolls all of the migrations back.

    Raises:
        sqlite3.Error: a migration failed.
        StorageError: there is no way from the database's revision to this one.
    """
    try:
        _run(connection, revision)
    except sa.exc.DBAPIError as error:
        raise error.orig or error from error
    except CommandError as error:
        raise StorageError(f"The migrations cannot be run: {error}") from error


def _run(connection: sqlite3.Connection, revision: str) -> None:
    engine = sa.create_engine("sqlite://", creator=lambda: _Held(connection), poolclass=StaticPool)
    with engine.connect() as borrowed, borrowed.begin():
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        config.attributes["connection"] = borrowed
        command.upgrade(config, revision)


class _Held:
    """A driver connection that SQLAlchemy may use, but neither commit, roll back nor close."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...
