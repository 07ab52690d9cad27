"""Values that are in files beside the database."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.statements import Statement
from vespera.infrastructure.persistence.stored_values import is_spilled, some_spilled, value_columns
from vespera.infrastructure.persistence.tables import ONE, tables_with_values

_DIGEST_AT: sa.ColumnElement[int] = sa.literal_column("8")
_DIGEST_SIZE: sa.ColumnElement[int] = sa.literal_column("64")


def _references() -> Statement:
    """Each with the table, the column, and all that may name the row."""
    parts = [
        sa.select(
            column,
            sa.literal_column(f"'{table.name}'").label("holder"),
            sa.literal_column(f"'{column.name}'").label("place"),
            sa.func.json_array(*table.primary_key.columns).label("row"),
        ).where(some_spilled(table), is_spilled(column))
        for table in tables_with_values
        for column in value_columns(table)
    ]
    return compiled(sa.union_all(*parts))


REFERENCES = _references()


def _referred() -> sa.CompoundSelect[str]:
    digests = [
        sa.select(sa.func.substr(column, _DIGEST_AT, _DIGEST_SIZE)).where(
            some_spilled(table), is_spilled(column)
        )
        for table in tables_with_values
        for column in value_columns(table)
    ]
    return sa.union_all(*digests)


IS_KEPT = compiled(
    sa.select(ONE).where(sa.func.vespera_renewed(sa.bindparam("reference"))),
    "reference",
    expects=1,
    returns=True,
)
_NAMES = sa.func.json_each(sa.bindparam("names")).table_valued("value")
SET_STRAYS_ASIDE = compiled(
    sa.select(sa.func.vespera_set_aside(_NAMES.c.value, sa.bindparam("before"))).where(
        _NAMES.c.value.not_in(_referred())
    ),
    "before",
    "names",
    returns=True,
)
