"""Who may begin where there are gates, and what is kept of those."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_by_name
from vespera.infrastructure.persistence.queries.passing import gate_of
from vespera.infrastructure.persistence.queries.queue import (
    ASLEEP,
    BEGIN_ATTEMPT,
    CALM,
    READY,
)
from vespera.infrastructure.persistence.queries.ready import (
    TAKEN,
    first_for_any,
    first_for_version,
    taken_versions,
)
from vespera.infrastructure.persistence.tables import (
    ASSIGNED,
    CANCELLED,
    COMPLETED,
    EVERY_TYPE,
    EXECUTED,
    FAILED,
    NO_GATE,
    NONE,
    ONE,
    PENDING,
    READY_FOR_ANY,
    READY_FOR_VERSION,
    RUNNING,
    UNFINISHED,
    WAITING,
    gates,
    starts,
    tasks,
)

GATE_COLUMNS = tuple(gates.c.keys())
LIMIT_COLUMNS = GATE_COLUMNS[2:]


def now() -> sa.BindParameter[int]:
    """The moment at which somebody asks."""
    return sa.bindparam("now", type_=sa.BigInteger)


# ---- what is open

running_tasks = tasks.alias("running")
IS_RUNNING = sa.and_(running_tasks.c.status == RUNNING, running_tasks.c.gate != NO_GATE)
IN_WINDOW = starts.c.began_at <= now()  # a clock that was set back holds nobody up


def _since(per: sa.Column[int]) -> sa.ColumnElement[bool]:
    return sa.and_(starts.c.began_at > now() - per, IN_WINDOW)


_RUNNING_OF_TYPE = (
    sa.select(sa.func.count())
    .select_from(running_tasks)
    .where(IS_RUNNING, running_tasks.c.gate == gates.c.specialist_type)
    .correlate(gates)
    .scalar_subquery()
)
_BEGUN_OF_TYPE = (
    sa.select(sa.func.count())
    .select_from(starts)
    .where(starts.c.specialist_type == gates.c.specialist_type, _since(gates.c.rate_per))
    .correlate(gates)
    .scalar_subquery()
)
_NOT_FULL = gates.c.max_concurrent.is_(None) | (gates.c.max_concurrent > _RUNNING_OF_TYPE)
_NOT_WORN = gates.c.rate_count.is_(None) | (gates.c.rate_count > _BEGUN_OF_TYPE)
_TYPE_OPEN = sa.and_(gates.c.paused_at.is_(None), _NOT_FULL, _NOT_WORN)
_whole = gates.alias("whole")
_RUNNING_OF_ALL = (
    sa.select(sa.func.count()).select_from(running_tasks).where(IS_RUNNING).scalar_subquery()
)
_ALL_OPEN = ~sa.exists().where(
    _whole.c.specialist_type == EVERY_TYPE, _whole.c.max_concurrent <= _RUNNING_OF_ALL
)


def _full_keys() -> sa.Select[Any]:
    own = gates.alias("full_gate")
    return (
        sa.select(running_tasks.c.gate, running_tasks.c.concurrency_key)
        .join(own, own.c.specialist_type == running_tasks.c.gate)
        .where(IS_RUNNING, running_tasks.c.concurrency_key.is_not(None))
        .group_by(running_tasks.c.gate, running_tasks.c.concurrency_key)
        .having(sa.func.count() >= sa.func.min(own.c.max_concurrent_per_key))
    )


def _worn_keys(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Keys of which as many attempts have begun as may; ``columns`` come in addition."""
    own = _worn_gate
    return (
        sa.select(starts.c.specialist_type, starts.c.concurrency_key, *columns)
        .join(own, own.c.specialist_type == starts.c.specialist_type)
        .where(starts.c.concurrency_key.is_not(None), _since(own.c.key_rate_per))
        .group_by(starts.c.specialist_type, starts.c.concurrency_key)
        .having(sa.func.count() >= sa.func.min(own.c.key_rate_count))
    )


_worn_gate = gates.alias("worn_gate")
_KEY_OPEN = tasks.c.concurrency_key.is_(None) | sa.tuple_(
    tasks.c.gate, tasks.c.concurrency_key
).not_in(sa.union_all(_full_keys(), _worn_keys()))
_OPEN = (gates.c.specialist_type.is_(None) | _TYPE_OPEN) & _KEY_OPEN & _ALL_OPEN


# ---- the next one that may begin is written down as a start, and then begun

_WITH_GATE = tasks.outerjoin(gates, gates.c.specialist_type == tasks.c.specialist_type)
_LONGEST = sa.func.max(
    sa.func.coalesce(gates.c.rate_per, NONE), sa.func.coalesce(gates.c.key_rate_per, NONE)
)


