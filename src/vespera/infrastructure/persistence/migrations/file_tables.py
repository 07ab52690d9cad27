"""The tables of the first schema that tell of files."""

import sqlalchemy as sa
from alembic import op


def create_file_tables() -> None:
    """Create them, and their indexes."""
    _create_file_operations()
    _create_verification_reports()
    _create_snapshots()
    _create_rollbacks()
    _create_rollback_steps()
    _create_waivers()
    _create_audit_entries()


def _create_file_operations() -> None:
    op.create_table(
        "file_operations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("expected", sa.Text),
        sa.Column("destination", sa.LargeBinary),
        sa.Column("arrival", sa.Text),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("attempt", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("file_operations_of_task", "file_operations", ["task_id", "id"])
    op.create_index("file_operations_on_path", "file_operations", ["path", "id"])
    arrives = sa.text("destination IS NOT NULL")
    columns = ["destination", "id"]
    op.create_index("file_operations_to_path", "file_operations", columns, sqlite_where=arrives)
    allows = sa.text("kind = 'scope'")
    op.create_index("file_operations_allowances", "file_operations", ["id"], sqlite_where=allows)


def _create_verification_reports() -> None:
    op.create_table(
        "verification_reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text),
        sa.Column("verified_at", sa.BigInteger, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("operations", sa.BigInteger, nullable=False),
        sa.Column("survey", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("verification_reports_of_task", "verification_reports", ["task_id"])


def _create_snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("directories", sa.BigInteger, nullable=False),
        sa.Column("ignored", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.BigInteger, nullable=False),
        sa.Column("hashed", sa.BigInteger, nullable=False),
        sa.Column("caution", sa.Text, nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("base_id", sa.Text, sa.ForeignKey("snapshots.id")),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    tasks = sa.text("task_id IS NOT NULL")
    op.create_index("snapshots_of_task", "snapshots", ["task_id", "id"], sqlite_where=tasks)
    rests = sa.text("base_id IS NOT NULL")
    op.create_index("snapshots_by_base", "snapshots", ["base_id"], sqlite_where=rests)


def _create_rollbacks() -> None:
    op.create_table(
        "rollbacks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("heard_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.BigInteger),
        sa.Column("tree", sa.BigInteger, nullable=False),
        sa.Column("partial", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("under_way", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("rollbacks_of_task", "rollbacks", ["task_id", "id"])
    op.create_index("rollbacks_under_way", "rollbacks", ["under_way"], unique=True)


def _create_rollback_steps() -> None:
    op.create_table(
        "rollback_steps",
        sa.Column("rollback_id", sa.Text, sa.ForeignKey("rollbacks.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("takes_back", sa.Text, nullable=False),
        sa.Column("operations", sa.Text, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("over", sa.BigInteger, nullable=False),
        sa.Column("conflict", sa.Text),
        sqlite_with_rowid=False,
    )


def _create_waivers() -> None:
    op.create_table(
        "waivers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("operation_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("now", sa.Text, nullable=False),
        sa.Column("waived_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("waived_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_by", sa.Text),
        sa.Column("revoked_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("waivers_of_task", "waivers", ["task_id", "id"])


def _create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
