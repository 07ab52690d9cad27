"""The tasks, and what they wait for."""

from collections.abc import Mapping

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import file_operations
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_by_name,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.queries.passing import gate_of, passes_no_gate
from vespera.infrastructure.persistence.tables import (
    ASSIGNED,
    AUTO,
    CANCEL,
    CANCELLED,
    COMPLETED,
    EXECUTED,
    FAILED,
    HELD_BACK,
    NO_GATE,
    NONE,
    ONE,
    PENDING,
    READY_FOR_ANY,
    READY_FOR_VERSION,
    RUN,
    RUNNING,
    SET_ASIDE,
    WAITING,
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

_GATE = gate_of(sa.bindparam("gated_type", type_=sa.Text))
_ROW = {
    name: _GATE if name == "gate" else sa.bindparam(f"row_{name}", type_=column.type)
    for name, column in tasks.c.items()
}
_ROW_NAMES = tuple("gated_type" if name == "gate" else f"row_{name}" for name in TASK_COLUMNS)
INSERT_TASK = compiled(sa.insert(tasks).values(_ROW), *_ROW_NAMES, expects=1)
_GIVEN = sa.select(*(value.label(name) for name, value in _ROW.items())).subquery()
INSERT_RUNNING_TASK = compiled(
    sa.insert(tasks).from_select(TASK_COLUMNS, sa.select(_GIVEN).where(_GIVEN.c.gate == NO_GATE)),
    *_ROW_NAMES,
    expects=1,
)

# Most new tasks say little. What they leave out is not bound, as each NULL costs Python's sqlite3
# two searches for an adapter.
SELDOM_GIVEN = (
    *("run_after", "parent_id", "timeout", "idempotency_key", "report_id", "cancelling"),
    *("concurrency_key", "paused_at", "dedup_key", "forked_from", "handler_version"),
    *("error", "outcome"),
)
COUNTED_FROM_ZERO = ("blockers", "failures", "crashes", "news", "spawned", "undoable", "retries")
_BARE = {
    name: NONE if name in COUNTED_FROM_ZERO else value
    for name, value in _ROW.items()
    if name not in SELDOM_GIVEN and name != "gate"
}
_BARE_NAMES = tuple(f"row_{name}" for name in _BARE if name not in COUNTED_FROM_ZERO)
_BARE_VALUES = sa.select(*(value.label(name) for name, value in _BARE.items()))
INSERT_BARE_TASK = compiled(
    sa.insert(tasks).from_select((*_BARE, "gate"), _BARE_VALUES.add_columns(_GATE)),
    *(*_BARE_NAMES, "gated_type"),
    expects=1,
)
INSERT_BARE_RUNNING_TASK = compiled(
    sa.insert(tasks).from_select(
        (*_BARE, "gate"),
        _BARE_VALUES.add_columns(NO_GATE).where(
            *passes_no_gate(sa.bindparam("gated_type", type_=sa.Text))
        ),
    ),
    *(*_BARE_NAMES, "gated_type"),
    expects=1,
)
INSERT_DEPENDENCY = compiled_insert(task_dependencies)
TASK_EXISTS = compiled(
    sa.select(tasks.c.id).where(tasks.c.id == sa.bindparam("id")), "id", expects=1, returns=True
)

_DEPENDENCY = tasks.alias("dependency")


def settles(waiting: sa.FromClause, dependency: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a task does not wait any more for one that it depends on, as the row of
    ``task_dependencies`` says that lies between them.
    """
    runs = waiting.c.on_failed_dependency == RUN
    ended_badly = dependency.c.status.in_([FAILED, CANCELLED])
    freed = task_dependencies.c.freed == ONE
    return (dependency.c.status == COMPLETED) | sa.and_(runs, ended_badly) | freed


_BLOCKERS = (
    sa.select(sa.func.count())
    .select_from(
        task_dependencies.join(_DEPENDENCY, _DEPENDENCY.c.id == task_dependencies.c.depends_on)
    )
    .where(task_dependencies.c.task_id == sa.bindparam("waiting"), ~settles(tasks, _DEPENDENCY))
    .correlate(tasks)
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
_COMPLETION = _CHANGE.where(sa.bindparam("operations") == _OPERATIONS)
COMPLETE_TASK = compiled(
    _COMPLETION,
    *_CHANGE_NAMES,
    "operations",
    "task",
    expects=1,
)
_LET_GO = ("owner", "lease_until", "run_after", "report_id", "error")
COMPLETE_BARE_TASK = compiled(
    _COMPLETION.values(dict.fromkeys(_LET_GO, sa.null())),
    *(name for name in _CHANGE_NAMES if name.removeprefix("new_") not in _LET_GO),
    "operations",
    "task",
    expects=1,
)
_DEPENDENTS = sa.select(task_dependencies.c.task_id).where(
    task_dependencies.c.depends_on == sa.bindparam("done"), task_dependencies.c.freed == NONE
)
RELEASE_DEPENDENTS = compiled(
    sa.update(tasks).where(tasks.c.id.in_(_DEPENDENTS)).values(blockers=tasks.c.blockers - ONE),
    "done",
)

_FAILED = sa.bindparam("failed", type_=sa.Text)


def doomed() -> sa.CTE:
    """The task that failed, and those that are cancelled with it, also through others."""
    found = sa.select(_FAILED.label("id")).cte("doomed", recursive=True)
    behind = tasks.alias("behind")
    further = (
        sa.select(behind.c.id)
        .join(task_dependencies, task_dependencies.c.task_id == behind.c.id)
        .join(found, found.c.id == task_dependencies.c.depends_on)
        .where(behind.c.on_failed_dependency == CANCEL, behind.c.status == PENDING)
    )
    return found.union(further)


def _freed() -> sa.Update:
    """Those that run all the same wait for the doomed no more."""
    lost = sa.select(doomed().c.id).correlate(None)
    edges = task_dependencies.alias("edges")
    theirs = sa.and_(
        edges.c.task_id == tasks.c.id, edges.c.depends_on.in_(lost), edges.c.freed == NONE
    )
    fewer = sa.select(sa.func.count()).select_from(edges).where(theirs).scalar_subquery()
    dependents = sa.select(task_dependencies.c.task_id).where(
        task_dependencies.c.depends_on.in_(lost)
    )
    return (
        sa.update(tasks)
        .where(tasks.c.id.in_(dependents), tasks.c.on_failed_dependency == RUN)
        .values(blockers=tasks.c.blockers - fewer)
    )


FREE_DEPENDENTS = compiled_by_name(_freed(), "failed")


def _told(of: sa.FromClause) -> sa.ColumnElement[str]:
    """A stored failure that names the task whose end it is due to."""
    text = sa.func.printf(_WAITS_FOR, of.c.id, of.c.title, of.c.status)
    return sa.func.json_array(sa.func.json_array(_DEPENDENCY_FAILED), text, _NO_TRACE)


_WAITS_FOR: sa.ColumnElement[str] = sa.literal_column("'it waited for %s (%s), which is %s'")
_DEPENDENCY_FAILED: sa.ColumnElement[str] = sa.literal_column("'DependencyFailed'")
_NO_TRACE: sa.ColumnElement[str] = sa.literal_column("''")
_LOST = (tasks.c.id, tasks.c.attempt, tasks.c.updated_at, tasks.c.error, tasks.c.specialist_type)
CANCEL_DEPENDENTS = compiled_by_name(
    sa.update(tasks)
    .where(tasks.c.id.in_(sa.select(doomed().c.id)), tasks.c.id != _FAILED)
    .values(
        status=CANCELLED,
        version=tasks.c.version + ONE,
        updated_at=sa.bindparam("now"),
        error=sa.select(_told(_DEPENDENCY)).where(_DEPENDENCY.c.id == _FAILED).scalar_subquery(),
    )
    .returning(*_LOST),
    "failed",
    "now",
    returns=True,
)
_ENDED_BADLY = (
    sa.select(_told(_DEPENDENCY))
    .join(task_dependencies, task_dependencies.c.depends_on == _DEPENDENCY.c.id)
    .where(
        task_dependencies.c.task_id == sa.bindparam("task", type_=sa.Text),
        _DEPENDENCY.c.status.in_([FAILED, CANCELLED]),
    )
    .order_by(task_dependencies.c.position)
    .limit(ONE)
    .offset(NONE)
)
CANCEL_IF_DOOMED = compiled_by_name(
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("task", type_=sa.Text), sa.exists(_ENDED_BADLY))
    .values(status=CANCELLED, error=_ENDED_BADLY.scalar_subquery())
    .returning(*_LOST),
    "task",
    returns=True,
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
    _count_of(READY_FOR_ANY),
    _count_of(READY_FOR_VERSION),
    _count_of(tasks.c.status == PENDING, HELD_BACK),
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
    first = tasks.alias("first")
    direct = (
        sa.select(task_dependencies.c.depends_on.label("id"))
        .join(first, first.c.id == task_dependencies.c.task_id)
        .join(_DEPENDENCY, _DEPENDENCY.c.id == task_dependencies.c.depends_on)
        .where(first.c.id == sa.bindparam("task"), ~settles(first, _DEPENDENCY))
        .cte("awaited", recursive=True)
    )
    middle, below = tasks.alias("middle"), tasks.alias("below")
    further = (
        sa.select(task_dependencies.c.depends_on)
        .join(middle, middle.c.id == task_dependencies.c.task_id)
        .join(below, below.c.id == task_dependencies.c.depends_on)
        .join(direct, direct.c.id == middle.c.id)
        .where(middle.c.status != COMPLETED, ~settles(middle, below))
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
