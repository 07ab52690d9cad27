"""Who may begin where there are gates, and what is kept of those."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_by_name
from vespera.infrastructure.persistence.queries.passing import has_gate
from vespera.infrastructure.persistence.queries.queue import (
    ASLEEP,
    BEGIN_ATTEMPT,
    CALM,
    DUE_AT_ONCE,
    READY,
    TAKEN,
)
from vespera.infrastructure.persistence.tables import (
    ASSIGNED,
    CANCELLED,
    COMPLETED,
    EVERY_TYPE,
    EXECUTED,
    FAILED,
    NONE,
    ONE,
    PENDING,
    READY_AT_GATE,
    RUNNING,
    SIMPLY_READY,
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
IS_RUNNING = sa.and_(running_tasks.c.status == RUNNING, running_tasks.c.gated == ONE)
IN_WINDOW = starts.c.began_at <= now()  # a clock that was set back holds nobody up


def _since(per: sa.Column[int]) -> sa.ColumnElement[bool]:
    return sa.and_(starts.c.began_at > now() - per, IN_WINDOW)


_RUNNING_OF_TYPE = (
    sa.select(sa.func.count())
    .select_from(running_tasks)
    .where(IS_RUNNING, running_tasks.c.specialist_type == gates.c.specialist_type)
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
        sa.select(running_tasks.c.specialist_type, running_tasks.c.concurrency_key)
        .join(own, own.c.specialist_type == running_tasks.c.specialist_type)
        .where(IS_RUNNING, running_tasks.c.concurrency_key.is_not(None))
        .group_by(running_tasks.c.specialist_type, running_tasks.c.concurrency_key)
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
    tasks.c.specialist_type, tasks.c.concurrency_key
).not_in(sa.union_all(_full_keys(), _worn_keys()))
_OPEN = (gates.c.specialist_type.is_(None) | _TYPE_OPEN) & _KEY_OPEN & _ALL_OPEN
_AT_GATE = READY_AT_GATE & TAKEN
_PLAIN = sa.and_(SIMPLY_READY, tasks.c.crashes < CALM, TAKEN)


# ---- the next one that may begin is written down as a start, and then begun

_WITH_GATE = tasks.outerjoin(gates, gates.c.specialist_type == tasks.c.specialist_type)
_LONGEST = sa.func.max(
    sa.func.coalesce(gates.c.rate_per, NONE), sa.func.coalesce(gates.c.key_rate_per, NONE)
)


def _first_of(
    condition: sa.ColumnElement[bool], *more: sa.ColumnElement[bool]
) -> sa.Select[tuple[str]]:
    return (
        sa.select(tasks.c.id)
        .where(condition, *more)
        .order_by(tasks.c.priority.desc(), tasks.c.id)
        .limit(ONE)
        .offset(NONE)
    )


def _types_at_gates() -> sa.CTE:
    """The types of tasks that wait at gates, one seek in their index for each; none where there is
    no gate of all types: then each of them has a gate of its own.
    """

    def least(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[str]:
        types = sa.select(tasks.c.specialist_type).where(READY_AT_GATE, *conditions)
        in_index = types.order_by(tasks.c.specialist_type, tasks.c.priority.desc(), tasks.c.id)
        return in_index.limit(ONE).offset(NONE).correlate_except(tasks).scalar_subquery()

    is_there = sa.exists().where(_whole.c.specialist_type == EVERY_TYPE)
    found = sa.select(least().label("name")).where(is_there).cte("types", recursive=True)
    further = sa.select(least(tasks.c.specialist_type > found.c.name))
    return found.union_all(further.where(found.c.name.is_not(None)))


def _candidates() -> sa.CompoundSelect[Any]:
    """The first of each gate that is open, of each type that only the gate of all types holds up,
    and of all that have none.
    """
    same_type = tasks.c.specialist_type == gates.c.specialist_type
    of_gate = _first_of(_AT_GATE, same_type, _KEY_OPEN).correlate(gates).scalar_subquery()
    types, own = _types_at_gates(), gates.alias("own")
    of_type = _first_of(_AT_GATE, tasks.c.specialist_type == types.c.name).correlate(types)
    has_own = sa.exists().where(own.c.specialist_type == types.c.name)
    plain = _first_of(_PLAIN).scalar_subquery()
    return sa.union_all(
        sa.select(of_gate).where(_TYPE_OPEN),
        sa.select(of_type.scalar_subquery()).select_from(types).where(~has_own),
        sa.select(plain),
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
        tasks.c.gated == ONE,
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
        tasks.c.gated == ONE,
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
_DUE = (
    sa.select(tasks.c.id)
    .where(READY, tasks.c.run_after.is_not(None), tasks.c.run_after <= sa.bindparam("now"))
    .order_by(tasks.c.run_after)
    .limit(DUE_AT_ONCE)
    .offset(NONE)
)
PROMOTE_DUE = compiled(
    sa.update(tasks).where(tasks.c.id.in_(_DUE)).values(run_after=sa.null()), "now"
)

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
_WAITING_AT = sa.exists().where(_AT_GATE, tasks.c.specialist_type == gates.c.specialist_type)
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
_KEYS_WAITING = sa.select(tasks.c.specialist_type, tasks.c.concurrency_key).where(
    _AT_GATE, tasks.c.specialist_type.not_in(PAUSED_TYPES)
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
HAS_GATE = has_gate(tasks.c.specialist_type)
_MARK = sa.update(tasks).where(UNFINISHED, tasks.c.gated != HAS_GATE).values(gated=HAS_GATE)
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
