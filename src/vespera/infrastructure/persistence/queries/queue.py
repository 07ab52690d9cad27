"""Who may run what, and until when."""

import sqlalchemy as sa

from vespera.domain.task import SUSPICIOUS
from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.tables import ASSIGNED, NONE, ONE, PENDING, RUNNING, tasks

_READY = sa.and_(tasks.c.status == PENDING, tasks.c.blockers == NONE)
_BEGIN_ATTEMPT = (
    sa.update(tasks)
    .values(
        status=RUNNING,
        version=tasks.c.version + ONE,
        attempt=tasks.c.attempt + ONE,
        owner=sa.bindparam("new_owner"),
        lease_until=sa.bindparam("new_lease"),
        run_after=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks)
)
_SUSPICIOUS: sa.ColumnElement[int] = sa.literal_column(str(SUSPICIOUS))
_IS_DUE = tasks.c.run_after.is_(None) | (tasks.c.run_after <= sa.bindparam("due"))
_DUE = (
    sa.select(tasks.c.id)
    .where(_READY, _IS_DUE, tasks.c.crashes < _SUSPICIOUS)
    .order_by(tasks.c.priority.desc(), tasks.c.id)
    .limit(sa.bindparam("how_many"))
    .offset(NONE)
)
CLAIM_READY = compiled(
    _BEGIN_ATTEMPT.where(tasks.c.id.in_(_DUE)),
    "new_owner",
    "new_lease",
    "now",
    "due",
    "how_many",
    returns=True,
)
_OLDEST_SUSPECT = (
    sa.select(tasks.c.id)
    .where(_READY, _IS_DUE, tasks.c.crashes >= _SUSPICIOUS)
    .order_by(tasks.c.id)
    .limit(ONE)
    .offset(NONE)
)
DUE_SUSPECT = compiled(_OLDEST_SUSPECT, "due")
CLAIM_SUSPECT = compiled(
    _BEGIN_ATTEMPT.where(tasks.c.id.in_(_OLDEST_SUSPECT)),
    "new_owner",
    "new_lease",
    "now",
    "due",
    returns=True,
)
CLAIM_TASK = compiled(
    _BEGIN_ATTEMPT.where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.status.in_([PENDING, ASSIGNED]),
        tasks.c.blockers == NONE,
    ),
    "new_owner",
    "new_lease",
    "now",
    "task",
    returns=True,
)
EXTEND_LEASE = compiled(
    sa.update(tasks)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.status == RUNNING,
        tasks.c.attempt == sa.bindparam("held_attempt"),
        tasks.c.owner == sa.bindparam("held_by"),
    )
    .values(lease_until=sa.bindparam("new_lease"))
    .returning(tasks.c.id),
    "new_lease",
    "task",
    "held_attempt",
    "held_by",
    returns=True,
)
OWNERS_OF_RUNNING = compiled(
    sa.select(tasks.c.owner)
    .where(tasks.c.status == RUNNING, tasks.c.owner.is_not(None))
    .distinct()
    .order_by(tasks.c.owner)
)
_MAKE_PENDING = (
    sa.update(tasks)
    .where(tasks.c.status == RUNNING)
    .values(
        status=PENDING,
        version=tasks.c.version + ONE,
        crashes=tasks.c.crashes + ONE,
        owner=sa.null(),
        lease_until=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks.c.id, tasks.c.attempt)
)
TAKE_BACK_EXPIRED = compiled(
    _MAKE_PENDING.where(tasks.c.lease_until <= sa.bindparam("expired")),
    "now",
    "expired",
    returns=True,
)
TAKE_BACK_OF_OWNER = compiled(
    _MAKE_PENDING.where(tasks.c.owner == sa.bindparam("dead_owner")),
    "now",
    "dead_owner",
    returns=True,
)
NEXT_DUE = compiled(
    sa.select(sa.func.min(tasks.c.run_after)).where(_READY, tasks.c.run_after.is_not(None))
)
