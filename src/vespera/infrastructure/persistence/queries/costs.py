"""What operations cost."""

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.cost_tables import costs
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_by_name,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.statements import Statement
from vespera.infrastructure.persistence.tables import NONE, ONE, tasks

INSERT_COST = compiled_insert(costs)
_SETTLED = (
    *("operation", "state", "model", "input_tokens", "output_tokens"),
    *("nanos", "currency", "micros"),
)
SETTLE_COST = compiled(
    sa.update(costs)
    .where(costs.c.id == sa.bindparam("cost"))
    .values({name: sa.bindparam(f"new_{name}") for name in _SETTLED}),
    *(f"new_{name}" for name in _SETTLED),
    "cost",
)
_ONCE = sqlite.insert(costs).on_conflict_do_nothing(index_elements=["id"])
ADD_COST = compiled(_ONCE.returning(costs.c.id), *costs.c.keys(), returns=True)
ENTRIES_OF_TASK = compiled(
    sa.select(costs)
    .where(costs.c.task_id == sa.bindparam("task"))
    .order_by(costs.c.began_at, costs.c.id),
    "task",
)
PURGE_COSTS = compiled(sa.delete(costs).where(one_of_many(costs.c.task_id)))

_ROOT: sa.BindParameter[str] = sa.bindparam("task")
_TREE = sa.select(_ROOT.label("id")).cte("tree", recursive=True)
_TREE = _TREE.union_all(sa.select(tasks.c.id).where(tasks.c.parent_id == _TREE.c.id))
_OPERATION = sa.or_(
    sa.bindparam("operation").is_(None), costs.c.operation == sa.bindparam("operation")
)
_SCOPES = {
    "ALL": sa.true(),
    "TASK": costs.c.task_id == _ROOT,
    "TREE": costs.c.task_id.in_(sa.select(_TREE.c.id)),
    "NO_TASK": costs.c.task_id.is_(None),
}
_OPEN: sa.ColumnElement[str] = sa.literal_column("'open'")
_NO_CURRENCY: sa.ColumnElement[str] = sa.literal_column("''")
_KEY = (
    *(costs.c.operation, (costs.c.state == _OPEN).label("is_open"), costs.c.task_id),
    *(costs.c.step, costs.c.occurrence, costs.c.model, costs.c.currency),
)


def _sum(value: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(value), NONE)


def _names(scope: str) -> tuple[str, ...]:
    return ("operation", "task") if scope in {"TASK", "TREE"} else ("operation",)


def _groups(scope: str) -> Statement:
    sums = [costs.c.input_tokens, costs.c.output_tokens, costs.c.nanos, costs.c.micros]
    return compiled_by_name(
        sa.select(*_KEY, sa.func.count(), *map(_sum, sums))
        .where(_SCOPES[scope], _OPERATION)
        .group_by(*_KEY)
        .order_by(costs.c.task_id, sa.func.min(costs.c.began_at), sa.func.min(costs.c.id)),
        *_names(scope),
    )


def _allows(scope: str) -> Statement:
    """One row, if what there is and what is needed is no more than the limits."""
    currency: sa.BindParameter[str] = sa.bindparam("currency")
    is_own = sa.case((costs.c.currency == currency, costs.c.nanos), else_=NONE)
    is_foreign = sa.case((costs.c.currency.in_([_NO_CURRENCY, currency]), NONE), else_=ONE)
    spent = (
        sa.select(
            sa.func.count().label("calls"),
            _sum(costs.c.input_tokens + costs.c.output_tokens).label("tokens"),
            _sum(is_own).label("nanos"),
            _sum(costs.c.micros).label("micros"),
            _sum(is_foreign).label("foreign_ones"),
        )
        .where(_SCOPES[scope], _OPERATION)
        .subquery("spent")
    )
    limits = ("calls", "tokens", "nanos", "micros", "foreign_ones")
    within = [
        spent.c[name] + sa.bindparam(f"needs_{name}") <= sa.bindparam(f"most_{name}")
        for name in limits
    ]
    names = [f"{side}_{name}" for name in limits for side in ("needs", "most")]
    return compiled_by_name(
        sa.select(ONE).select_from(spent).where(*within),
        *(*_names(scope), "currency", *names),
        expects=1,
        returns=True,
    )


COSTS_OF_ALL, COSTS_OF_TASK = _groups("ALL"), _groups("TASK")
COSTS_OF_TREE, COSTS_OF_NO_TASK = _groups("TREE"), _groups("NO_TASK")
ALL_ALLOW, TASK_ALLOWS = _allows("ALL"), _allows("TASK")
TREE_ALLOWS, NO_TASK_ALLOWS = _allows("TREE"), _allows("NO_TASK")
