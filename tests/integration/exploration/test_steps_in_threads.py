"""The process dies while functions that are not async run in threads; the promises hold."""

import asyncio
from typing import Any

import pytest

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes


class Ledger(World.Service):
    """Writes down whatever it is told, as often as it is."""

    def book(self, key: str) -> str:
        return self.record(key, f"booked {key}")


class Office:
    def __init__(self, world: World) -> None:
        self.ledger = world.service(Ledger)

    def __call__(self) -> Container:
        container = Container()
        container.get(Specialists).register("book", self.book)
        return container

    async def book(self, task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            entries = [
                group.create_task(task.step("book", self.ledger.book, f"entry {n}"))
                for n in range(2)
            ]
        await task.step("close", self.ledger.book, "balance")
        return [entry.result() for entry in entries]


async def scenario(app: Any) -> None:
    await app.orchestrator.create_task(
        title="Book", specialist_type="book", task_id="a", completion="auto"
    )
    await app.run_until_idle()


def every_entry_is_booked(world: World) -> Any:
    def invariant(app: Any) -> None:
        assert app.tasks.get("a").status == "completed"
        log = world.log(Ledger)
        assert set(log.keys) == {"entry 0", "entry 1", "balance"}
        assert len(log) <= 3 + 2 * (app.life - 1)  # a death doubles what was in flight: two here
        rows = app.db.all("SELECT name, occurrence FROM steps ORDER BY seq")
        assert sorted((row.name, row.occurrence) for row in rows) == [
            ("book", 1),
            ("book", 2),
            ("close", 1),
        ]

    return invariant


@pytest.mark.parametrize(
    "places", [{"at": "effect", "depth": 2}, {"at": "commit", "every": "event"}]
)
def test_what_is_booked_in_threads_is_booked_wherever_the_process_dies(
    world: World, places: Any
) -> None:
    report = explore_crashes(
        Office(world), scenario, world=world, invariants=[every_entry_is_booked(world)], **places
    )

    assert report.points > 5
