"""Wherever the process dies, the modules get written, and no draft is asked for without need."""

from collections.abc import Sequence

import pytest

from code_crew.agents import CodeGeneratorAgent, CodeQualityMetrics, CodeReviewerAgent
from code_crew.container import CodeCrewContainer
from code_crew.linting import Linter
from code_crew.use_cases import WriteCodeUseCase
from vespera.testing import World, explore_crashes


class Writer(World.Service):
    async def generate_code(self, task: str) -> str:
        self.record("second" if "Mend" in task else "first")
        return "good = 1\n" if "Mend" in task else "bad = 1\n"


class Judge(World.Service):
    async def review_code(self, code: str) -> CodeQualityMetrics:
        self.record(code)
        issues = () if code.startswith("good") else ("it is bad",)
        return CodeQualityMetrics(score=1.0 - len(issues) / 2, issues=issues)


class Ruff(World.Service):
    async def check(self, code: str) -> Sequence[str]:
        raise NotImplementedError

    async def check_file(self, path: str) -> Sequence[str]:
        self.record(path)
        return []


@pytest.fixture
def build(world):
    def make():
        container = CodeCrewContainer(model_url="http://model.test/v1")
        container.override(CodeGeneratorAgent, world.service(Writer))
        container.override(CodeReviewerAgent, world.service(Judge))
        container.override(Linter, world.service(Ruff))
        return container

    return make


async def write(app):
    await app.container.get(WriteCodeUseCase).write("primes", "a sieve")


def it_is_written_and_proven(app, world):
    (task,) = app.tasks.all()
    assert task.status == "completed", task.error
    assert app.files.read("src/primes.py") == "good = 1\n"
    assert "Draft 2: score 1" in app.files.read("reviews/primes.md")
    assert app.files.verify_all().all_verified


def no_draft_is_asked_for_without_need(app, world):
    log = [*world.log(Writer), *world.log(Judge), *world.log(Ruff)]
    keys = {effect.key for effect in log}
    lives = max(effect.life for effect in log)
    assert len(keys) == 5
    assert len(log) - 5 <= lives - 1, log


@pytest.mark.parametrize(
    "at", ["effect", pytest.param(("commit", "effect", "file"), marks=pytest.mark.chaos)]
)
def test_a_module_is_written_wherever_the_process_dies(build, world, at):
    report = explore_crashes(
        build,
        write,
        [it_is_written_and_proven, no_draft_is_asked_for_without_need, "engine", "database"],
        world=world,
        at=at,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points >= 10


@pytest.mark.chaos
def test_a_module_is_written_when_the_process_dies_twice(build, world):
    report = explore_crashes(
        build,
        write,
        [it_is_written_and_proven, no_draft_is_asked_for_without_need, "engine", "database"],
        world=world,
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete
