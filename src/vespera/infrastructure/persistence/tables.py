"""The tables, as SQLAlchemy Core sees them; every SQL text of this room is compiled from here.

Moments are microseconds since 1970 (UTC), ids are time-ordered text, structured values are JSON
text. Tables are clustered by their ids (no rowid), which time-ordered ids keep append-only, and
large columns come last, so that reading the small ones does not touch them.
"""

import sqlalchemy as sa

from vespera.domain.flow import ALL_TYPES
from vespera.domain.task import SUSPICIOUS
from vespera.infrastructure.persistence import (
    cost_tables,
    file_tables,
    guard_tables,
    resource_tables,
)
from vespera.infrastructure.persistence.stored_values import (
    StoredValue,
    some_spilled,
    value_columns,
)

# One for all rooms.
_ROOMS = (cost_tables, file_tables, guard_tables, resource_tables)
(metadata,) = {room.metadata for room in _ROOMS}

PENDING: sa.ColumnElement[str] = sa.literal_column("'pending'")
RUNNING: sa.ColumnElement[str] = sa.literal_column("'running'")
WAITING: sa.ColumnElement[str] = sa.literal_column("'waiting'")
ASSIGNED: sa.ColumnElement[str] = sa.literal_column("'assigned'")
EXECUTED: sa.ColumnElement[str] = sa.literal_column("'executed'")
COMPLETED: sa.ColumnElement[str] = sa.literal_column("'completed'")
FAILED: sa.ColumnElement[str] = sa.literal_column("'failed'")
CANCELLED: sa.ColumnElement[str] = sa.literal_column("'cancelled'")
CANCEL: sa.ColumnElement[str] = sa.literal_column("'cancel'")
AUTO: sa.ColumnElement[str] = sa.literal_column("'auto'")
RUN: sa.ColumnElement[str] = sa.literal_column("'run'")
NO_GATE: sa.ColumnElement[str] = sa.literal_column("''")
EVERY_TYPE: sa.ColumnElement[str] = sa.literal_column(f"'{ALL_TYPES}'")
NONE: sa.ColumnElement[int] = sa.literal_column("0")
ONE: sa.ColumnElement[int] = sa.literal_column("1")

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("priority", sa.BigInteger, nullable=False),
    sa.Column("blockers", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("crashes", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.BigInteger),
    sa.Column("run_after", sa.BigInteger),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("completion", sa.Text, nullable=False),
    sa.Column("specialist_type", sa.Text, nullable=False),
    sa.Column("parent_id", sa.Text, sa.ForeignKey("tasks.id")),
    sa.Column("timeout", sa.Double),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("request_digest", sa.Text, nullable=False),
    sa.Column("report_id", sa.Text),
    sa.Column("retry", sa.Text, nullable=False),
    sa.Column("news", sa.BigInteger, nullable=False),
    sa.Column("spawned", sa.BigInteger, nullable=False),
    sa.Column("undoable", sa.BigInteger, nullable=False),
    sa.Column("on_parent_end", sa.Text, nullable=False),
    sa.Column("cancelling", sa.Text),
    sa.Column("concurrency_key", sa.Text),
    sa.Column("paused_at", sa.BigInteger),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("on_failed_dependency", sa.Text, nullable=False),
    sa.Column("dedup_key", sa.Text),
    sa.Column("retries", sa.BigInteger, nullable=False),
    sa.Column("forked_from", sa.Text),
    sa.Column("handler_version", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("payload", StoredValue, nullable=False),
    sa.Column("outcome", StoredValue),
    sqlite_with_rowid=False,
)
_CALM: sa.ColumnElement[int] = sa.literal_column(str(SUSPICIOUS))
_READY = (tasks.c.status == PENDING) & (tasks.c.blockers == NONE) & tasks.c.paused_at.is_(None)
_SIMPLY_READY = _READY & tasks.c.run_after.is_(None) & (tasks.c.crashes < _CALM)
# What is rare is asked first, as every write of a task does ask.
# ``gate`` is the type, if that is limited or paused; or that of all types, if they are. So tasks
# that wait at a gate lie apart, as do those that a version of their handler has begun: nobody walks
# over what he may not, or does not, take.
READY_FOR_ANY = _SIMPLY_READY & tasks.c.handler_version.is_(None)
READY_FOR_VERSION = tasks.c.handler_version.is_not(None) & _SIMPLY_READY
sa.Index(
    "tasks_ready",
    tasks.c.gate,
    tasks.c.priority.desc(),
    tasks.c.id,
    sqlite_where=READY_FOR_ANY,
)
sa.Index(
    "tasks_ready_by_version",
    tasks.c.specialist_type,
    tasks.c.handler_version,
    tasks.c.priority.desc(),
    tasks.c.id,
    sqlite_where=READY_FOR_VERSION,
)
sa.Index("tasks_suspicious", tasks.c.id, sqlite_where=(tasks.c.crashes >= _CALM) & _READY)
sa.Index(
    "tasks_delayed",
    tasks.c.run_after,
    sqlite_where=tasks.c.run_after.is_not(None) & _READY,
)
sa.Index(
    "tasks_running_through_gates",
    tasks.c.gate,
    tasks.c.concurrency_key,
    sqlite_where=(tasks.c.status == RUNNING) & (tasks.c.gate != NO_GATE),
)
sa.Index(
    "tasks_held",
    tasks.c.owner,
    tasks.c.lease_until,
    sqlite_where=tasks.c.owner.is_not(None),
)
sa.Index(
    "tasks_asleep",
    tasks.c.run_after,
    sqlite_where=(tasks.c.status == WAITING) & tasks.c.owner.is_(None),
)
sa.Index("tasks_called_off", tasks.c.id, sqlite_where=tasks.c.cancelling.is_not(None))
sa.Index("tasks_children", tasks.c.parent_id, sqlite_where=tasks.c.parent_id.is_not(None))
HELD_BACK: sa.ColumnElement[bool] = sa.or_(
    tasks.c.blockers > NONE,
    tasks.c.paused_at.is_not(None),
    tasks.c.run_after.is_not(None),
    tasks.c.crashes >= _CALM,
)
"""Pending tasks that are not simply ready. SQLite uses the index only where a query says just this,
word by word; so with the next one.
"""
sa.Index(
    "tasks_held_back",
    tasks.c.specialist_type,
    sqlite_where=sa.and_(tasks.c.status == PENDING, HELD_BACK),
)
SET_ASIDE: sa.ColumnElement[bool] = sa.or_(
    *(tasks.c.status == status for status in (ASSIGNED, EXECUTED, FAILED, CANCELLED))
)
"""Where few tasks stand. By ``IN`` SQLite would make a table of them at every write of a task."""

sa.Index(
    "tasks_set_aside",
    tasks.c.status,
    tasks.c.created_at,
    tasks.c.id,
    tasks.c.specialist_type,
    sqlite_where=SET_ASIDE,
)
sa.Index("tasks_of_type", tasks.c.specialist_type, tasks.c.created_at, tasks.c.id)
sa.Index("tasks_by_age", tasks.c.created_at, tasks.c.id)
sa.Index(
    "tasks_with_error", tasks.c.created_at, tasks.c.id, sqlite_where=tasks.c.error.is_not(None)
)
sa.Index("tasks_by_report", tasks.c.report_id, sqlite_where=tasks.c.report_id.is_not(None))
sa.Index(
    "tasks_by_key",
    tasks.c.idempotency_key,
    unique=True,
    sqlite_where=tasks.c.idempotency_key.is_not(None),
)
UNFINISHED: sa.ColumnElement[bool] = sa.and_(
    *(tasks.c.status != status for status in (COMPLETED, FAILED, CANCELLED))
)
sa.Index(
    "tasks_by_dedup_key",
    tasks.c.dedup_key,
    tasks.c.specialist_type,
    sqlite_where=tasks.c.dedup_key.is_not(None) & UNFINISHED,
)
sa.Index(
    "tasks_to_begin_by_dedup_key",
    tasks.c.dedup_key,
    tasks.c.specialist_type,
    unique=True,
    sqlite_where=tasks.c.dedup_key.is_not(None)
    & (tasks.c.status == PENDING)
    & (tasks.c.attempt == NONE),
)

# ``freed``: the one does not wait for the other any more, whatever becomes of that.
task_dependencies = sa.Table(
    "task_dependencies",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("depends_on", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("freed", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("task_dependencies_dependents", task_dependencies.c.depends_on)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("occurrence", sa.BigInteger, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("wake_at", sa.BigInteger),
    sa.Column("awaits", sa.Text),
    sa.Column("value", StoredValue),
    sa.Column("error", StoredValue),
    sqlite_with_rowid=False,
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("payload", StoredValue, nullable=False),
    sqlite_with_rowid=False,
)

# One row for each commit that told something: ``entries`` is a JSON list of its events, ``mark``
# the newest moment that was told up to here. No row is updated, and none goes into an index.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mark", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.Text, nullable=False),
)

progress = sa.Table(
    "progress",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Double, nullable=False),
    sa.Column("total", sa.Double),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

# How many finished tasks there are; those that are not finished are counted when it is asked.
task_counts = sa.Table(
    "task_counts",
    metadata,
    sa.Column("specialist_type", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("paused", sa.BigInteger, nullable=False),
    sa.Column("next_due", sa.BigInteger),
    sa.Column("last_due", sa.BigInteger),
    sa.Column("last_task_id", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("cron", sa.Text),
    sa.Column("every", sa.Double),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("catch_up", sa.Text, nullable=False),
    sa.Column("most_catch_up", sa.BigInteger, nullable=False),
    sa.Column("overlap", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("specialist_type", sa.Text, nullable=False),
    sa.Column("request", StoredValue, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index(
    "schedules_due",
    schedules.c.next_due,
    sqlite_where=(schedules.c.paused == NONE) & schedules.c.next_due.is_not(None),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("occurrence", sa.BigInteger, primary_key=True),
    sa.Column("beaten_at", sa.BigInteger, nullable=False),
    sa.Column("detail", StoredValue, nullable=False),
    sqlite_with_rowid=False,
)


# Times that a rate is counted in are microseconds.
gates = sa.Table(
    "gates",
    metadata,
    sa.Column("specialist_type", sa.Text, primary_key=True),
    sa.Column("paused_at", sa.BigInteger),
    sa.Column("max_concurrent", sa.BigInteger),
    sa.Column("max_concurrent_per_key", sa.BigInteger),
    sa.Column("rate_count", sa.BigInteger),
    sa.Column("rate_per", sa.BigInteger),
    sa.Column("key_rate_count", sa.BigInteger),
    sa.Column("key_rate_per", sa.BigInteger),
    sqlite_with_rowid=False,
)

# Attempts begun where there are gates, as long as a rate counts them.
starts = sa.Table(
    "starts",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("specialist_type", sa.Text, nullable=False),
    sa.Column("concurrency_key", sa.Text),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("kept_until", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("starts_of_type", starts.c.specialist_type, starts.c.began_at)
sa.Index(
    "starts_of_key",
    starts.c.specialist_type,
    starts.c.concurrency_key,
    starts.c.began_at,
    sqlite_where=starts.c.concurrency_key.is_not(None),
)
sa.Index("starts_kept", starts.c.kept_until)

tables_with_values = tuple(table for table in metadata.sorted_tables if value_columns(table))
for _table in tables_with_values:
    sa.Index(f"{_table.name}_spilled", *value_columns(_table), sqlite_where=some_spilled(_table))
