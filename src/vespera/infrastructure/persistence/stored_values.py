"""Columns of stored values, some of which are in files."""

import sqlalchemy as sa

NO_BYTES: sa.ColumnElement[bytes] = sa.literal_column("x''")


class StoredValue(sa.LargeBinary):
    """A value as the codec has stored it; or, as a text, the reference to a file that holds it."""


def is_spilled(column: sa.Column[bytes]) -> sa.ColumnElement[bool]:
    """Whether the value is in a file, and a reference here: in SQLite's order, every text comes
    before any bytes. Quicker than to ask for the type, and every write of a task does ask.
    """
    return column < NO_BYTES


def some_spilled(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether one of the row's values is in a file; what the table's index over these says, word
    by word.
    """
    return sa.or_(*map(is_spilled, value_columns(table)))


def value_columns(table: sa.Table) -> list[sa.Column[bytes]]:
    """The columns of stored values."""
    return [column for column in table.c if isinstance(column.type, StoredValue)]
