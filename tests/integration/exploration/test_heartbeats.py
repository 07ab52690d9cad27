"""The process dies while a step says how far it is; the next attempt goes on from there."""

from typing import Any

import pytest

from vespera import Clock, Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes

PAGES = 2


class Printer(World.Service):
    """Prints whatever it is told, as often as it is."""

    async def print_page(self, page: int) -> int:
        return self.record(page, page)


class PrintShop:
    def __init__(self, world: World) -> None:
        self.printer = world.service(Printer)

    def __call__(self) -> Container:
        container = Container()

        async def print_all(task: TaskContext) -> object:
            async def pages() -> int:
                for page in range(task.last_heartbeat or 0, PAGES):
                    await self.printer.print_page(page)
                    await task.heartbeat(page + 1)
                    await container.get(Clock).sleep(2.0)  # until it is kept
                return PAGES

            return await task.step("pages", pages, heartbeat_timeout=5.0)

        container.get(Specialists).register("print", print_all)
        return container


async def scenario(app: Any) -> None:
    await app.orchestrator.create_task(
        title="Print", specialist_type="print", task_id="a", completion="auto"
    )
    await app.run_until_idle()


def only_the_page_in_flight_is_printed_again(world: World) -> Any:
    def invariant(app: Any) -> None:
        assert app.tasks.get("a").status == "completed"
        printed = world.log(Printer).keys
        assert set(printed) == set(range(PAGES))
        assert len(printed) <= PAGES + app.life - 1
        assert printed == sorted(printed)
        (beat,) = app.db.all("SELECT name, occurrence FROM heartbeats")
        assert (beat.name, beat.occurrence) == ("pages", 1)

    return invariant


@pytest.mark.parametrize(
    "places", [pytest.param({"depth": 2}, marks=pytest.mark.chaos), {"every": "event"}]
)
def test_no_page_that_was_kept_is_printed_again(world: World, places: Any) -> None:
    report = explore_crashes(
        PrintShop(world),
        scenario,
        world=world,
        invariants=[only_the_page_in_flight_is_printed_again(world)],
        **places,
    )

    assert report.points > 5
