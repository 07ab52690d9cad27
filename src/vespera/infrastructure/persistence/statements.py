"""SQL texts, and the writes that a unit of work is made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vespera.domain.errors import VesperaError

Row = tuple[Any, ...]
Rows = list[Row]

MANY = "__many__"
"""Stands for the values in ``IN (...)``, which ``in_chunks`` fills in."""
_AT_ONCE = 500
"""Values in one ``IN (...)``; old SQLite builds accept 999 parameters in all."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled SQL text. ``expects`` rows must be changed (or returned, if it ``returns`` rows);
    ``None``: any number. ``stores``: those of its parameters, by place or by name, that are values
    as the codec has stored them.
    """

    sql: str
    expects: int | None = None
    returns: bool = False
    stores: tuple[int | str, ...] = ()


class Entry(NamedTuple):
    """An event to be told: when it happened (microseconds since 1970), and its JSON text."""

    at: int
    text: str


Told = Sequence[Entry] | Callable[[Rows], Sequence[Entry]]
"""The events of a write, or how its returned rows tell them."""


class Tally(NamedTuple):
    """``change`` more tasks of the type stand there: completed, failed or cancelled."""

    specialist_type: str
    status: str
    change: int = 1


Tallied = Tally | Callable[[Rows], Sequence[Tally]] | None
"""The tally of a write, or how its returned rows are counted."""


class AuditNote(NamedTuple):
    """What the audit trail is to be told: when it happened (microseconds since 1970), of what kind
    it is, and its canonical JSON.
    """

    at: int
    kind: str
    payload: str


Values = Sequence[object] | Mapping[str, object]
"""Of a statement's parameters: in their order, or by name."""


class Write(NamedTuple):
    """One statement of a unit of work; ``refusal`` makes the error for an unexpected row count.

    ``told``, ``tally`` and ``audited`` are kept in the same transaction. A named tuple, as making
    one is on the hot path.
    """

    statement: Statement
    values: Values
    refusal: Callable[[], VesperaError] | None = None
    told: Told = ()
    tally: Tallied = None
    audited: Sequence[AuditNote] = ()


def in_chunks(statement: Statement, values: Sequence[object]) -> Iterator[tuple[str, Row]]:
    """The SQL texts and parameters that together cover all of the values."""
    for start in range(0, len(values), _AT_ONCE):
        chunk = tuple(values[start : start + _AT_ONCE])
        yield statement.sql.replace(MANY, ",".join("?" * len(chunk))), chunk
