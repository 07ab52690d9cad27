"""The table of the first schema that tells of resources."""

import sqlalchemy as sa
from alembic import op


def create_resource_tables() -> None:
    """Create it, and its indexes."""
    op.create_table(
        "resources",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("resource_type", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("released_at", sa.BigInteger),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sqlite_with_rowid=False,
    )
    unreleased = sa.text("state != 'released'")
    op.create_index("resources_unreleased", "resources", ["id"], sqlite_where=unreleased)
    released = sa.text("released_at IS NOT NULL")
    op.create_index("resources_released", "resources", ["released_at"], sqlite_where=released)
