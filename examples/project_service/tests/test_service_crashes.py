"""The process dies at every commit, effect and file; what was acknowledged is done, once."""

from dataclasses import replace

import pytest

from project_service.container import ServiceContainer
from project_service.model import ChatModel
from project_service.project_tasks import NewTask, ProjectTasksUseCase
from project_service.projects import ProjectsUseCase
from vespera.testing import World, explore_crashes

TEXT = {"text": "A ship came in."}
SHIPS = NewTask(kind="publication", title="Ships", payload=TEXT, key="ships")


class Speaker(World.Service):
    """A model that is paid by the call."""

    async def complete(self, instruction, text):
        return self.record(text, "About ships.")


@pytest.fixture
def build(world):
    def service():
        container = ServiceContainer(api_keys=("key",))
        container.override(ChatModel, world.service(Speaker))
        return container

    return service


async def publish(app):
    """A caller who repeats everything until it is acknowledged, as callers do."""
    await app.get(ProjectsUseCase).open_project("harbour", "The harbour")
    tasks = app.get(ProjectTasksUseCase)
    task = await tasks.create("harbour", SHIPS)
    await app.run_until_idle()
    if (await tasks.show("harbour", task.id)).awaits:
        await tasks.decide("harbour", task.id, approved=True, by="ann", comment="")
    await app.run_until_idle()


def published_once(app, world):
    tasks = {task.specialist_type: task for task in app.tasks.all()}
    assert len(app.tasks.all()) == 2
    assert tasks["publication"].status == "completed"
    pages = list(world.workspace.rglob("page.html"))
    assert len(pages) == 1
    assert "approved by ann" in pages[0].read_text()
    assert app.files.verify_all().all_verified
    assert world.log(Speaker).count("complete") <= app.life


async def summarise(app):
    """The same, for what asks nobody."""
    await app.get(ProjectsUseCase).open_project("harbour", "The harbour")
    await app.get(ProjectTasksUseCase).create("harbour", replace(SHIPS, kind="summary"))
    await app.run_until_idle()


def summarised_once(app, world):
    kinds = {task.specialist_type: task.status for task in app.tasks.all()}
    assert kinds["summary"] == "completed"
    assert [path.read_text() for path in world.workspace.rglob("summary.txt")] == ["About ships.\n"]
    assert world.log(Speaker).count("complete") <= app.life


def test_what_was_asked_for_is_done_whenever_the_service_dies(build, world):
    report = explore_crashes(build, summarise, summarised_once, world=world, at="effect")

    report.raise_for_failures()
    assert report.points >= 2


@pytest.mark.chaos
def test_what_was_asked_for_is_published_whenever_the_service_dies(build, world):
    invariants = [published_once, "engine", "database"]
    report = explore_crashes(build, publish, invariants, world=world, recover=publish)

    report.raise_for_failures()
    assert report.points > 15
