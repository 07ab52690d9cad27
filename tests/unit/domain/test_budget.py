"""How much may be spent, and what an operation is told that may not begin."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from vespera.domain.budget import (
    Budget,
    CostScope,
    ScopedBudget,
    budgets_of_types,
    refusal_of,
)
from vespera.domain.cost import CostEntry, CostGroup, CostState
from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId

SCOPE = CostScope(task_id=TaskId("t"))
ENTRY = CostEntry(id="c", operation="ask", state=CostState.OPEN)


def spent(**fields: Any) -> CostGroup:
    return CostGroup(operation="ask", calls=1, **fields)


def refused(budget: Budget, *groups: CostGroup, **needs: Any) -> str:
    refusal = refusal_of(ScopedBudget(SCOPE, budget), groups, replace(ENTRY, **needs))
    return str(refusal or "")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "budget: limit calls"),
        ({"calls": -1}, "budget.calls"),
        ({"calls": 1.5}, "budget.calls"),
        ({"tokens": -1}, "budget.tokens"),
        ({"money": -1}, "budget.money"),
        ({"money": float("nan")}, "budget.money"),
        ({"seconds": float("inf")}, "budget.seconds"),
        ({"tokens": 1, "currency": ""}, "budget.currency"),
        ({"tokens": 1, "reach": "family"}, "budget.reach"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(fields: dict, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        Budget(**fields)


@pytest.mark.parametrize("given", [None, [Budget(calls=1)], {"coder": 7}, {7: Budget(calls=1)}])
def test_what_are_no_budgets_by_type_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match="budgets: must be a mapping"):
        budgets_of_types(given)

    assert budgets_of_types({"*": Budget(calls=1)}) == {"*": Budget(calls=1)}


def test_a_refusal_says_whose_budget_it_is_what_is_spent_and_what_was_needed() -> None:
    budget = Budget(money="0.50")

    told = refused(
        budget, spent(money=Decimal("0.45"), currency="USD"), money=Decimal("0.1"), currency="USD"
    )
    assert told == (
        "Operation 'ask' was not begun, the budget of task 't' does not allow it: 0.45 of 0.5 USD"
        " are spent or reserved, and it is estimated at 0.1. Raise the budget, or do without."
    )


def test_without_an_estimate_it_may_begin_as_long_as_anything_is_left() -> None:
    assert not refused(Budget(tokens=11), spent(input_tokens=10))
    assert "10 of 10 tokens" in refused(Budget(tokens=10), spent(output_tokens=10))
    assert "estimated" not in refused(Budget(tokens=10), spent(output_tokens=10))
    assert "1 of 1 calls" in refused(Budget(calls=1), spent())
    assert "100 of 100 USD" in refused(Budget(money=100), spent(money=Decimal(100), currency="USD"))
    assert "2.5 of 2 s" in refused(Budget(seconds=2), spent(seconds=2.5))


def test_what_is_reserved_for_others_counts() -> None:
    assert refused(Budget(tokens=10), spent(is_open=True, input_tokens=10))


def test_other_currencies_are_refused_where_money_is_limited() -> None:
    euros = spent(money=Decimal(1), currency="EUR")

    assert "other currencies than USD" in refused(Budget(money=5), euros)
    assert "other currencies" in refused(Budget(money=5), money=Decimal(1), currency="EUR")
    assert not refused(Budget(tokens=5), euros)


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        (CostScope(everything=True), "everything"),
        (CostScope(), "what is of no task"),
        (SCOPE, "task 't'"),
        (CostScope(task_id=TaskId("t"), tree=True), "task 't' and its children"),
        (CostScope(task_id=TaskId("t"), operation="ask"), "task 't' for 'ask'"),
    ],
)
def test_a_scope_is_told_in_words(scope: CostScope, told: str) -> None:
    assert str(scope) == told
