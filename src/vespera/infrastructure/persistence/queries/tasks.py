"""The tasks, and what they wait for."""

from collections.abc import Mapping

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.tables import (
    ASSIGNED,
    AUTO,
    CANCELLED,
    COMPLETED,
    EXECUTED,
    FAILED,
    NONE,
    ONE,
    PENDING,
    RUNNING,
    SET_ASIDE,
    WAITING,
    file_operations,
    task_counts,
    task_dependencies,
    tasks,
)

TASK_COLUMNS = tuple(tasks.c.keys())
_CHANGES = (
    "status",
    "attempt",
    "failures",
    "owner",
    "lease_until",
    "run_after",
    "updated_at",
    "report_id",
    "error",
    "outcome",
)
_NEW: Mapping[str, sa.BindParameter[object]] = {
    name: sa.bindparam(f"new_{name}") for name in _CHANGES
}
_CHANGE = (
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("old_id"), tasks.c.version == sa.bindparam("old_version"))
    .values({**_NEW, "version": tasks.c.version + ONE})
)
_CHANGE_NAMES = (*(f"new_{name}" for name in _CHANGES), "old_id", "old_version")

INSERT_TASK = compiled_insert(tasks)
INSERT_DEPENDENCY = compiled_insert(task_dependencies)
TASK_EXISTS = compiled(
    sa.select(tasks.c.id).where(tasks.c.id == sa.bindparam("id")), "id", expects=1, returns=True
)

_DEPENDENCY = tasks.alias("dependency")
_BLOCKERS = (
    sa.select(sa.func.count())
    .select_from(
        task_dependencies.join(_DEPENDENCY, _DEPENDENCY.c.id == task_dependencies.c.depends_on)
    )
    .where(
        task_dependencies.c.task_id == sa.bindparam("waiting"), _DEPENDENCY.c.status != COMPLETED
    )
    .scalar_subquery()
)
COUNT_BLOCKERS = compiled(
    sa.update(tasks).where(tasks.c.id == sa.bindparam("task")).values(blockers=_BLOCKERS),
    "waiting",
    "task",
    expects=1,
)
UPDATE_TASK = compiled(_CHANGE, *_CHANGE_NAMES, expects=1)
_OPERATIONS = (
    sa.select(sa.func.count())
    .where(file_operations.c.task_id == sa.bindparam("task"))
    .scalar_subquery()
)
COMPLETE_TASK = compiled(
    _CHANGE.where(sa.bindparam("operations") == _OPERATIONS),
    *_CHANGE_NAMES,
    "operations",
    "task",
    expects=1,
)
_DEPENDENTS = sa.select(task_dependencies.c.task_id).where(
    task_dependencies.c.depends_on == sa.bindparam("done")
)
RELEASE_DEPENDENTS = compiled(
    sa.update(tasks).where(tasks.c.id.in_(_DEPENDENTS)).values(blockers=tasks.c.blockers - ONE),
    "done",
)

TASKS_BY_ID = compiled(sa.select(tasks).where(one_of_many(tasks.c.id)))
TASKS_BY_KEY = compiled(sa.select(tasks).where(one_of_many(tasks.c.idempotency_key)))


def _if_given(column: sa.Column[str], name: str) -> sa.ColumnElement[bool]:
    given = sa.bindparam(name, type_=sa.Text)
    return given.is_(None) | (column == sa.bindparam(f"same_{name}", type_=sa.Text))


PAGE_OF_TASKS = compiled(
    sa.select(tasks)
    .where(
        tasks.c.id > sa.bindparam("after"),
        _if_given(tasks.c.status, "status"),
        _if_given(tasks.c.specialist_type, "type"),
    )
    .order_by(tasks.c.id)
    .limit(sa.bindparam("page_size"))
    .offset(NONE),
    "after",
    "status",
    "same_status",
    "type",
    "same_type",
    "page_size",
)


def _count_of(*where: sa.ColumnElement[bool]) -> sa.Select[tuple[str, str, int]]:
    """Unfinished tasks by type; each by an index that holds no others. Grouped by an expression, as
    SQLite would read all tasks in the order of the bare column to save itself a sort.
    """
    name = sa.func.coalesce(tasks.c.specialist_type, tasks.c.specialist_type)
    status = tasks.c.status
    total = sa.func.count().label("total")
    kind = name.label("specialist_type")
    return sa.select(kind, status, total).where(*where).group_by(name, status)


_COUNTS = sa.union_all(
    sa.select(task_counts.c.specialist_type, task_counts.c.status, task_counts.c.total),
    _count_of(tasks.c.status == PENDING, tasks.c.blockers == NONE),
    _count_of(tasks.c.status == PENDING, tasks.c.blockers > NONE),
    _count_of(tasks.c.status.in_([RUNNING, WAITING]), tasks.c.owner.is_not(None)),
    _count_of(tasks.c.status == WAITING, tasks.c.owner.is_(None)),
    *(_count_of(tasks.c.status == status, SET_ASIDE) for status in (EXECUTED, ASSIGNED)),
).subquery("counts")
COUNT_BY_TYPE = compiled(
    sa.select(_COUNTS.c.specialist_type, _COUNTS.c.status, _COUNTS.c.total)
    .where(_COUNTS.c.total > NONE)
    .order_by(_COUNTS.c.specialist_type, _COUNTS.c.status)
)
DEPENDENCIES_OF_TASK = compiled(
    sa.select(tasks)
    .join(task_dependencies, task_dependencies.c.depends_on == tasks.c.id)
    .where(task_dependencies.c.task_id == sa.bindparam("task"))
    .order_by(task_dependencies.c.position),
    "task",
)


def _select_dead_ends() -> sa.Select[tuple[object, ...]]:
    """Through dependencies that are not completed yet; a completed one holds nothing up."""
    direct = (
        sa.select(task_dependencies.c.depends_on.label("id"))
        .where(task_dependencies.c.task_id == sa.bindparam("task"))
        .cte("awaited", recursive=True)
    )
    middle = tasks.alias("middle")
    further = (
        sa.select(task_dependencies.c.depends_on)
        .join(middle, middle.c.id == task_dependencies.c.task_id)
        .join(direct, direct.c.id == middle.c.id)
        .where(middle.c.status != COMPLETED)
    )
    awaited = direct.union(further)
    refused = sa.and_(
        tasks.c.status == EXECUTED, tasks.c.completion == AUTO, tasks.c.error.is_not(None)
    )
    return (
        sa.select(tasks)
        .where(
            tasks.c.id.in_(sa.select(awaited.c.id)),
            tasks.c.status.in_([FAILED, CANCELLED]) | refused,
        )
        .order_by(tasks.c.id)
    )


DEAD_ENDS_OF_TASK = compiled(_select_dead_ends(), "task")
