"""What no task can have gone through is refused."""

from decimal import Decimal

import pytest

from vespera.domain.cost import CostEntry, CostState
from vespera.domain.errors import InvalidRequest
from vespera.domain.history import check_history
from vespera.testing.conformance.samples import a_task


def check(cost: CostEntry) -> None:
    check_history(a_task(), steps=(), signals=(), operations=(), report=None, costs=[cost])


def a_cost(money: str = "0", currency: str = "") -> CostEntry:
    return CostEntry(
        id="c",
        operation="plan",
        state=next(iter(CostState)),
        money=Decimal(money),
        currency=currency,
    )


def test_what_cost_no_money_needs_no_currency() -> None:
    check(a_cost())
    check(a_cost("0.5", "EUR"))


@pytest.mark.parametrize("cost", [a_cost("0.5"), a_cost(currency="no currency")])
def test_money_is_of_some_currency(cost: CostEntry) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(cost)

    assert caught.value.field == "costs[0].currency"
