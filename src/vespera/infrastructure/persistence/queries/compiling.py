"""From a statement of SQLAlchemy to a text."""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.statements import MANY, Statement
from vespera.infrastructure.persistence.stored_values import StoredValue

_PARAMETER = re.compile(r":(\w+)")
_DIALECT = sqlite.dialect(paramstyle="qmark")


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
    stored = _stored_values(text)
    stores = tuple(place for place, name in enumerate(names) if name in stored)
    return Statement(in_one_line(str(text)), expects, returns, stores)


def compiled_by_name(
    clause: sa.ClauseElement, *names: str, expects: int | None = None, returns: bool = False
) -> Statement:
    """As ``compiled``, for a clause that uses its parameters many times: its values are a mapping
    with these ``names``.

    Raises:
        ValueError: the clause has other parameters.
    """
    clause_compiled = clause.compile(dialect=sqlite.dialect(paramstyle="named"))
    text = str(clause_compiled)
    found = dict.fromkeys(_PARAMETER.findall(text))
    if found.keys() != set(names):
        raise ValueError(f"parameters are {tuple(found)}, not {names}, in: {text}")
    stored = _stored_values(clause_compiled)
    stores = tuple(name for name in names if name in stored)
    return Statement(in_one_line(text), expects, returns, stores)


def in_one_line(text: str) -> str:
    """SQL without line breaks; none of ours has white space inside quotes."""
    return " ".join(text.split())


def compiled_insert(table: sa.Table) -> Statement:
    """An insert of one whole row, its values in the order of the table's columns."""
    return compiled(sa.insert(table), *table.c.keys(), expects=1)


def one_of_many(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """``column IN (...)`` whose values are filled in by ``in_chunks``."""
    return column.in_(sa.text(MANY))


def _stored_values(text: Any) -> set[str]:
    """The names of the parameters that are stored values."""
    return {name for name, bind in text.binds.items() if isinstance(bind.type, StoredValue)}
