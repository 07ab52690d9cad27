"""What is ready: for any worker, and for those that take the version which has begun it."""

from typing import Any

import sqlalchemy as sa

from vespera.infrastructure.persistence.tables import (
    NONE,
    ONE,
    READY_FOR_ANY,
    READY_FOR_VERSION,
    tasks,
)

TAKEN = tasks.c.handler_version.is_(None) | (
    sa.func.vespera_takes(tasks.c.specialist_type, tasks.c.handler_version) == ONE
)
"""Asked of this process, of tasks that a version of their handler has begun."""


def taken_versions() -> sa.CTE:
    """The versions of what is ready that this process takes, by type, with the gate of that: a
    seek or two in their index for each version there is, however many tasks it has begun.
    """

    def first(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[str]:
        found = sa.select(tasks.c.id).where(READY_FOR_VERSION, *conditions)
        in_index = found.order_by(kind, version, tasks.c.priority.desc(), tasks.c.id)
        return in_index.limit(ONE).offset(NONE).correlate_except(tasks).scalar_subquery()

    kind, version, one = tasks.c.specialist_type, tasks.c.handler_version, tasks.alias("one")
    columns = one.c.specialist_type, one.c.handler_version, one.c.gate
    found = sa.select(*columns).where(one.c.id == first()).cte("versions", recursive=True)
    last, known = found.c.specialist_type, found.c.handler_version
    behind = sa.func.coalesce(first(kind == last, version > known), first(kind > last))
    every = found.union_all(sa.select(*columns).join_from(found, one, one.c.id == behind))
    takes = sa.func.vespera_takes(every.c.specialist_type, every.c.handler_version)
    return sa.select(every).where(takes == ONE).cte("taken_versions")


def first_for_any(gate: sa.ColumnElement[str], so_many: sa.ColumnElement[int]) -> sa.Select[Any]:
    """The first tasks at the gate that no version has begun."""
    return _first(READY_FOR_ANY, tasks.c.gate == gate).limit(so_many).offset(NONE)


def first_for_version(version: sa.CTE, so_many: sa.ColumnElement[int]) -> sa.Select[Any]:
    """The first tasks of one row of ``taken_versions``."""
    same = (tasks.c[name] == column for name, column in version.c.items())
    return _first(READY_FOR_VERSION, *same).limit(so_many).offset(NONE)


def _first(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(tasks.c.id).where(*conditions).order_by(tasks.c.priority.desc(), tasks.c.id)
