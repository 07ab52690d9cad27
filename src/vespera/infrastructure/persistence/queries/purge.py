"""Which finished tasks may go, and all that goes with them."""

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.file_tables import (
    file_operations,
    verification_reports,
    waivers,
)
from vespera.infrastructure.persistence.queries.compiling import compiled, one_of_many
from vespera.infrastructure.persistence.statements import Statement
from vespera.infrastructure.persistence.tables import (
    CANCELLED,
    COMPLETED,
    FAILED,
    NONE,
    SET_ASIDE,
    metadata,
    task_counts,
    task_dependencies,
    tasks,
)

_DEPENDENT, _CHILD = tasks.alias("dependent"), tasks.alias("child")
_PARENT, _FINISHED = tasks.alias("parent"), [COMPLETED, FAILED, CANCELLED]
_OWN, _OLDER = file_operations.alias("own"), file_operations.alias("older")


def _places(operation: sa.FromClause) -> tuple[sa.ColumnElement[bytes], ...]:
    return operation.c.path, operation.c.destination


_NEEDED = sa.or_(
    sa.exists()
    .where(
        task_dependencies.c.depends_on == tasks.c.id,
        _DEPENDENT.c.id == task_dependencies.c.task_id,
        _DEPENDENT.c.status.not_in(_FINISHED),
    )
    .correlate(tasks),
    sa.exists()
    .where(_PARENT.c.id == tasks.c.parent_id, _PARENT.c.status.not_in(_FINISHED))
    .correlate(tasks),
    sa.exists().where(_CHILD.c.parent_id == tasks.c.id).correlate(tasks),
    sa.exists()
    .where(
        _OWN.c.task_id == tasks.c.id,
        sa.or_(*(older == own for older in _places(_OLDER) for own in _places(_OWN))),
        _OLDER.c.id < _OWN.c.id,
        _OLDER.c.task_id.is_distinct_from(tasks.c.id),
    )
    .correlate(tasks),
)


def _may_go(status: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        tasks.c.status == status,
        *(() if status is COMPLETED else (SET_ASIDE,)),
        tasks.c.created_at < sa.bindparam("created_before"),
        tasks.c.updated_at < sa.bindparam("updated_before"),
        ~_NEEDED,
    )


def _purgeable(status: sa.ColumnElement[str]) -> Statement:
    return compiled(
        sa.select(tasks.c.id)
        .where(*_may_go(status))
        .order_by(tasks.c.created_at, tasks.c.id)
        .limit(sa.bindparam("how_many"))
        .offset(NONE),
        "created_before",
        "updated_before",
        "how_many",
    )


def _count_purgeable(status: sa.ColumnElement[str]) -> Statement:
    counted = sa.select(sa.func.count()).select_from(tasks).where(*_may_go(status))
    return compiled(counted, "created_before", "updated_before")


PURGEABLE_COMPLETED = _purgeable(COMPLETED)
PURGEABLE_FAILED = _purgeable(FAILED)
PURGEABLE_CANCELLED = _purgeable(CANCELLED)
COUNT_PURGEABLE_COMPLETED = _count_purgeable(COMPLETED)
COUNT_PURGEABLE_FAILED = _count_purgeable(FAILED)
COUNT_PURGEABLE_CANCELLED = _count_purgeable(CANCELLED)
STILL_PURGEABLE = compiled(
    sa.select(tasks.c.id).where(one_of_many(tasks.c.id), tasks.c.status.in_(_FINISHED), ~_NEEDED),
    returns=True,
)
_UNCOUNTED = sqlite.insert(task_counts).from_select(
    ["specialist_type", "status", "total"],
    sa.select(tasks.c.specialist_type, tasks.c.status, -sa.func.count())
    .where(one_of_many(tasks.c.id))
    .group_by(tasks.c.specialist_type, tasks.c.status),
    include_defaults=False,
)
UNCOUNT_TASKS = compiled(
    _UNCOUNTED.on_conflict_do_update(
        index_elements=["specialist_type", "status"],
        set_={"total": task_counts.c.total + _UNCOUNTED.excluded.total},
    )
)
# Whatever points at a task goes with it, also in tables that are yet to come.
_POINTERS = [
    key.parent
    for table in reversed(metadata.sorted_tables)
    for key in sorted(table.foreign_keys, key=lambda key: str(key.parent))
    if key.column is tasks.c.id and table is not tasks
]
PURGE_WHAT_POINTS = tuple(
    compiled(sa.delete(column.table).where(one_of_many(column))).sql for column in _POINTERS
)
PURGE_TASKS = compiled(sa.delete(tasks).where(one_of_many(tasks.c.id)))
PURGE_OPERATIONS = compiled(
    sa.delete(file_operations).where(one_of_many(file_operations.c.task_id))
)
_STAYS = sa.exists().where(tasks.c.report_id == verification_reports.c.id)
PURGE_REPORTS = compiled(
    sa.delete(verification_reports).where(one_of_many(verification_reports.c.task_id), ~_STAYS)
)
PURGE_WAIVERS = compiled(sa.delete(waivers).where(one_of_many(waivers.c.task_id)))
