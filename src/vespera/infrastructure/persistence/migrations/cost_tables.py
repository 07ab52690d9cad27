"""The table of the first schema that tells of costs."""

import sqlalchemy as sa
from alembic import op


def create_cost_tables() -> None:
    """Create it, and its index."""
    op.create_table(
        "costs",
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
    op.create_index("costs_of_task", "costs", ["task_id", "operation"])
