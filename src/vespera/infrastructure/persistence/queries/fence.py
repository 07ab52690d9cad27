"""Only who holds a task may write for it."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.tables import NONE, ONE, RUNNING, tasks

held = sa.and_(
    tasks.c.id == sa.bindparam("task"),
    tasks.c.attempt == sa.bindparam("held_attempt"),
    tasks.c.owner == sa.bindparam("held_by"),
)
held_names = ("task", "held_attempt", "held_by")
HOLDS_TASK = compiled(
    sa.select(tasks.c.paused_at).where(held), *held_names, expects=1, returns=True
)
MARK_SPAWNED = compiled(sa.update(tasks).where(held).values(spawned=ONE), *held_names)
MARK_UNDOABLE = compiled(sa.update(tasks).where(held).values(undoable=ONE), *held_names)
HOLDS_AND_EXTENDS = compiled(
    sa.update(tasks)
    .where(held)
    .values(
        lease_until=sa.bindparam("new_lease"), crashes=NONE, status=RUNNING, run_after=sa.null()
    )
    .returning(tasks.c.paused_at),
    "new_lease",
    *held_names,
    expects=1,
    returns=True,
)
