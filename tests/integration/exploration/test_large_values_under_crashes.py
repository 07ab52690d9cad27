"""The process dies anywhere while its values are too large for the rows; the promises hold."""

from typing import Any

from vespera import Codec, Container, TaskContext
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.testing import World, explore_crashes

TEXT = "large " * 100


class Press(World.Service):
    """Prints what it is given, as often as it is."""

    async def print(self, key: str, text: str) -> str:
        return self.record(key, text)


class Office:
    """Its container keeps nearly everything in files."""

    def __init__(self, world: World) -> None:
        self.press = world.service(Press)

    def __call__(self) -> Container:
        container = Container(spill_above=100)
        container.get(Specialists).register("print", self.print)
        return container

    async def print(self, task: TaskContext) -> str:
        text = await task.step("print", self.press.print, task.id, task.payload["text"])
        return f"{text}!"


async def scenario(app: Any) -> None:
    await app.orchestrator.create_task(
        title="Print",
        specialist_type="print",
        task_id="a",
        completion="auto",
        payload={"text": TEXT},
    )
    await app.run_until_idle()


async def everything_is_whole(app: Any) -> None:
    task = await app.get(TaskRepository).get(TaskId("a"))
    assert task.status == "completed"
    assert app.get(Codec).decode(task.payload) == {"text": TEXT}
    assert app.get(Outcomes).decode(task.outcome).result == f"{TEXT}!"
    found = app.db.all("SELECT typeof(payload) AS payload, typeof(outcome) AS outcome FROM tasks")
    assert [(row.payload, row.outcome) for row in found] == [("text", "text")]


async def no_reference_leads_nowhere(app: Any) -> None:
    check = await SqliteDatabaseCare(app.world.directory / "world.db").check()
    assert check.sound, check.flaws


def test_large_values_are_whole_wherever_the_process_is_killed(world: World) -> None:
    report = explore_crashes(
        Office(world),
        scenario,
        world=world,
        invariants=[everything_is_whole, no_reference_leads_nowhere],
        at=("commit", "effect"),
        isolation="fork",
    )

    report.raise_for_failures()
    assert report.points >= 8
