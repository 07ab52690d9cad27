"""Which gate a task passes, its type's or that of all types."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.tables import EVERY_TYPE, NO_GATE, gates, tasks


def gate_of(specialist_type: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The gate that tasks of this type pass. It is asked for each task that is stored: by two
    questions, as SQLite needs longer for one with ``IN``.
    """
    return sa.func.coalesce(_found(specialist_type), _found(EVERY_TYPE), NO_GATE)


def passes_no_gate(
    specialist_type: sa.ColumnElement[str],
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Whether tasks of this type pass none."""
    names = specialist_type, EVERY_TYPE
    own, of_all = (~sa.exists().where(gates.c.specialist_type == name) for name in names)
    return own, of_all


def _found(name: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    found = sa.select(gates.c.specialist_type).where(gates.c.specialist_type == name)
    return found.correlate(tasks).scalar_subquery()
