"""What is kept of costs, in SQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from vespera.domain.budget import Charge, CostScope, ScopedBudget, refusal_of
from vespera.domain.cost import SMALLEST, CostEntry, CostGroup, CostState, rounded
from vespera.domain.errors import BudgetExceeded
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Statement, Write
from vespera.infrastructure.persistence.values import from_micros, storable_texts, to_micros

_NO_LIMIT = 2**62
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = 1_000_000


class SqlCostLedger:
    """Operations in the table ``costs``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def begin(self, entry: CostEntry, budgets: Sequence[ScopedBudget]) -> None:
        """See ``CostLedger.begin``."""
        checks = [_check(scoped, entry) for scoped in budgets]
        try:
            await self._database.commit([*checks, Write(sql.INSERT_COST, row_of_cost(entry))])
        except BudgetExceeded as refusal:
            raise await self._told(budgets, entry) or refusal from None

    async def settle(self, entry: CostEntry) -> None:
        """See ``CostLedger.settle``."""
        values = (
            *(entry.operation, entry.state.value, entry.model),
            *(entry.input_tokens, entry.output_tokens),
            *(_nanos(entry.money), entry.currency, _micros(entry.seconds), entry.id),
        )
        await self._database.commit([Write(sql.SETTLE_COST, values)])

    async def add(self, entry: CostEntry) -> bool:
        """See ``CostLedger.add``."""
        (returned,) = await self._database.commit([Write(sql.ADD_COST, row_of_cost(entry))])
        return bool(returned)

    async def groups(self, scope: CostScope) -> Sequence[CostGroup]:
        """See ``CostLedger.groups``."""
        if scope.task_id is not None and not storable_texts([scope.task_id]):
            return []
        query, _ = _of_scope(scope)
        rows = await self._database.read(query.sql, _names(scope))
        return [_group_from(row) for row in rows]

    async def _told(
        self, budgets: Sequence[ScopedBudget], entry: CostEntry
    ) -> BudgetExceeded | None:
        """Which one it was, and why, as far as that is so still."""
        refusals = [refusal_of(each, await self.groups(each.scope), entry) for each in budgets]
        return next(filter(None, refusals), None)


def _of_scope(scope: CostScope) -> tuple[Statement, Statement]:
    if scope.everything:
        return sql.COSTS_OF_ALL, sql.ALL_ALLOW
    if scope.task_id is None:
        return sql.COSTS_OF_NO_TASK, sql.NO_TASK_ALLOWS
    if scope.tree:
        return sql.COSTS_OF_TREE, sql.TREE_ALLOWS
    return sql.COSTS_OF_TASK, sql.TASK_ALLOWS


def _names(scope: CostScope) -> Mapping[str, object]:
    named = {} if scope.everything or scope.task_id is None else {"task": scope.task_id}
    return {"operation": scope.operation, **named}


def _check(scoped: ScopedBudget, entry: CostEntry) -> Write:
    budget, needs = scoped.budget, Charge.of(scoped.budget, entry)
    limited = budget.money is not None
    most = {
        "calls": _NO_LIMIT if budget.calls is None else budget.calls,
        "tokens": _NO_LIMIT if budget.tokens is None else budget.tokens,
        "nanos": _nanos(Decimal(budget.money)) if budget.money is not None else _NO_LIMIT,
        "micros": _NO_LIMIT if budget.seconds is None else _micros(budget.seconds),
        "foreign_ones": 0 if limited else _NO_LIMIT,
    }
    needed = {
        "calls": needs.calls,
        "tokens": needs.tokens,
        "nanos": _nanos(needs.money),
        "micros": max(_micros(needs.seconds), 1),
        "foreign_ones": needs.foreign,
    }
    values = {
        **_names(scoped.scope),
        "currency": budget.currency,
        **{f"most_{name}": value for name, value in most.items()},
        **{f"needs_{name}": value for name, value in needed.items()},
    }
    _, allows = _of_scope(scoped.scope)
    return Write(allows, values, partial(BudgetExceeded, scope=str(scoped.scope)))


def row_of_cost(entry: CostEntry) -> Row:
    """The values of ``costs``, in the order of its columns."""
    return (
        *(entry.id, entry.operation, entry.state.value, to_micros(entry.began_at or _LONG_AGO)),
        *(entry.task_id, entry.attempt, entry.step, entry.occurrence, entry.model),
        *(entry.input_tokens, entry.output_tokens, _nanos(entry.money), entry.currency),
        _micros(entry.seconds),
    )


def cost_from_row(row: Row) -> CostEntry:
    """The entry again."""
    entry_id, operation, state, began_at, task_id, attempt, step, occurrence, model, *spent = row
    input_tokens, output_tokens, nanos, currency, micros = spent
    return CostEntry(
        id=entry_id,
        operation=operation,
        state=CostState(state),
        began_at=from_micros(began_at),
        task_id=task_id,
        attempt=attempt,
        step=step,
        occurrence=occurrence,
        model=model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        money=rounded(SMALLEST * nanos),
        currency=currency,
        seconds=micros / _MICROS,
    )


def _group_from(row: Row) -> CostGroup:
    operation, is_open, task_id, step, occurrence, model, currency, calls, *sums = row
    input_tokens, output_tokens, nanos, micros = sums
    return CostGroup(
        operation=operation,
        is_open=bool(is_open),
        task_id=task_id,
        step=step,
        occurrence=occurrence,
        model=model,
        currency=currency,
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        money=rounded(SMALLEST * nanos),
        seconds=micros / _MICROS,
    )


def _nanos(money: Decimal) -> int:
    return int(money / SMALLEST)


def _micros(seconds: float) -> int:
    return round(seconds * _MICROS)
