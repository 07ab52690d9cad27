"""A container that knows prices and budgets, and its tracker."""

import pytest
import pytest_asyncio

from vespera import Budget, Container, CostTracker, Price, providers
from vespera.testing.loop_clock import clock_of_this_loop


class Frugal(Container):
    prices = providers.Object({"small": Price(1, 10), "large": Price(100, 1000)})
    budgets = providers.Object(
        {
            "parent": Budget(tokens=1000),
            "child": Budget(tokens=300, reach="task"),
            "*": Budget(calls=5),
        }
    )


@pytest_asyncio.fixture
async def clock():
    """The loop's own time, which is that of the container too."""
    return clock_of_this_loop()


@pytest.fixture
def container_class():
    return Frugal


@pytest.fixture
def tracker(container):
    return container.get(CostTracker)


@pytest.fixture
def work(container):
    """Run a handler as the task "t" of a type, and give its result."""

    async def work(handler, specialist_type="parent", **fields):
        container.get("registry").register(specialist_type, handler)
        fields = {"title": "work", "task_id": "t", **fields}
        return await container.get("workflow").run(specialist_type=specialist_type, **fields)

    return work
