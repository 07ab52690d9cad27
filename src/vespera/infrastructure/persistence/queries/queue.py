"""Who may run what, and until when."""

import sqlalchemy as sa

from vespera.domain.task import SUSPICIOUS
from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_by_name
from vespera.infrastructure.persistence.queries.fence import held, held_names
from vespera.infrastructure.persistence.queries.ready import (
    TAKEN,
    first_for_any,
    first_for_version,
    taken_versions,
)
from vespera.infrastructure.persistence.tables import (
    ASSIGNED,
    NO_GATE,
    NONE,
    ONE,
    PENDING,
    RUNNING,
    WAITING,
    tasks,
)

_FREE = sa.and_(tasks.c.status == PENDING, tasks.c.blockers == NONE, tasks.c.paused_at.is_(None))
READY = _FREE & TAKEN
_FIRST_VERSION = sa.func.vespera_version(tasks.c.specialist_type, sa.null())
_NEXT_VERSION = sa.func.vespera_version(tasks.c.specialist_type, tasks.c.handler_version)
_UNGATED = tasks.c.gate == NO_GATE
BEGIN_ATTEMPT = (
    sa.update(tasks)
    .values(
        status=RUNNING,
        version=tasks.c.version + ONE,
        attempt=tasks.c.attempt + ONE,
        handler_version=sa.case(
            (tasks.c.attempt == NONE, _FIRST_VERSION),
            (tasks.c.handler_version.is_not(None), _NEXT_VERSION),
        ),
        owner=sa.bindparam("new_owner"),
        lease_until=sa.bindparam("new_lease"),
        run_after=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks)
)
CALM: sa.ColumnElement[int] = sa.literal_column(str(SUSPICIOUS))
IS_DUE = tasks.c.run_after.is_(None) | (tasks.c.run_after <= sa.bindparam("due"))


def _first_ready() -> sa.Select[tuple[str]]:
    """The first without a gate, of all that this process takes."""

    def most(name: str) -> sa.BindParameter[int]:
        return sa.bindparam(name, type_=sa.BigInteger)

    columns = tasks.c.id, tasks.c.priority
    for_any = first_for_any(NO_GATE, most("so_many")).with_only_columns(*columns).subquery()
    versions, begun = taken_versions(), tasks.alias("begun")
    for_version = first_for_version(versions, most("so_many_of_it")).correlate(versions)
    by_version = (
        sa.select(begun.c.id, begun.c.priority)
        .join_from(versions, begun, begun.c.id.in_(for_version))
        .where(versions.c.gate == NO_GATE)
    )
    ready = sa.union_all(sa.select(for_any), by_version).subquery()
    return (
        sa.select(ready.c.id)
        .order_by(ready.c.priority.desc(), ready.c.id)
        .limit(most("how_many"))
        .offset(NONE)
    )


CLAIM_READY = compiled(
    BEGIN_ATTEMPT.where(tasks.c.id.in_(_first_ready())),
    "new_owner",
    "new_lease",
    "now",
    "so_many",
    "so_many_of_it",
    "how_many",
    returns=True,
)
_OLDEST_SUSPECT = (
    sa.select(tasks.c.id)
    .where(READY, IS_DUE, _UNGATED, tasks.c.crashes >= CALM)
    .order_by(tasks.c.id)
    .limit(ONE)
    .offset(NONE)
)
DUE_SUSPECT = compiled(_OLDEST_SUSPECT, "due")
CLAIM_SUSPECT = compiled(
    BEGIN_ATTEMPT.where(tasks.c.id.in_(_OLDEST_SUSPECT)),
    "new_owner",
    "new_lease",
    "now",
    "due",
    returns=True,
)
CLAIM_TASK = compiled(
    BEGIN_ATTEMPT.where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.status.in_([PENDING, ASSIGNED, WAITING]),
        tasks.c.owner.is_(None),
        tasks.c.blockers == NONE,
        tasks.c.paused_at.is_(None),
        _UNGATED,
        TAKEN,
    ),
    "new_owner",
    "new_lease",
    "now",
    "task",
    returns=True,
)
EXTEND_LEASE = compiled(
    sa.update(tasks)
    .where(held)
    .values(lease_until=sa.bindparam("new_lease"))
    .returning(tasks.c.id),
    "new_lease",
    *held_names,
    returns=True,
)
OWNERS = compiled(
    sa.select(tasks.c.owner).where(tasks.c.owner.is_not(None)).distinct().order_by(tasks.c.owner)
)
_MAKE_PENDING = (
    sa.update(tasks)
    .values(
        status=PENDING,
        version=tasks.c.version + ONE,
        crashes=tasks.c.crashes + sa.case((tasks.c.status == RUNNING, ONE), else_=NONE),
        owner=sa.null(),
        lease_until=sa.null(),
        run_after=sa.null(),
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks.c.id, tasks.c.attempt)
)


