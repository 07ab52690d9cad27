"""The tables and their indexes."""

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.queries.compiling import in_one_line
from vespera.infrastructure.persistence.tables import metadata

TABLES = tuple(table.name for table in metadata.sorted_tables)


def _ddl() -> tuple[str, ...]:
    dialect = sqlite.dialect()
    texts = []
    for table in metadata.sorted_tables:
        texts.append(str(sa.schema.CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        texts.extend(str(sa.schema.CreateIndex(i).compile(dialect=dialect)) for i in indexes)
    return tuple(map(in_one_line, texts))


SCHEMA = _ddl()
