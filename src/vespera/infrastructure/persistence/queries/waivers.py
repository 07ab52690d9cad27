"""Waivers."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import waivers
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.tables import NONE

INSERT_WAIVER = compiled_insert(waivers)
WAIVER_BY_ID = compiled(sa.select(waivers).where(waivers.c.id == sa.bindparam("waiver")), "waiver")
WAIVERS_OF_TASKS = compiled(sa.select(waivers).where(one_of_many(waivers.c.task_id)))
PAGE_OF_WAIVERS = compiled(
    sa.select(waivers)
    .where(waivers.c.id < sa.bindparam("before"))
    .order_by(waivers.c.id.desc())
    .limit(sa.bindparam("rows"))
    .offset(NONE),
    "before",
    "rows",
)
REVOKE_WAIVER = compiled(
    sa.update(waivers)
    .where(waivers.c.id == sa.bindparam("waiver"), waivers.c.revoked_at.is_(None))
    .values(revoked_by=sa.bindparam("by"), revoked_at=sa.bindparam("at")),
    "by",
    "at",
    "waiver",
)
