"""What calls cost, noted by an async context manager: also of those that fail."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from vespera.testing import async_context_manager_mock, mock_client


class BudgetExceeded(Exception):
    """There is no money left."""


@dataclass
class Operation:
    name: str
    cost: float = 0.0
    outcome: str = "running"

    def spend(self, amount):
        self.cost += amount


@dataclass
class CostTracker:
    budget: float
    operations: list[Operation] = field(default_factory=list)

    @property
    def spent(self):
        return sum(operation.cost for operation in self.operations)

    @asynccontextmanager
    async def track_operation(self, name):
        if self.spent >= self.budget:
            raise BudgetExceeded(f"{self.spent} of {self.budget} are spent")
        operation = Operation(name)
        self.operations.append(operation)
        try:
            yield operation
        except BaseException as error:
            operation.outcome = type(error).__name__
            raise
        operation.outcome = "done"


async def ask(model, tracker, prompt):
    async with tracker.track_operation("ask") as operation:
        answer = await model.generate(prompt)
        operation.spend(answer["usage"]["completion_tokens"] * 0.01)
        return answer["content"]


@pytest.fixture
def model():
    return mock_client(generate={"content": "text", "usage": {"completion_tokens": 500}})


async def test_a_call_costs_what_it_used(model):
    tracker = CostTracker(budget=10)

    assert await ask(model, tracker, "prompt") == "text"

    assert tracker.spent == 5.0
    assert tracker.operations[0].outcome == "done"


@pytest.mark.parametrize("error", [ConnectionError("down"), asyncio.CancelledError()])
async def test_a_call_that_fails_or_is_cancelled_is_noted_and_fails(error):
    """An ``__aexit__`` that gives a mock, which is true, would swallow it."""
    tracker = CostTracker(budget=10)

    with pytest.raises(type(error)):
        await ask(mock_client(generate=error), tracker, "prompt")

    assert [operation.outcome for operation in tracker.operations] == [type(error).__name__]


async def test_when_the_budget_is_spent_nobody_is_asked(model):
    tracker = CostTracker(budget=8)
    await ask(model, tracker, "first")
    await ask(model, tracker, "second")

    with pytest.raises(BudgetExceeded, match=r"10\.0 of 8"):
        await ask(model, tracker, "third")

    assert model.generate.await_count == 2


async def test_calls_at_once_are_told_apart(model):
    tracker = CostTracker(budget=100)

    await asyncio.gather(*[ask(model, tracker, f"prompt {number}") for number in range(5)])

    assert [operation.cost for operation in tracker.operations] == [5.0] * 5


async def test_a_tracker_that_is_mocked_is_entered_and_left(model):
    """The tracker is handed in; patching its class works only where the name is looked up."""
    operation = mock_client(Operation)
    tracking = async_context_manager_mock(operation)
    tracker = mock_client(track_operation=tracking)

    assert await ask(model, tracker, "prompt") == "text"

    tracker.track_operation.assert_called_once_with("ask")
    tracking.__aenter__.assert_awaited_once()
    tracking.__aexit__.assert_awaited_once_with(None, None, None)
    operation.spend.assert_called_once_with(5.0)
