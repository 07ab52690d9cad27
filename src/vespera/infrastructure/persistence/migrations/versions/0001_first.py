"""The first schema: tasks, their steps, file operations, verification reports, gates."""

import sqlalchemy as sa
from alembic import op

from vespera.infrastructure.persistence.migrations.cost_tables import create_cost_tables
from vespera.infrastructure.persistence.migrations.file_tables import create_file_tables
from vespera.infrastructure.persistence.migrations.guard_tables import create_guard_tables
from vespera.infrastructure.persistence.migrations.resource_tables import create_resource_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    _create_tasks()
    _create_task_dependencies()
    _create_steps()
    _create_signals()
    create_file_tables()
    create_guard_tables()
    create_resource_tables()
    create_cost_tables()
    _create_events()
    _create_progress()
    _create_task_counts()
    _create_schedules()
    _create_heartbeats()
    _create_gates()
    _create_starts()
    _create_indexes_of_spilled_values()
    op.execute(sa.text(f"PRAGMA application_id={0x56535052}"))


def _create_tasks() -> None:
    op.create_table(
        "tasks",
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
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("outcome", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    _create_task_indexes()
    _create_search_indexes()


def _create_task_indexes() -> None:
    ready = "status = 'pending' AND blockers = 0 AND paused_at IS NULL"
    simply = f"{ready} AND run_after IS NULL AND crashes < 2"
    op.create_index(
        "tasks_ready",
        "tasks",
        ["gate", sa.text("priority DESC"), "id"],
        sqlite_where=sa.text(f"{simply} AND handler_version IS NULL"),
    )
    op.create_index(
        "tasks_ready_by_version",
        "tasks",
        ["specialist_type", "handler_version", sa.text("priority DESC"), "id"],
        sqlite_where=sa.text(f"handler_version IS NOT NULL AND {simply}"),
    )
    op.create_index(
        "tasks_suspicious", "tasks", ["id"], sqlite_where=sa.text(f"crashes >= 2 AND {ready}")
    )
    op.create_index(
        "tasks_delayed",
        "tasks",
        ["run_after"],
        sqlite_where=sa.text(f"run_after IS NOT NULL AND {ready}"),
    )
    op.create_index(
        "tasks_running_through_gates",
        "tasks",
        ["gate", "concurrency_key"],
        sqlite_where=sa.text("status = 'running' AND gate != ''"),
    )
    op.create_index(
        "tasks_held",
        "tasks",
        ["owner", "lease_until"],
        sqlite_where=sa.text("owner IS NOT NULL"),
    )
    op.create_index(
        "tasks_asleep",
        "tasks",
        ["run_after"],
        sqlite_where=sa.text("status = 'waiting' AND owner IS NULL"),
    )
    op.create_index(
        "tasks_called_off", "tasks", ["id"], sqlite_where=sa.text("cancelling IS NOT NULL")
    )
    op.create_index(
        "tasks_children", "tasks", ["parent_id"], sqlite_where=sa.text("parent_id IS NOT NULL")
    )
    op.create_index(
        "tasks_by_key",
        "tasks",
        ["idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )
    keyed = "dedup_key IS NOT NULL"
    op.create_index(
        "tasks_by_dedup_key",
        "tasks",
        ["dedup_key", "specialist_type"],
        sqlite_where=sa.text(
            f"{keyed} AND status != 'completed' AND status != 'failed' AND status != 'cancelled'"
        ),
    )
    op.create_index(
        "tasks_to_begin_by_dedup_key",
        "tasks",
        ["dedup_key", "specialist_type"],
        unique=True,
        sqlite_where=sa.text(f"{keyed} AND status = 'pending' AND attempt = 0"),
    )


def _create_search_indexes() -> None:
    op.create_index(
        "tasks_held_back",
        "tasks",
        ["specialist_type"],
        sqlite_where=sa.text(
            "status = 'pending' AND (blockers > 0 OR paused_at IS NOT NULL"
            " OR run_after IS NOT NULL OR crashes >= 2)"
        ),
    )
    op.create_index(
        "tasks_set_aside",
        "tasks",
        ["status", "created_at", "id", "specialist_type"],
        sqlite_where=sa.text(
            "status = 'assigned' OR status = 'executed' OR status = 'failed'"
            " OR status = 'cancelled'"
        ),
    )
    op.create_index("tasks_of_type", "tasks", ["specialist_type", "created_at", "id"])
    op.create_index("tasks_by_age", "tasks", ["created_at", "id"])
    op.create_index(
        "tasks_with_error", "tasks", ["created_at", "id"], sqlite_where=sa.text("error IS NOT NULL")
    )
    op.create_index(
        "tasks_by_report", "tasks", ["report_id"], sqlite_where=sa.text("report_id IS NOT NULL")
    )


def _create_task_dependencies() -> None:
    op.create_table(
        "task_dependencies",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("depends_on", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("freed", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("task_dependencies_dependents", "task_dependencies", ["depends_on"])


def _create_steps() -> None:
    op.create_table(
        "steps",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("occurrence", sa.BigInteger, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("wake_at", sa.BigInteger),
        sa.Column("awaits", sa.Text),
        sa.Column("value", sa.LargeBinary),
        sa.Column("error", sa.LargeBinary),
        sqlite_with_rowid=False,
    )


def _create_signals() -> None:
    op.create_table(
        "signals",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
    )


def _create_progress() -> None:
    op.create_table(
        "progress",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("done", sa.Double, nullable=False),
        sa.Column("total", sa.Double),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_schedules() -> None:
    op.create_table(
        "schedules",
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
        sa.Column("request", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "schedules_due",
        "schedules",
        ["next_due"],
        sqlite_where=sa.text("paused = 0 AND next_due IS NOT NULL"),
    )


def _create_heartbeats() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("occurrence", sa.BigInteger, primary_key=True),
        sa.Column("beaten_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_task_counts() -> None:
    op.create_table(
        "task_counts",
        sa.Column("specialist_type", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, primary_key=True),
        sa.Column("total", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_gates() -> None:
    op.create_table(
        "gates",
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


def _create_starts() -> None:
    op.create_table(
        "starts",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("specialist_type", sa.Text, nullable=False),
        sa.Column("concurrency_key", sa.Text),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("kept_until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("starts_of_type", "starts", ["specialist_type", "began_at"])
    op.create_index(
        "starts_of_key",
        "starts",
        ["specialist_type", "concurrency_key", "began_at"],
        sqlite_where=sa.text("concurrency_key IS NOT NULL"),
    )
    op.create_index("starts_kept", "starts", ["kept_until"])


def _create_indexes_of_spilled_values() -> None:
    columns = {
        "tasks": ["payload", "outcome"],
        "steps": ["value", "error"],
        "signals": ["payload"],
        "schedules": ["request"],
        "heartbeats": ["detail"],
        "snapshots": ["content"],
    }
    for table, values in columns.items():
        spilled = " OR ".join(f"{value} < x''" for value in values)
        op.create_index(f"{table}_spilled", table, values, sqlite_where=sa.text(spilled))
