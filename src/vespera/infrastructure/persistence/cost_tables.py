"""The table of what operations cost; ``tables`` has the others."""

import sqlalchemy as sa

from vespera.infrastructure.persistence import resource_tables

metadata = resource_tables.metadata  # which is that of file_tables

# ``nanos``: money, in thousand-millionths. A task id here need not be one of ours.
costs = sa.Table(
    "costs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("task_id", sa.Text),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("occurrence", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("nanos", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("micros", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("costs_of_task", costs.c.task_id, costs.c.operation)
