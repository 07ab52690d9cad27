"""A task whose model falls out: the process dies anywhere, and the task goes the way it began."""

import pytest

from vespera import Container, ModelSwitcherOrchestrator
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes


class Provider(World.Service):
    """Its first model is down when it is asked for the first time, and works from then on."""

    asked = 0

    async def complete(self, model: str, prompt: str) -> str:
        self.record(model, prompt)
        self.asked += model == "starcoder"
        if model == "starcoder" and self.asked == 1:
            raise ConnectionError("down")
        return f"{prompt}, said {model}"


@pytest.fixture
def office(world):
    """A container for each life, whose switcher knows nothing of the lives before, but by its
    breakers.
    """
    provider = world.service(Provider)

    def build():
        container = Container()
        switcher = ModelSwitcherOrchestrator(
            models=["starcoder", "mistral"],
            failure_threshold=1,
            store=container.get("breakers"),
            clock=container.get("clock"),
        )

        async def draft(task):
            return await switcher.run(task, "draft", provider.complete, "hello")

        container.get(Specialists).register("draft", draft)
        return container

    return build


async def drafts(app):
    task = {"title": "a draft", "specialist_type": "draft", "task_id": "t", "completion": "auto"}
    await app.orchestrator.create_tasks([task])
    await app.run_until_idle()


def the_draft_is_there(app, world):
    (task,) = app.tasks.all()
    assert task.status == "completed", task.error
    said = app.get("outcomes").decode(task.outcome).result
    assert said in {"hello, said starcoder", "hello, said mistral"}


def what_is_recorded_is_not_asked_again(app, world):
    """A model that has failed, for the record, is not asked again; and an answer stays."""
    failed = app.db.tuples("select seq from steps where name = 'draft' and error is not null")
    answered = app.db.tuples("select seq from steps where name = 'draft' and value is not null")
    (task,) = app.tasks.all()
    said = app.get("outcomes").decode(task.outcome).result
    assert len(answered) == 1
    assert (said == "hello, said mistral") == bool(failed)


def one_crash_doubles_one_call_at_most(app, world):
    assert world.log().count() <= 3


INVARIANTS = (
    the_draft_is_there,
    what_is_recorded_is_not_asked_again,
    one_crash_doubles_one_call_at_most,
    "engine",
    "database",
)


@pytest.mark.parametrize("at", ["commit", "effect"])
def test_wherever_the_process_dies_the_task_goes_the_way_it_began(office, world, at):
    report = explore_crashes(office, drafts, INVARIANTS, world=world, at=at)

    report.raise_for_failures()
    assert report.complete
    assert report.points >= 3


@pytest.mark.chaos
def test_also_if_it_dies_twice(office, world):
    report = explore_crashes(
        office,
        drafts,
        [the_draft_is_there, "engine", "database"],
        world=world,
        at=("commit", "effect"),
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete
