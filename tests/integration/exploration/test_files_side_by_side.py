"""Branches of a handler that touch files side by side, and a crash anywhere in between."""

import asyncio
from contextlib import suppress

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import FileUnreadable
from vespera.testing import World, explore_crashes


class Press(World.Service):
    async def order(self, key: str) -> str:
        return self.once(key, "paper")


async def scenario(app):
    request = {"title": "t", "specialist_type": "printer", "task_id": "t", "completion": "auto"}
    await app.orchestrator.create_task(request)
    await app.run_until_idle()


def all_is_printed(app, world):
    assert app.tasks.get("t").status == "completed", app.tasks.get("t").error
    assert [app.files.read(f"{name}.txt") for name in "ab"] == ["a, and more", "b, and more"]
    assert app.files.verify_all().all_verified
    assert app.db.value("SELECT count(*) FROM file_operations") == 6


def test_branches_that_write_side_by_side_are_done_once_wherever_the_process_dies():
    world = World()

    class Printer:
        def __init__(self, press: Press) -> None:
            self.press = press

        async def branch(self, task: TaskContext, name: str) -> None:
            await task.files.write_text(f"{name}.txt", name)
            await task.step("order", self.press.order, name)
            await task.files.append(world.workspace / f"{name}.txt", ", and more")

        async def execute(self, task: TaskContext) -> None:
            names = "ab" if task.attempt % 2 else "ba"  # whichever comes first
            await asyncio.gather(*(self.branch(task, name) for name in names))
            await asyncio.gather(*(task.files.copy("a.txt", name) for name in "cd"))

    def build():
        container = Container()
        container.get(Specialists).register("printer", Printer(world.service(Press)))
        return container

    report = explore_crashes(build, scenario, [all_is_printed, "engine", "database"], world=world)

    report.raise_for_failures()
    assert report.runs > 20


def test_what_could_not_be_done_is_not_done_by_a_replay_either():
    world = World()

    class Cleaner:
        async def execute(self, task: TaskContext) -> None:
            with suppress(FileUnreadable):
                await task.files.delete("report.txt")
            with suppress(FileUnreadable):
                await task.files.move("draft.txt", "old.txt")
            await task.files.write_text("report.txt", "new")
            await task.files.write_text("draft.txt", "new")

    def build():
        container = Container()
        container.get(Specialists).register("printer", Cleaner())
        return container

    def all_is_there(app, world):
        assert app.tasks.get("t").status == "completed", app.tasks.get("t").error
        assert app.files.names() == ["draft.txt", "report.txt"]
        assert app.files.verify_all().all_verified

    explore_crashes(build, scenario, [all_is_there, "engine"], world=world).raise_for_failures()
