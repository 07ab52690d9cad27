"""What calls cost, noted by an async context manager: also of those that fail."""

import asyncio
from decimal import Decimal
from unittest.mock import Mock

import pytest

from vespera import Budget, CostTracker, Price
from vespera.application.runtime.costs.operation import TrackedOperation
from vespera.domain.errors import BudgetExceeded
from vespera.testing import async_context_manager_mock, mock_client

PRICES = {"writer": Price(output=10_000)}


class CostOptimizer:
    """Gives what tracks a call; the tracker is handed in."""

    def __init__(self, tracker):
        self._tracker = tracker

    def track_costs(self):
        return self._tracker


async def with_cost_tracking(cost_tracker, operation):
    async with cost_tracker.track_operation() as tracker:
        result = await operation()
        await tracker.log_costs()
        return result


async def ask(model, tracker, prompt):
    async with tracker.track_operation("ask", model="writer") as operation:
        answer = await model.generate(prompt)
        operation.add_costs(usage=answer["usage"])
        return answer["content"]


@pytest.fixture
def model():
    return mock_client(generate={"content": "text", "usage": {"completion_tokens": 500}})


async def test_an_operation_is_tracked_and_its_costs_are_logged():
    cost_tracker = CostTracker()

    async def operation():
        return "a story"

    assert await with_cost_tracking(cost_tracker, operation) == "a story"

    assert (await cost_tracker.total()).calls == 1


async def test_a_call_costs_what_it_used(model):
    tracker = CostTracker(prices=PRICES)

    assert await ask(model, tracker, "prompt") == "text"

    costs = await tracker.total()
    assert (costs.output_tokens, costs.money, costs.untold) == (500, {"USD": Decimal(5)}, 0)


@pytest.mark.parametrize("error", [ConnectionError("down"), asyncio.CancelledError()])
async def test_a_call_that_fails_or_is_cancelled_is_noted_and_fails(error):
    """An ``__aexit__`` that gives a mock, which is true, would swallow it."""
    tracker = CostTracker(prices=PRICES)

    with pytest.raises(type(error)):
        await ask(mock_client(generate=error), tracker, "prompt")

    assert (await tracker.total()).calls == 1


async def test_when_the_budget_is_spent_nobody_is_asked(model):
    tracker = CostTracker(prices=PRICES, budget=Budget(money=8))
    await ask(model, tracker, "first")
    await ask(model, tracker, "second")

    with pytest.raises(BudgetExceeded, match="10 of 8 USD"):
        await ask(model, tracker, "third")

    assert model.generate.await_count == 2


async def test_calls_at_once_are_told_apart(model):
    tracker = CostTracker(prices=PRICES)

    await asyncio.gather(*[ask(model, tracker, f"prompt {number}") for number in range(5)])

    report = await tracker.report()
    assert [group.money for group in report.groups] == [5] * 5


async def test_cost_tracking_context():
    """The tracker is handed in; patching its class works only where the name is looked up."""
    operation = mock_client()
    tracker = async_context_manager_mock(operation)

    async with CostOptimizer(tracker).track_costs() as tracked:
        assert tracked is operation

    tracker.__aenter__.assert_awaited_once()
    tracker.__aexit__.assert_awaited_once_with(None, None, None)


async def test_the_real_tracker_is_entered_the_same_way():
    tracker = CostTracker()

    async with CostOptimizer(tracker).track_costs() as tracked:
        await tracked.log_costs(input_tokens=100, output_tokens=500)

    assert (await tracker.total()).tokens == 600


async def test_a_tracker_that_is_mocked_is_entered_and_left(model):
    operation = Mock(spec=TrackedOperation)
    tracking = async_context_manager_mock(operation)
    tracker = mock_client(track_operation=tracking)

    assert await ask(model, tracker, "prompt") == "text"

    tracker.track_operation.assert_called_once_with("ask", model="writer")
    tracking.__aexit__.assert_awaited_once_with(None, None, None)
    operation.add_costs.assert_called_once_with(usage={"completion_tokens": 500})
