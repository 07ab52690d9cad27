"""A task that fails, and goes another way when it is tried again; and a crash anywhere."""

from contextlib import suppress

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import FileUnreadable, StepFailed
from vespera.testing import World, explore_crashes


class Press(World.Service):
    def __init__(self) -> None:
        self.jammed = True

    async def order(self, key: str) -> str:
        if self.jammed:
            self.jammed = False
            raise OSError("jammed")
        return self.once(key, "paper")


class Printer:
    def __init__(self, press: Press) -> None:
        self.press = press

    async def execute(self, task: TaskContext) -> None:
        await task.files.write_text("tmp/title.txt", "A title")
        with suppress(FileUnreadable):
            await task.files.rmdir("tmp")
        with suppress(FileUnreadable):
            await task.files.write_text("tmp/title.txt/page", "no page")
        try:
            paper = await task.step("order", self.press.order, "k")
        except StepFailed:
            await task.files.append("log.txt", "jammed\n")
            await task.files.write_text("error.txt", "jammed")
            await task.files.track_file_create("never.txt")
            raise
        await task.files.append("log.txt", "printed\n")
        await task.files.write_text("tmp/page.txt", paper)
        await task.files.move("tmp", "book")
        await task.files.append("book/page.txt", ", the end")


async def scenario(app):
    request = {
        "title": "t",
        "specialist_type": "printer",
        "task_id": "t",
        "completion": "auto",
        "retry": {"max_attempts": 2, "delay": 0},
    }
    await app.orchestrator.create_task(request)
    await app.run_until_idle()


def all_is_as_it_should_be(app, world):
    task = app.tasks.get("t")
    assert task.status == "completed", task.error
    printed = {name: app.files.read(name) for name in app.files.names()}
    expected = {
        "book/title.txt": "A title",
        "book/page.txt": "paper, the end",
        "log.txt": "printed\n",
    }
    if task.failures:
        expected |= {"log.txt": "jammed\nprinted\n", "error.txt": "jammed"}
    assert printed == expected
    assert app.files.verify_all().all_verified


def test_a_task_that_goes_another_way_after_a_failure_leaves_what_that_way_leads_to():
    world = World()

    def build():
        container = Container()
        container.get(Specialists).register("printer", Printer(world.service(Press)))
        return container

    invariants = [all_is_as_it_should_be, "engine", "database"]
    report = explore_crashes(build, scenario, invariants, world=world, power_loss=1)

    report.raise_for_failures()
    assert report.runs > 50
