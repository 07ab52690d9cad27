"""Circuit breakers."""

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from vespera.infrastructure.persistence.guard_tables import breakers
from vespera.infrastructure.persistence.queries.compiling import compiled

BREAKER_COLUMNS = tuple(breakers.c.keys())
_CHANGES = [name for name in BREAKER_COLUMNS if name != "name"]

BREAKER_BY_NAME = compiled(
    sa.select(breakers).where(breakers.c.name == sa.bindparam("breaker")), "breaker"
)
ALL_BREAKERS = compiled(sa.select(breakers).order_by(breakers.c.name))
INSERT_BREAKER = compiled(
    insert(breakers).on_conflict_do_nothing().returning(breakers.c.version),
    *BREAKER_COLUMNS,
    returns=True,
)
UPDATE_BREAKER = compiled(
    sa.update(breakers)
    .where(
        breakers.c.name == sa.bindparam("old_name"),
        breakers.c.version == sa.bindparam("old_version"),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGES})
    .returning(breakers.c.version),
    *(f"new_{name}" for name in _CHANGES),
    "old_name",
    "old_version",
    returns=True,
)