def _candidates() -> sa.CompoundSelect[Any]:
    """The first of each gate that is open, and of all that have none; of those that a version has
    begun, the first of each that is taken here.
    """
    versions = taken_versions()
    of_gate = first_for_any(gates.c.specialist_type, ONE).where(_KEY_OPEN).correlate(gates)
    of_version = first_for_version(versions, ONE).where(_KEY_OPEN).correlate(versions)
    open_gates = sa.select(gates.c.specialist_type).where(_TYPE_OPEN)
    return sa.union_all(
        sa.select(of_gate.scalar_subquery()).where(_TYPE_OPEN),
        sa.select(first_for_any(NO_GATE, ONE).scalar_subquery()),
        sa.select(of_version.scalar_subquery()).where(
            (versions.c.gate == NO_GATE) | versions.c.gate.in_(open_gates)
        ),
    )


def _start_of(chosen: sa.Select[Any]) -> sa.Insert:
    """``chosen`` gives at most one task, with its gate."""
    number = sa.select(sa.func.coalesce(sa.func.max(starts.c.number), NONE) + ONE).scalar_subquery()
    values = chosen.with_only_columns(
        number,
        tasks.c.id,
        tasks.c.attempt + ONE,
        tasks.c.specialist_type,
        tasks.c.concurrency_key,
        now(),
        now() + _LONGEST,
    )
    return sa.insert(starts).from_select(starts.c.keys(), values)


def _start_of_first() -> sa.Insert:
    chosen = (
        sa.select(tasks.c.id)
        .select_from(_WITH_GATE)
        .where(tasks.c.id.in_(_candidates()), _ALL_OPEN)
        .order_by(tasks.c.priority.desc(), tasks.c.id)
        .limit(ONE)
        .offset(NONE)
    )
    return _start_of(chosen)


_OLDEST_SUSPECT = (
    sa.select(tasks.c.id)
    .select_from(_WITH_GATE)
    .where(
        READY,
        tasks.c.run_after.is_(None) | (tasks.c.run_after <= now()),
        tasks.c.crashes >= CALM,
        _OPEN,
    )
    .order_by(tasks.c.id)
    .limit(ONE)
    .offset(NONE)
)
_THIS = (
    sa.select(tasks.c.id)
    .select_from(_WITH_GATE)
    .where(
        tasks.c.id == sa.bindparam("task", type_=sa.Text),
        tasks.c.status.in_([PENDING, ASSIGNED, WAITING]),
        tasks.c.owner.is_(None),
        tasks.c.blockers == NONE,
        tasks.c.paused_at.is_(None),
        tasks.c.gate != NO_GATE,
        TAKEN,
        _OPEN,
    )
)
START_FIRST = compiled_by_name(_start_of_first(), "now")
START_SUSPECT = compiled_by_name(_start_of(_OLDEST_SUSPECT), "now")
START_TASK = compiled_by_name(_start_of(_THIS), "now", "task", expects=None)
AT_A_GATE = compiled(
    sa.select(tasks.c.id).where(
        tasks.c.id == sa.bindparam("task", type_=sa.Text),
        tasks.c.gate != NO_GATE,
        tasks.c.status.in_([PENDING, ASSIGNED, WAITING]),
    ),
    "task",
)
OPEN_SUSPECT = compiled_by_name(_OLDEST_SUSPECT, "now")


