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
    sa.Column("attempt", sa.BigInteger),
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
sa.Index(
    "file_operations_allowances",
    file_operations.c.id,
    sqlite_where=file_operations.c.kind == sa.literal_column("'scope'"),
)

verification_reports = sa.Table(
    "verification_reports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text),
    sa.Column("verified_at", sa.BigInteger, nullable=False),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("operations", sa.BigInteger, nullable=False),
    sa.Column("survey", sa.Text),
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
sa.Index(
    "snapshots_of_task",
    snapshots.c.task_id,
    snapshots.c.id,
    sqlite_where=snapshots.c.task_id.is_not(None),
)
sa.Index("snapshots_by_base", snapshots.c.base_id, sqlite_where=snapshots.c.base_id.is_not(None))

# ``under_way`` is 1 or NULL, and unique: there is one at a time.
rollbacks = sa.Table(
    "rollbacks",
    metadata,
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
sa.Index("rollbacks_of_task", rollbacks.c.task_id, rollbacks.c.id)
sa.Index("rollbacks_under_way", rollbacks.c.under_way, unique=True)

rollback_steps = sa.Table(
    "rollback_steps",
    metadata,
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

waivers = sa.Table(
    "waivers",
    metadata,
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
sa.Index("waivers_of_task", waivers.c.task_id, waivers.c.id)

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
