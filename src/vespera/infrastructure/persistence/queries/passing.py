"""Whether a task passes a gate, its type's or that of all types."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.tables import EVERY_TYPE, gates, tasks


def has_gate(specialist_type: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether tasks of this type pass one. It is asked for each task that is stored: two questions,
    as SQLite needs longer for one with ``IN``.
    """
    of_type = sa.exists().where(gates.c.specialist_type == specialist_type)
    of_all = sa.exists().where(gates.c.specialist_type == EVERY_TYPE)
    return of_type.correlate(tasks) | of_all
