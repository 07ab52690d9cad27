"""The tables of what is known of files; ``tables`` has the others, and says how all are made."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.stored_values import StoredValue

metadata = sa.MetaData()

# A task id here need not be one of ours: files may be tracked for work that others run.
file_operations = sa.Table(
    "file_operations",
    metadata,
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
sa.Index("file_operations_of_task", file_operations.c.task_id, file_operations.c.id)
sa.Index("file_operations_on_path", file_operations.c.path, file_operations.c.id)
sa.Index(
    "file_operations_to_path",
    file_operations.c.destination,
    file_operations.c.id,
    sqlite_where=file_operations.c.destination.is_not(None),
)

verification_reports = sa.Table(
    "verification_reports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text),
    sa.Column("verified_at", sa.BigInteger, nullable=False),
    sa.Column("findings", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

sa.Index("verification_reports_of_task", verification_reports.c.task_id)

# ``content`` is the packed manifest, or its difference from that of ``base_id``.
snapshots = sa.Table(
    "snapshots",
    metadata,
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
    sa.Column("content", StoredValue, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("snapshots_by_base", snapshots.c.base_id, sqlite_where=snapshots.c.base_id.is_not(None))

# ``number`` has no gap: the writer gives it, in the transaction that the entry is part of.
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
