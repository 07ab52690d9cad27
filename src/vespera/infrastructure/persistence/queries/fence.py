"""Only who holds a task may write for it."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.tables import NONE, RUNNING, tasks

_HELD = sa.and_(
    tasks.c.id == sa.bindparam("task"),
    tasks.c.status == RUNNING,
    tasks.c.attempt == sa.bindparam("held_attempt"),
    tasks.c.owner == sa.bindparam("held_by"),
)
_NAMES = ("task", "held_attempt", "held_by")
HOLDS_TASK = compiled(sa.select(tasks.c.id).where(_HELD), *_NAMES, expects=1, returns=True)
HOLDS_AND_EXTENDS = compiled(
    sa.update(tasks).where(_HELD).values(lease_until=sa.bindparam("new_lease"), crashes=NONE),
    "new_lease",
    *_NAMES,
    expects=1,
)
