"""The tables of the first schema that tell of outside services."""

import sqlalchemy as sa
from alembic import op


def create_guard_tables() -> None:
    """Create them."""
    op.create_table(
        "breakers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("era", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("since", sa.Double),
        sa.Column("rests_from", sa.Double, nullable=False),
        sa.Column("rests_until", sa.Double, nullable=False),
        sa.Column("probe", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
