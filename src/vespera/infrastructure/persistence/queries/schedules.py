"""Schedules."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert
from vespera.infrastructure.persistence.tables import NONE, schedules

SCHEDULE_COLUMNS = tuple(schedules.c.keys())
_STAYS = {"name", "created_at"}
_CHANGES = [name for name in SCHEDULE_COLUMNS if name not in _STAYS]
_OLD = sa.and_(
    schedules.c.name == sa.bindparam("old_name"),
    schedules.c.version == sa.bindparam("old_version"),
)
_WAITS = sa.and_(schedules.c.paused == NONE, schedules.c.next_due.is_not(None))

INSERT_SCHEDULE = compiled_insert(schedules)
UPDATE_SCHEDULE = compiled(
    sa.update(schedules).where(_OLD).values({n: sa.bindparam(f"new_{n}") for n in _CHANGES}),
    *(f"new_{name}" for name in _CHANGES),
    "old_name",
    "old_version",
    expects=1,
)
DELETE_SCHEDULE = compiled(sa.delete(schedules).where(_OLD), "old_name", "old_version", expects=1)
SCHEDULE_BY_NAME = compiled(
    sa.select(schedules).where(schedules.c.name == sa.bindparam("schedule")), "schedule"
)
ALL_SCHEDULES = compiled(sa.select(schedules).order_by(schedules.c.name))
DUE_SCHEDULES = compiled(
    sa.select(schedules)
    .where(_WAITS, schedules.c.next_due <= sa.bindparam("now"))
    .order_by(schedules.c.next_due, schedules.c.name),
    "now",
)
NEXT_SCHEDULE_DUE = compiled(
    sa.select(sa.func.min(schedules.c.next_due)).where(
        _WAITS, schedules.c.next_due > sa.bindparam("after")
    ),
    "after",
)
