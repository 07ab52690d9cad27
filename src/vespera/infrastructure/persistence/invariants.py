"""What is true of every database that only Vespera has written to, in SQL.

Each rule is a query for what breaks it. The engine's own transactions never do, at any moment; so
whatever a rule finds was done to the file by others, by a damaged disk, or by a defect.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from vespera.domain.schedule import CatchUp, Overlap
from vespera.domain.task import ALLOWED, Completion
from vespera.infrastructure.persistence.file_tables import file_operations, verification_reports
from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.queries.gates import GATE
from vespera.infrastructure.persistence.queries.tasks import settles
from vespera.infrastructure.persistence.statements import Statement
from vespera.infrastructure.persistence.tables import (
    CANCELLED,
    COMPLETED,
    EXECUTED,
    FAILED,
    NO_GATE,
    NONE,
    ONE,
    RUNNING,
    UNFINISHED,
    WAITING,
    metadata,
    schedules,
    steps,
    task_counts,
    task_dependencies,
    tasks,
)


class Rule(NamedTuple):
    """``text`` says what is wrong of each row that ``statement`` finds."""

    name: str
    statement: Statement
    text: str


def _rule(name: str, text: str, found: sa.Select[Any]) -> Rule:
    return Rule(name, compiled(found), text)


def _of_tasks(name: str, text: str, *conditions: sa.ColumnElement[bool]) -> Rule:
    """A rule for single tasks, which ``text`` names by their id."""
    return _rule(name, text, sa.select(tasks.c.id).where(*conditions).order_by(tasks.c.id))


def _among(column: sa.Column[str], values: list[str]) -> sa.ColumnElement[bool]:
    return column.in_([sa.literal_column(f"'{value}'") for value in values])


def _orphans() -> list[Rule]:
    """A rule for each foreign key: what it points at is there."""
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    return [_orphans_of(key) for key in sorted(keys, key=lambda key: str(key.parent))]


def _orphans_of(key: sa.ForeignKey) -> Rule:
    table, there = key.parent.table, key.column.table
    target = there.alias("target")
    own = [column for column in table.primary_key.columns if column is not key.parent]
    known = sa.exists().where(target.c[key.column.name] == key.parent)
    found = (
        sa.select(key.parent, *own)
        .where(key.parent.is_not(None), ~known)
        .order_by(*table.primary_key.columns)
    )
    row = "".join(f" {column.name} {{{place}}}" for place, column in enumerate(own, 1))
    text = f"{table.name}{row}: {key.parent.name} {{0}} is not in {there.name}"
    return _rule("orphan", text, found)


def _broken_json() -> list[Rule]:
    """A rule for each column whose text is JSON."""
    columns = (
        tasks.c.retry,
        tasks.c.error,
        *(file_operations.c[name] for name in ("before", "after", "context", "metadata")),
        file_operations.c.expected,
        verification_reports.c.findings,
    )
    return [
        _rule(
            "json",
            f"{column.table.name} id {{0}}: {column.name} is no JSON",
            sa.select(column.table.c.id)
            .where(column.is_not(None), sa.func.json_valid(column) == NONE)
            .order_by(column.table.c.id),
        )
        for column in columns
    ]


_DEPENDENCY = tasks.alias("dependency")
_OPEN = (
    sa.select(sa.func.count())
    .select_from(
        task_dependencies.join(_DEPENDENCY, _DEPENDENCY.c.id == task_dependencies.c.depends_on)
    )
    .where(task_dependencies.c.task_id == tasks.c.id, ~settles(tasks, _DEPENDENCY))
    .correlate(tasks)
    .scalar_subquery()
)
_COUNTERS_THAT_CANNOT_BE = sa.or_(
    tasks.c.failures > tasks.c.attempt,
    tasks.c.crashes > tasks.c.attempt,
    tasks.c.failures < NONE,
    tasks.c.crashes < NONE,
    tasks.c.version < ONE,
)
_UNHELD = tasks.c.owner.is_(None) | tasks.c.lease_until.is_(None)
_HELD = tasks.c.owner.is_not(None) | tasks.c.lease_until.is_not(None)
_SAME = sa.and_(
    tasks.c.specialist_type == task_counts.c.specialist_type,
    tasks.c.status == task_counts.c.status,
)
_COUNTED = (
    sa.select(sa.func.count())
    .select_from(tasks)
    .where(_SAME)
    .correlate(task_counts)
    .scalar_subquery()
)
_IS_COUNTED = sa.exists().where(_SAME).correlate(tasks)
_SIGNED = sa.exists().where(verification_reports.c.id == tasks.c.report_id)

RULES = (
    *_orphans(),
    _of_tasks(
        "status", "task {0} has a status that does not exist", ~_among(tasks.c.status, [*ALLOWED])
    ),
    _of_tasks(
        "status",
        "task {0} is completed in a way that does not exist",
        ~_among(tasks.c.completion, [*Completion]),
    ),
    _of_tasks(
        "owner",
        "task {0} is running, but nobody holds it; it will never be taken back",
        tasks.c.status == RUNNING,
        _UNHELD,
    ),
    _of_tasks(
        "owner",
        "task {0} is held, but not running",
        tasks.c.status.not_in([RUNNING, WAITING]),
        _HELD,
    ),
    _of_tasks(
        "owner",
        "task {0} is held by half: it has an owner without a lease, or a lease without an owner",
        tasks.c.status == WAITING,
        tasks.c.owner.is_(None) != tasks.c.lease_until.is_(None),
    ),
    _of_tasks(
        "wait",
        "task {0} is waiting, but for nothing",
        tasks.c.status == WAITING,
        ~sa.exists().where(steps.c.task_id == tasks.c.id, steps.c.awaits.is_not(None)),
    ),
    _rule(
        "blockers",
        "task {0} waits for {1} others by its count, but for {2} in fact",
        sa.select(tasks.c.id, tasks.c.blockers, _OPEN)
        .where(tasks.c.blockers != _OPEN)
        .order_by(tasks.c.id),
    ),
    _of_tasks(
        "blockers",
        "task {0} is running, but waits for others",
        tasks.c.status == RUNNING,
        tasks.c.blockers > NONE,
    ),
    _of_tasks(
        "attempt",
        "task {0} is running, but no attempt at it was begun",
        tasks.c.status == RUNNING,
        tasks.c.attempt < ONE,
    ),
    _of_tasks(
        "attempt",
        "task {0} has counters that cannot be: more failures or crashes than attempts, or less"
        " than nothing",
        _COUNTERS_THAT_CANNOT_BE,
    ),
    _of_tasks(
        "outcome",
        "task {0} is done, but has no outcome",
        tasks.c.status.in_([EXECUTED, COMPLETED]),
        tasks.c.outcome.is_(None),
    ),
    _of_tasks(
        "error",
        "task {0} has ended badly, but no error says why",
        tasks.c.status.in_([FAILED, CANCELLED]),
        tasks.c.error.is_(None),
    ),
    _of_tasks(
        "report",
        "task {0} rests on a verification report that is not there",
        tasks.c.report_id.is_not(None),
        ~_SIGNED,
    ),
    _rule(
        "step",
        "step {1} (occurrence {2}) of task {0} has both a value and an error, or neither",
        sa.select(steps.c.task_id, steps.c.name, steps.c.occurrence)
        .where(steps.c.awaits.is_(None), steps.c.value.is_(None) == steps.c.error.is_(None))
        .order_by(steps.c.task_id, steps.c.name, steps.c.occurrence),
    ),
    _of_tasks(
        "gate",
        "task {0} has a type that is limited or paused, but would not pass its gate",
        tasks.c.gate != GATE,
        UNFINISHED,
        GATE != NO_GATE,
    ),
    _of_tasks(
        "gate",
        "task {0} waits at a gate that is not there; it will never begin",
        tasks.c.gate != NO_GATE,
        UNFINISHED,
        GATE == NO_GATE,
    ),
    _rule(
        "schedule",
        "schedule {0} has both a cron text and a distance, or neither",
        sa.select(schedules.c.name)
        .where(schedules.c.cron.is_(None) == schedules.c.every.is_(None))
        .order_by(schedules.c.name),
    ),
    _rule(
        "schedule",
        "schedule {0} has a policy that does not exist",
        sa.select(schedules.c.name)
        .where(
            ~_among(schedules.c.catch_up, [*CatchUp])
            | ~_among(schedules.c.overlap, [*Overlap])
            | schedules.c.paused.not_in([NONE, ONE])
        )
        .order_by(schedules.c.name),
    ),
    *_broken_json(),
    _rule(
        "counts",
        "there are {3} {1} tasks of the type {0}, but {2} are counted",
        sa.select(
            task_counts.c.specialist_type, task_counts.c.status, task_counts.c.total, _COUNTED
        )
        .where(task_counts.c.total != _COUNTED)
        .order_by(task_counts.c.specialist_type, task_counts.c.status),
    ),
    _rule(
        "counts",
        "{1} tasks of the type {0} are not counted",
        sa.select(tasks.c.specialist_type, tasks.c.status)
        .where(tasks.c.status.in_([COMPLETED, FAILED, CANCELLED]), ~_IS_COUNTED)
        .distinct()
        .order_by(tasks.c.specialist_type, tasks.c.status),
    ),
)
"""All rules that a query can tell."""

UNFINISHED_EDGES = compiled(
    sa.select(task_dependencies.c.task_id, task_dependencies.c.depends_on)
    .join(_DEPENDENCY, _DEPENDENCY.c.id == task_dependencies.c.depends_on)
    .where(_DEPENDENCY.c.status != COMPLETED)
)
"""Who waits for whom, as pairs; a circle of them would wait for ever."""