def _last(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    return (
        sa.select(column).order_by(starts.c.number.desc()).limit(ONE).offset(NONE).scalar_subquery()
    )


BEGIN_STARTED = compiled(
    BEGIN_ATTEMPT.where(
        tasks.c.id == _last(starts.c.task_id), tasks.c.attempt + ONE == _last(starts.c.attempt)
    ),
    "new_owner",
    "new_lease",
    "now",
    returns=True,
)
FORGET_STARTS = compiled(sa.delete(starts).where(starts.c.kept_until <= sa.bindparam("now")), "now")

# ---- when to look again

PAUSED_TYPES = sa.select(gates.c.specialist_type).where(gates.c.paused_at.is_not(None))
_FIRST_DELAYED = (
    sa.select(tasks.c.run_after)
    .where(READY, tasks.c.run_after.is_not(None), tasks.c.specialist_type.not_in(PAUSED_TYPES))
    .order_by(tasks.c.run_after)
    .limit(ONE)
    .offset(NONE)
)
_FIRST_TO_WAKE = (
    sa.select(tasks.c.run_after)
    .where(
        ASLEEP,
        tasks.c.run_after.is_not(None),
        tasks.c.paused_at.is_(None),
        tasks.c.specialist_type.not_in(PAUSED_TYPES),
    )
    .order_by(tasks.c.run_after)
    .limit(ONE)
    .offset(NONE)
)
_versions = taken_versions()
_WAITING_AT = sa.exists().where(
    READY_FOR_ANY, tasks.c.gate == gates.c.specialist_type
) | sa.exists().where(_versions.c.gate == gates.c.specialist_type)
_FIRST_BEGUN = (
    sa.select(sa.func.min(starts.c.began_at))
    .where(starts.c.specialist_type == gates.c.specialist_type, _since(gates.c.rate_per))
    .correlate(gates)
    .scalar_subquery()
)
_TYPES_OPEN = sa.select(_FIRST_BEGUN + gates.c.rate_per).where(
    gates.c.paused_at.is_(None), gates.c.rate_count.is_not(None), ~_NOT_WORN, _WAITING_AT
)
_worn = _worn_keys(
    (sa.func.min(starts.c.began_at) + sa.func.min(_worn_gate.c.key_rate_per)).label("opens_at")
).subquery()
_KEYS_WAITING = sa.union_all(
    *(
        sa.select(tasks.c.gate, tasks.c.concurrency_key).where(
            ready, TAKEN, tasks.c.gate != NO_GATE, tasks.c.gate.not_in(PAUSED_TYPES)
        )
        for ready in (READY_FOR_ANY, READY_FOR_VERSION)
    )
)
_KEYS_OPEN = sa.select(_worn.c.opens_at).where(
    sa.tuple_(_worn.c.specialist_type, _worn.c.concurrency_key).in_(_KEYS_WAITING)
)
_moments = sa.union_all(
    sa.select(_FIRST_DELAYED.scalar_subquery().label("moment")),
    sa.select(_FIRST_TO_WAKE.scalar_subquery()),
    _TYPES_OPEN,
    _KEYS_OPEN,
).subquery()
NEXT_TO_OPEN = compiled_by_name(sa.select(sa.func.min(_moments.c.moment)), "now")

# ---- the gates themselves

ALL_GATES = compiled(sa.select(gates).order_by(gates.c.specialist_type))
_NEW = sqlite.insert(gates)
SET_LIMITS = compiled(
    _NEW.on_conflict_do_update(
        index_elements=["specialist_type"],
        set_={name: _NEW.excluded[name] for name in LIMIT_COLUMNS},
    ),
    *GATE_COLUMNS,
)
SET_PAUSED = compiled(
    _NEW.on_conflict_do_update(
        index_elements=["specialist_type"],
        set_={"paused_at": sa.func.coalesce(gates.c.paused_at, _NEW.excluded.paused_at)},
    ),
    *GATE_COLUMNS,
)
PAUSE_GATE = compiled(
    sa.update(gates)
    .where(gates.c.specialist_type == sa.bindparam("type", type_=sa.Text))
    .values(paused_at=sa.func.coalesce(gates.c.paused_at, sa.bindparam("now")))
    .returning(gates.c.specialist_type),
    "now",
    "type",
    returns=True,
)
RESUME_GATE = compiled(
    sa.update(gates)
    .where(
        gates.c.specialist_type == sa.bindparam("type", type_=sa.Text),
        gates.c.paused_at.is_not(None),
    )
    .values(paused_at=sa.null())
    .returning(gates.c.specialist_type),
    "type",
    returns=True,
)
DROP_OPEN_GATE = compiled(
    sa.delete(gates).where(
        gates.c.specialist_type == sa.bindparam("type", type_=sa.Text),
        *(gates.c[name].is_(None) for name in GATE_COLUMNS[1:]),
    ),
    "type",
)
GATE = gate_of(tasks.c.specialist_type)
_MARK = sa.update(tasks).where(UNFINISHED, tasks.c.gate != GATE).values(gate=GATE)
MARK_GATED = compiled(
    _MARK.where(tasks.c.specialist_type == sa.bindparam("type", type_=sa.Text)), "type"
)
MARK_ALL_GATED = compiled(_MARK)
_GOING_ON = tasks.c.status.not_in([EXECUTED, ASSIGNED, COMPLETED, FAILED, CANCELLED])
_THIS_ONE = tasks.c.id == sa.bindparam("task", type_=sa.Text)
PAUSE_TASK = compiled(
    sa.update(tasks)
    .where(_THIS_ONE, _GOING_ON)
    .values(paused_at=sa.func.coalesce(tasks.c.paused_at, sa.bindparam("now")))
    .returning(tasks.c.id),
    "now",
    "task",
    returns=True,
)
RESUME_TASK = compiled(
    sa.update(tasks)
    .where(
        _THIS_ONE,
        UNFINISHED,
        tasks.c.paused_at.is_not(None),
    )
    .values(paused_at=sa.null())
    .returning(tasks.c.id),
    "task",
    returns=True,
)
