"""Only who holds a task may write for it."""

from datetime import datetime
from functools import partial

import sqlalchemy as sa

from vespera.domain.errors import LeaseLost
from vespera.domain.step import Fence
from vespera.infrastructure.persistence.statements import Write, compiled
from vespera.infrastructure.persistence.tables import NONE, RUNNING, tasks
from vespera.infrastructure.persistence.values import to_micros


def must_hold(fence: Fence, *, lease_until: datetime | None = None) -> Write:
    """A write that refuses its unit unless the task is held; extends the lease if asked to, and
    forgets the crashes then: there is progress.
    """
    held = (fence.task_id, fence.attempt, fence.owner)
    refusal = partial(_lost, fence)
    if lease_until is None:
        return Write(_HOLDS, held, refusal)
    return Write(_EXTEND, (to_micros(lease_until), *held), refusal)


def _lost(fence: Fence) -> LeaseLost:
    return LeaseLost(
        f"Task {fence.task_id!r} is not held by {fence.owner!r} in attempt {fence.attempt} any"
        " more; nothing was recorded."
    )


_HELD = sa.and_(
    tasks.c.id == sa.bindparam("task"),
    tasks.c.status == RUNNING,
    tasks.c.attempt == sa.bindparam("held_attempt"),
    tasks.c.owner == sa.bindparam("held_by"),
)
_NAMES = ("task", "held_attempt", "held_by")
_HOLDS = compiled(sa.select(tasks.c.id).where(_HELD), *_NAMES, expects=1, returns=True)
_EXTEND = compiled(
    sa.update(tasks).where(_HELD).values(lease_until=sa.bindparam("new_lease"), crashes=NONE),
    "new_lease",
    *_NAMES,
    expects=1,
)
