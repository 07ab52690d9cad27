"""What a task cost is a table in `vespera show` and `vespera task show`."""

import asyncio
import json

import pytest

from vespera import Container, CostTracker, Price, TaskExecutionWorkflow, providers
from vespera.application.runtime.costs.places import CostPlace
from vespera.domain.ids import TaskId


async def child(task):
    await task.costs.log_costs("draw", money="0.25", currency="EUR", seconds=1)


class Parent:
    def __init__(self, tracker):
        self._tracker = tracker

    async def execute(self, task):
        await task.step("ask", self.ask)
        await task.step("ask", self.ask)
        await (await task.spawn(title="a child", specialist_type="child")).outcome()

    async def ask(self):
        async with self._tracker.track_operation("chat", model="small") as operation:
            operation.add_costs(input_tokens=1000, output_tokens=100)


class Spending(Container):
    prices = providers.Object({"small": Price(1, 10)})
    specialists = providers.Aggregate(
        parent=providers.Factory(Parent, Container.cost_tracker),
        child=providers.Object(child),
    )


@pytest.fixture
def spent(workspace):
    """A task that has spent something, and one operation of which nobody knows."""

    async def spend():
        database = workspace / ".vespera" / "vespera.db"
        async with Spending(database_url=str(database), workspace=workspace) as container:
            result = await container.get(TaskExecutionWorkflow).run(
                title="Spend", specialist_type="parent", task_id="t"
            )
            assert result.success, result.error
            lost = container.get(CostTracker).track_operation(
                "lost", place=CostPlace(task_id=TaskId("t"))
            )
            await lost.__aenter__()

    asyncio.run(spend())


def test_what_a_task_cost_is_a_table(vespera, spent):
    shown = vespera("task", "show", "t")

    assert shown.exit_code == 0, shown.output
    lines = [line.strip() for line in shown.stdout.partition("\ncosts\n")[2].splitlines()]
    assert lines[0].split() == ["STEP", "OPERATION", "MODEL", "CALLS", "IN", "OUT", "MONEY", "TIME"]
    assert lines[1].split()[:7] == ["ask", "chat", "small", "1", "1,000", "100", "0.002"]
    assert lines[2].startswith("ask #2  ")
    assert lines[3].split()[:5] == ["-", "lost", "-", "1", "(1"]
    assert lines[4].startswith("child ")
    assert "0.25 EUR" in lines[4]
    assert lines[5].split()[:3] == ["total", "-", "4"]
    assert "(1 untold)  2,000  200  0.25 EUR + 0.004 USD" in lines[5]
    assert vespera("show", "t").stdout == shown.stdout


def test_it_is_told_in_json(vespera, spent):
    costs = json.loads(vespera("show", "t", "--json").stdout)["costs"]

    assert costs["total"]["money"] == {"USD": "0.004", "EUR": "0.25"}
    assert (costs["total"]["calls"], costs["total"]["untold"]) == (4, 1)
    assert (costs["own"]["tokens"], costs["own"]["money"]) == (2200, {"USD": "0.004"})
    assert {(one["step"], one["money"]) for one in costs["groups"]} >= {("ask", "0.002")}
