"""The tables of the first schema that tell of files."""

import sqlalchemy as sa
from alembic import op


def create_file_tables() -> None:
    """Create them, and their indexes."""
    _create_file_operations()
    _create_verification_reports()
    _create_snapshots()
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
        sqlite_with_rowid=False,
    )
    op.create_index("file_operations_of_task", "file_operations", ["task_id", "id"])
    op.create_index("file_operations_on_path", "file_operations", ["path", "id"])
    arrives = sa.text("destination IS NOT NULL")
    columns = ["destination", "id"]
    op.create_index("file_operations_to_path", "file_operations", columns, sqlite_where=arrives)


def _create_verification_reports() -> None:
    op.create_table(
        "verification_reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text),
        sa.Column("verified_at", sa.BigInteger, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
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
    rests = sa.text("base_id IS NOT NULL")
    op.create_index("snapshots_by_base", "snapshots", ["base_id"], sqlite_where=rests)


def _create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