def _take_back(*conditions: sa.ColumnElement[bool]) -> sa.Update:
    held_by_others = sa.select(tasks.c.id).where(tasks.c.owner.is_not(None), *conditions)
    so_many = held_by_others.limit(sa.bindparam("so_many")).offset(NONE)
    return _MAKE_PENDING.where(tasks.c.id.in_(so_many))


TAKE_BACK_EXPIRED = compiled(
    _take_back(tasks.c.lease_until <= sa.bindparam("expired")),
    "now",
    "expired",
    "so_many",
    returns=True,
)
TAKE_BACK_OF_OWNER = compiled(
    _take_back(tasks.c.owner == sa.bindparam("dead_owner")),
    "now",
    "dead_owner",
    "so_many",
    returns=True,
)
_NEXT_DELAYED = (
    sa.select(tasks.c.run_after)
    .where(READY, tasks.c.run_after.is_not(None), _UNGATED)
    .order_by(tasks.c.run_after)
    .limit(ONE)
    .offset(NONE)
)
ASLEEP = sa.and_(tasks.c.status == WAITING, tasks.c.owner.is_(None))
_NEXT_TO_WAKE = (
    sa.select(tasks.c.run_after)
    .where(ASLEEP, tasks.c.run_after.is_not(None), tasks.c.paused_at.is_(None))
    .order_by(tasks.c.run_after)
    .limit(ONE)
    .offset(NONE)
)
NEXT_DUE = compiled(
    sa.union_all(
        *(sa.select(each.subquery().c.run_after) for each in (_NEXT_DELAYED, _NEXT_TO_WAKE))
    ).order_by("run_after")
)
DUE_AT_ONCE: sa.ColumnElement[int] = sa.literal_column("1000")
"""So many of the delayed are made ready by one claim, the longest due first."""


def _due() -> sa.CompoundSelect[str]:
    """Those whose moment has come. The delayed are made ready whoever will take them, so that no
    claim walks over those that it does not take.
    """
    is_due = tasks.c.run_after <= sa.bindparam("now", type_=sa.BigInteger)
    delayed = sa.select(tasks.c.id).where(_FREE, tasks.c.run_after.is_not(None), is_due)
    first = delayed.order_by(tasks.c.run_after).limit(DUE_AT_ONCE).offset(NONE).subquery()
    return sa.union_all(sa.select(tasks.c.id).where(ASLEEP, is_due), sa.select(first))


WAKE_DUE = compiled_by_name(
    sa.update(tasks)
    .where(tasks.c.id.in_(_due()))
    .values(
        status=PENDING,
        version=tasks.c.version + sa.case((tasks.c.status == WAITING, ONE), else_=NONE),
        run_after=sa.null(),
        updated_at=sa.bindparam("now", type_=sa.BigInteger),
    ),
    "now",
)
SUSPEND = compiled(
    sa.update(tasks)
    .where(held)
    .values(status=WAITING, run_after=sa.bindparam("wake_at"), updated_at=sa.bindparam("now")),
    "wake_at",
    "now",
    *held_names,
    expects=1,
)
PARK = compiled(
    sa.update(tasks)
    .where(
        held,
        tasks.c.status == WAITING,
        tasks.c.news == sa.bindparam("known_news"),
        tasks.c.cancelling.is_(None),
    )
    .values(
        owner=sa.null(),
        lease_until=sa.null(),
        version=tasks.c.version + ONE,
        updated_at=sa.bindparam("now"),
    )
    .returning(tasks.c.id),
    "now",
    *held_names,
    "known_news",
    returns=True,
)
NEWS_OF_OWNER = compiled(
    sa.select(tasks.c.id, tasks.c.news).where(tasks.c.owner == sa.bindparam("held_by")),
    "held_by",
)
