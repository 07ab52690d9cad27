"""The table of what was acquired for a while; ``tables`` has the others."""

import sqlalchemy as sa

from vespera.infrastructure.persistence import guard_tables

metadata = guard_tables.metadata  # which is that of file_tables

RELEASED: sa.ColumnElement[str] = sa.literal_column("'released'")

# A task's row may go before its leftovers do.
resources = sa.Table(
    "resources",
    metadata,
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
UNRELEASED: sa.ColumnElement[bool] = resources.c.state != RELEASED
sa.Index("resources_unreleased", resources.c.id, sqlite_where=UNRELEASED)
sa.Index(
    "resources_released",
    resources.c.released_at,
    sqlite_where=resources.c.released_at.is_not(None),
)
