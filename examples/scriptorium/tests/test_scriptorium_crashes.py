"""The process dies at every commit, effect and file; the work is done all the same."""

import json

import pytest

from scriptorium.container import ScriptoriumContainer
from scriptorium.model import WritingModel
from scriptorium.offline import PREMISE, said_to
from scriptorium.sessions import SessionsUseCase, name_of
from scriptorium.subtasks import SubtasksUseCase
from vespera.testing import World, explore_crashes

HOME = name_of(PREMISE)
SMALL = json.dumps(
    {
        "title": "small",
        "summary": "One file.",
        "decisions": [{"title": "Small", "why": "It is enough."}],
        "subtasks": [
            {"key": "code", "role": "implementer", "title": "Write", "instructions": "Write it.",
             "files": ["wordtally.py"]},
            {"key": "tests", "role": "tester", "title": "Test", "instructions": "Test it.",
             "files": ["test_wordtally.py"], "needs": ["code"]},
        ],
    }
)  # fmt: skip


class Writer(World.Service):
    """A model that is paid by the call."""

    async def write(self, instruction, material):
        plans = instruction.startswith("You plan")
        return self.record(instruction, SMALL if plans else said_to(instruction))


@pytest.fixture
def build(world):
    def scriptorium():
        container = ScriptoriumContainer()
        container.override(WritingModel, world.service(Writer))
        return container

    return scriptorium


async def carry_out(app):
    """Somebody who begins again until it is done."""
    await app.get(SessionsUseCase).initialise(PREMISE)
    await app.run_until_idle()


async def carry_out_with_help(app):
    """The tests are written by hand, outside."""
    await app.get(SessionsUseCase).initialise(PREMISE, ["tester"])
    await app.run_until_idle()
    for branch in (await app.get(SessionsUseCase).status(HOME)).handed_over:
        (app.world.workspace / HOME / "test_wordtally.py").write_text("import unittest\n")
        await app.get(SubtasksUseCase).complete(branch.id, summary="By hand")
    await app.run_until_idle()


def all_is_made_once(app, world):
    tasks = app.tasks.all()
    assert sorted(task.status for task in tasks) == ["completed"] * 3
    made = {str(path.relative_to(world.workspace / HOME)) for path in files_of(world)}
    assert made == {"wordtally.py", "test_wordtally.py", "decisions/plan-1.md"}
    assert app.files.verify_all().all_verified
    assert world.log(Writer).count("write") <= 2 + app.life


def files_of(world):
    return [path for path in (world.workspace / HOME).rglob("*") if path.is_file()]


def test_it_is_made_at_whichever_call_of_the_model_the_process_dies(build, world):
    explored = explore_crashes(build, carry_out, all_is_made_once, world=world, at="effect")

    explored.raise_for_failures()
    assert explored.points >= 6


@pytest.mark.chaos
@pytest.mark.parametrize("scenario", [carry_out, carry_out_with_help])
def test_it_is_made_wherever_the_process_dies(build, world, scenario):
    invariants = [all_is_made_once, "engine", "database"]
    explored = explore_crashes(build, scenario, invariants, world=world, recover=scenario)

    explored.raise_for_failures()
    assert explored.points > 30
