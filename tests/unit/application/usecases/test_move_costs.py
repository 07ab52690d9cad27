"""What a task has cost goes with its history."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from vespera import Container, CostTracker, TaskContext, TaskOrchestrator
from vespera.application.runtime.specialists import Specialists

Document = dict[str, Any]


@pytest.fixture
def tracker(container: Container) -> CostTracker:
    return container.get(CostTracker)


@pytest.fixture
def orchestrator(
    container: Container, specialists: Specialists, tracker: CostTracker
) -> TaskOrchestrator:
    async def ask() -> str:
        async with tracker.track_operation("chat", model="small") as operation:
            operation.add_costs(input_tokens=10, output_tokens=5, money="0.00045")
        return "an outline"

    async def write(task: TaskContext) -> object:
        await task.step("outline", ask)
        await task.costs.log_costs("printing", money="0.05", seconds=1.5)
        await task.costs.log_costs("printing", money="0.07", currency="EUR")
        return await task.wait_for_signal("word")

    specialists.register("book", write)
    return container.get(TaskOrchestrator)


async def waiting(orchestrator: TaskOrchestrator) -> Document:
    """The history of a book that waits for a word."""
    asked = {"title": "A book", "specialist_type": "book", "completion": "auto"}
    await orchestrator.create_task(asked, task_id="book")
    await orchestrator.run_until_idle()
    return await exported(orchestrator, "book")


async def exported(orchestrator: TaskOrchestrator, task_id: str) -> Document:
    document: Document = json.loads(json.dumps(await orchestrator.export_task(task_id)))
    return document


def without_ids(costs: list[Document]) -> list[Document]:
    return [{name: v for name, v in cost.items() if name != "id"} for cost in costs]


async def test_each_operation_is_told_with_its_step_and_what_it_cost(
    orchestrator: TaskOrchestrator,
) -> None:
    document = await waiting(orchestrator)
    [chat, *printing] = document["costs"]

    assert (chat["operation"], chat["step"], chat["state"]) == ("chat", "outline", "done")
    assert (chat["model"], chat["input_tokens"], chat["output_tokens"]) == ("small", 10, 5)
    assert (chat["money"], chat["currency"]) == ("0.00045", "USD")
    assert sorted((p["money"], p["currency"]) for p in printing) == [
        ("0.05", "USD"),
        ("0.07", "EUR"),
    ]
    assert "task_id" not in chat


async def test_a_redacted_history_tells_what_was_spent(orchestrator: TaskOrchestrator) -> None:
    document = await waiting(orchestrator)
    redacted = await orchestrator.export_task("book", redact=True)

    assert redacted["costs"] == document["costs"]


async def test_a_copy_that_goes_on_counts_nothing_twice(
    orchestrator: TaskOrchestrator, tracker: CostTracker
) -> None:
    document = await waiting(orchestrator)
    imported = await orchestrator.import_task(document, task_id="copy")
    await orchestrator.resume_task("copy")
    await orchestrator.signal("copy", "word", "done")
    await orchestrator.run_until_idle()
    again = await exported(orchestrator, "copy")

    assert imported.success, imported.error
    assert again["task"]["status"] == "completed"
    assert without_ids(again["costs"]) == without_ids(document["costs"])
    assert not {c["id"] for c in again["costs"]} & {c["id"] for c in document["costs"]}
    assert (await tracker.total("copy")) == (await tracker.total("book"))


async def test_a_cost_whose_id_is_taken_here_is_told(orchestrator: TaskOrchestrator) -> None:
    document = await waiting(orchestrator)
    document["task"]["id"] = "another"
    refused = await orchestrator.import_task(document)

    assert str(refused.error).endswith("import a copy, under a task_id of its own")


async def test_a_history_from_before_costs_were_told_can_be_imported(
    orchestrator: TaskOrchestrator,
) -> None:
    document = await waiting(orchestrator)
    del document["costs"]

    assert (await orchestrator.import_task(document, task_id="copy")).success


DAMAGE: list[tuple[Callable[[list[Document]], object], str]] = [
    (lambda c: c[0].update(money="x"), "costs[0].money: must be a number as text, got 'x'"),
    (lambda c: c[0].update(money=1), "costs[0].money: must be text, got 1"),
    (lambda c: c[0].update(money="NaN"), "costs[0].money: must be from 0 to 1,000,000, not NaN"),
    (lambda c: c[0].update(money="-1"), "costs[0].money: must be from 0 to 1,000,000, not -1"),
    (lambda c: c[0].update(currency=""), "costs[0].currency: must be the name of a currency"),
    (lambda c: c[0].update(input_tokens=-1), "costs[0].input_tokens: "),
    (lambda c: c[1].update(output_tokens=-1), "costs[1].output_tokens: "),
    (lambda c: c[0].update(seconds=-1), "costs[0].seconds: "),
    (lambda c: c[0].update(operation=" "), "costs[0].operation: must be text"),
    (lambda c: c[0].update(state="over"), "costs[0].state: must be one of open"),
    (lambda c: c.append(c[0]), "costs[3]: has the id of another one"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE, ids=[told[:40] for _, told in DAMAGE])
async def test_damage_to_costs_is_told_by_its_place(
    orchestrator: TaskOrchestrator, damage: Callable[[list[Document]], object], told: str
) -> None:
    document = copy.deepcopy(await waiting(orchestrator))
    damage(document["costs"])
    refused = await orchestrator.import_task(document, task_id="copy")

    assert (refused.success, str(refused.error)[: len(told)]) == (False, told)
