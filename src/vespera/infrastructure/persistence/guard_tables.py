"""The tables of what workers know of outside services; ``tables`` says how all are made."""

import sqlalchemy as sa

from vespera.infrastructure.persistence import file_tables

metadata = file_tables.metadata

# Moments are seconds since 1970, as the rules of circuits count them.
breakers = sa.Table(
    "breakers",
    metadata,
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
