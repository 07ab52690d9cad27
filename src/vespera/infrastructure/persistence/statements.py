"""SQL texts, compiled once from the tables, and the writes that a unit of work is made of."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.domain.errors import VesperaError

Row = tuple[Any, ...]
Rows = list[Row]

_DIALECT = sqlite.dialect(paramstyle="qmark")
_MANY = "__many__"
_AT_ONCE = 500
"""Values in one ``IN (...)``; old SQLite builds accept 999 parameters in all."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled SQL text. ``expects`` rows must be changed (or returned, if it ``returns`` rows);
    ``None``: any number.
    """

    sql: str
    expects: int | None = None
    returns: bool = False


class Write(NamedTuple):
    """One statement of a unit of work; ``refusal`` makes the error for an unexpected row count.

    A named tuple, as making one is on the hot path.
    """

    statement: Statement
    values: Sequence[object]
    refusal: Callable[[], VesperaError] | None = None


def compiled(
    clause: sa.ClauseElement, *names: str, expects: int | None = None, returns: bool = False
) -> Statement:
    """Compile ``clause``; its parameters must be ``names``, in this order (insert: the columns).

    Raises:
        ValueError: the parameters come in another order, so values would go to wrong columns.
    """
    text = clause.compile(dialect=_DIALECT)
    order = tuple(getattr(text, "positiontup", None) or ())
    if order != names:
        raise ValueError(f"parameters are {order}, not {names}, in: {text}")
    return Statement(str(text), expects, returns)


def compiled_insert(table: sa.Table) -> Statement:
    """An insert of one whole row, its values in the order of the table's columns."""
    return compiled(sa.insert(table), *table.c.keys(), expects=1)


def one_of_many(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """``column IN (...)`` whose values are filled in by ``in_chunks``."""
    return column.in_(sa.text(_MANY))


def in_chunks(statement: Statement, values: Sequence[object]) -> Iterator[tuple[str, Row]]:
    """The SQL texts and parameters that together cover all of the values."""
    for start in range(0, len(values), _AT_ONCE):
        chunk = tuple(values[start : start + _AT_ONCE])
        yield statement.sql.replace(_MANY, ",".join("?" * len(chunk))), chunk
