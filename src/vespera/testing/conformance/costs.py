"""The promises of ``CostLedger``."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from vespera.application.ports.costs import CostLedger
from vespera.domain.budget import Budget, CostScope, ScopedBudget
from vespera.domain.cost import CostEntry, CostGroup, Costs, CostState, group_of
from vespera.domain.errors import BudgetExceeded, DuplicateRow
from vespera.domain.ids import TaskId
from vespera.testing.conformance.samples import NOW, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

T1, T2, T3 = TaskId("t1"), TaskId("t2"), TaskId("t3")
OF_T1 = CostScope(task_id=T1)
EVERYTHING = CostScope(everything=True)


def a_cost(name: str = "c1", **fields: Any) -> CostEntry:
    """An operation of the task "t1" that is over."""
    values = {
        "id": name,
        "operation": "ask ✓",
        "state": CostState.DONE,
        "began_at": NOW,
        "task_id": T1,
        "attempt": 1,
        "step": "plan",
        "occurrence": 2,
        "model": "small",
        "input_tokens": 10**12,
        "output_tokens": 7,
        "money": Decimal("999999.123456789"),
        "currency": "USD",
        "seconds": 1.5,
    }
    return CostEntry(**{**values, **fields})


def on_t1(**limits: Any) -> ScopedBudget:
    """A budget of the task "t1" alone."""
    return ScopedBudget(OF_T1, Budget(**limits))


def small(name: str, **fields: Any) -> CostEntry:
    """An operation that has cost 10 tokens, 0.1 USD and 2 s."""
    values = {"input_tokens": 6, "output_tokens": 4, "money": Decimal("0.1"), "seconds": 2.0}
    return a_cost(name, **{**values, **fields})


class CostLedgerConformance(PersistenceSuite):
    """Give ``make_stores``; the costs are the part in question."""

    ports = (CostLedger,)

    async def test_what_was_spent_comes_back_as_it_was(self, stores: Stores) -> None:
        for entry in (a_cost(), a_cost("c2", task_id=None, currency="", money=Decimal(0))):
            assert await stores.costs.add(entry)

        assert list(await stores.costs.groups(OF_T1)) == [group_of(a_cost())]

    async def test_it_is_kept_once(self, stores: Stores) -> None:
        await stores.costs.add(a_cost())

        assert not await stores.costs.add(a_cost(input_tokens=1))
        assert list(await stores.costs.groups(EVERYTHING)) == [group_of(a_cost())]

    async def test_an_operation_that_has_begun_is_open_until_its_costs_are_told(
        self, stores: Stores
    ) -> None:
        begun = a_cost(state=CostState.OPEN, model="", currency="", money=Decimal(0))
        await stores.costs.begin(begun, [])
        [group] = await stores.costs.groups(OF_T1)
        assert group == group_of(begun)
        assert group.is_open

        for state in (CostState.FAILED, CostState.DONE):
            await stores.costs.settle(told := a_cost(state=state))
            assert list(await stores.costs.groups(OF_T1)) == [group_of(told)]

    async def test_an_operation_begins_once(self, stores: Stores) -> None:
        await stores.costs.begin(a_cost(), [])
        with pytest.raises(DuplicateRow):
            await stores.costs.begin(a_cost(), [])

    async def test_costs_are_summed_up_where_they_differ_in_nothing_else(
        self, stores: Stores
    ) -> None:
        for number in range(3):
            await stores.costs.add(small(f"c{number}", began_at=NOW + timedelta(seconds=number)))
        await stores.costs.add(small("c3", step="", occurrence=0, began_at=NOW - timedelta(1)))
        first, second = await stores.costs.groups(OF_T1)

        assert first == replace(group_of(small("c3")), step="", occurrence=0)
        assert second == CostGroup(
            operation="ask ✓",
            task_id=T1,
            step="plan",
            occurrence=2,
            model="small",
            currency="USD",
            calls=3,
            input_tokens=18,
            output_tokens=12,
            money=Decimal("0.3"),
            seconds=6.0,
        )

    async def test_a_tree_is_a_task_and_all_below_it(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("t1"))
        await stores.tasks.add(a_task("t2", parent_id=T1))
        await stores.tasks.add(a_task("t3", parent_id=T2))
        await stores.tasks.add(a_task("t4"))
        for number in range(1, 5):
            await stores.costs.add(small(f"c{number}", task_id=TaskId(f"t{number}")))

        for root, calls in ((T1, 3), (T2, 2), (T3, 1), (TaskId("nobody"), 0)):
            groups = await stores.costs.groups(CostScope(task_id=root, tree=True))
            assert Costs.of(groups).calls == calls
        assert Costs.of(await stores.costs.groups(EVERYTHING)).calls == 4

    async def test_an_operation_a_task_or_none_can_be_meant(self, stores: Stores) -> None:
        await stores.costs.add(small("c1", operation="ask"))
        await stores.costs.add(small("c2", operation="draw"))
        await stores.costs.add(small("c3", operation="ask", task_id=None))

        for scope, calls in (
            (CostScope(task_id=T1, operation="ask"), 1),
            (CostScope(operation="ask"), 1),
            (CostScope(), 1),
            (CostScope(everything=True, operation="ask"), 2),
            (CostScope(task_id=TaskId("t\udcff")), 0),
        ):
            assert Costs.of(await stores.costs.groups(scope)).calls == calls

    @pytest.mark.parametrize(
        ("limits", "most"),
        [
            ({"calls": 3}, 3),
            ({"tokens": 30}, 3),
            ({"money": "0.3"}, 3),
            ({"seconds": 6}, 3),
            ({"tokens": 29}, 2),
            ({"money": "0.299999999"}, 2),
            ({"calls": 0}, 0),
        ],
    )
    async def test_a_budget_is_kept_to_the_last_unit(
        self, stores: Stores, limits: Any, most: int
    ) -> None:
        for number in range(most):
            await stores.costs.begin(small(f"c{number}"), [on_t1(**limits)])
        with pytest.raises(BudgetExceeded) as raised:
            await stores.costs.begin(small("one more"), [on_t1(**limits)])

        assert raised.value.limit == next(iter(limits))
        assert Costs.of(await stores.costs.groups(OF_T1)).calls == most

    async def test_what_is_estimated_at_nothing_begins_as_long_as_anything_is_left(
        self, stores: Stores
    ) -> None:
        unknown = {"input_tokens": 0, "output_tokens": 0, "money": Decimal(0), "seconds": 0.0}
        await stores.costs.add(small("c1"))
        await stores.costs.begin(small("c2", **unknown), [on_t1(tokens=11, money="0.11")])

        for limits in ({"tokens": 10}, {"money": "0.1"}, {"seconds": 2}):
            with pytest.raises(BudgetExceeded):
                await stores.costs.begin(small("c3", **unknown), [on_t1(**limits)])

    async def test_all_budgets_must_allow_it(self, stores: Stores) -> None:
        wide, narrow = on_t1(tokens=100), ScopedBudget(EVERYTHING, Budget(tokens=15))
        await stores.costs.begin(small("c1"), [wide, narrow])
        with pytest.raises(BudgetExceeded, match="everything"):
            await stores.costs.begin(small("c2"), [wide, narrow])

        assert Costs.of(await stores.costs.groups(EVERYTHING)).calls == 1

    async def test_other_currencies_cannot_be_compared_and_are_refused(
        self, stores: Stores
    ) -> None:
        await stores.costs.add(small("c1", currency="EUR"))
        with pytest.raises(BudgetExceeded, match="other currencies"):
            await stores.costs.begin(small("c2"), [on_t1(money=1)])
        await stores.costs.begin(small("c2"), [on_t1(tokens=20)])

    async def test_a_tree_s_budget_holds_for_all_in_it(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("t1"))
        await stores.tasks.add(a_task("t2", parent_id=T1))
        tree = ScopedBudget(CostScope(task_id=T1, tree=True), Budget(calls=2))
        await stores.costs.begin(small("c1"), [tree])
        await stores.costs.begin(small("c2", task_id=T2), [tree])

        with pytest.raises(BudgetExceeded, match="and its children"):
            await stores.costs.begin(small("c3", task_id=T2), [tree])

    async def test_they_are_kept_also_where_a_unit_of_work_is_given_up(
        self, stores: Stores
    ) -> None:
        with pytest.raises(RuntimeError):
            async with stores.unit_of_work():
                await stores.costs.begin(small("c1"), [])
                await stores.costs.settle(small("c1", input_tokens=7))
                await stores.costs.add(small("c2", input_tokens=7))
                raise RuntimeError

        assert Costs.of(await stores.costs.groups(OF_T1)).input_tokens == 14
