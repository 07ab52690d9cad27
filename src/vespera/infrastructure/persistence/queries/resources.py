"""What was acquired for a while."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert
from vespera.infrastructure.persistence.resource_tables import UNRELEASED, resources
from vespera.infrastructure.persistence.tables import NONE

INSERT_RESOURCE = compiled_insert(resources)
UPDATE_RESOURCE = compiled(
    sa.update(resources)
    .where(resources.c.id == sa.bindparam("resource"), UNRELEASED)
    .values(
        state=sa.bindparam("new_state"),
        released_at=sa.bindparam("new_released_at"),
        trace=sa.bindparam("new_trace"),
        error=sa.bindparam("new_error"),
    ),
    "new_state",
    "new_released_at",
    "new_trace",
    "new_error",
    "resource",
)
RESOURCE_BY_ID = compiled(
    sa.select(resources).where(resources.c.id == sa.bindparam("resource")), "resource"
)
UNRELEASED_RESOURCES = compiled(sa.select(resources).where(UNRELEASED).order_by(resources.c.id))
PAGE_OF_RESOURCES = compiled(
    sa.select(resources)
    .where(resources.c.id < sa.bindparam("before"))
    .order_by(resources.c.id.desc())
    .limit(sa.bindparam("rows"))
    .offset(NONE),
    "before",
    "rows",
)
_IS_OLD = resources.c.released_at < sa.bindparam("before")
ANY_OLD_RESOURCE = compiled(
    sa.select(sa.func.count()).select_from(resources).where(_IS_OLD), "before"
)
FORGET_RESOURCES = compiled(sa.delete(resources).where(_IS_OLD), "before")
