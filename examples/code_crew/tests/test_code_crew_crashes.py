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
        is_bad = "hard" in task and "Mend" not in task
        self.record("bad" if is_bad else "good")
        return "bad = 1\n" if is_bad else "good = 1\n"


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


def asked_for(description):
    async def scenario(app):
        await app.container.get(WriteCodeUseCase).write("primes", description)

    return scenario


def it_is_written_and_proven(app, world):
    (task,) = app.tasks.all()
    assert task.status == "completed", task.error
    assert app.files.read("src/primes.py") == "good = 1\n"
    assert "score 1" in app.files.read("reviews/primes.md")
    assert app.files.verify_all().all_verified


def nobody_is_asked_again_but_for_a_death(app, world):
    log = [*world.log(Writer), *world.log(Judge), *world.log(Ruff)]
    keys = {(effect.service, effect.key) for effect in log}
    lives = max(effect.life for effect in log)
    assert len(log) - len(keys) <= lives - 1, log


INVARIANTS = [
    it_is_written_and_proven,
    nobody_is_asked_again_but_for_a_death,
    "engine",
    "database",
]


@pytest.mark.parametrize(
    ("description", "at"),
    [
        ("a sieve", "effect"),
        pytest.param("a hard one", ("commit", "effect", "file"), marks=pytest.mark.chaos),
    ],
)
def test_a_module_is_written_wherever_the_process_dies(build, world, description, at):
    report = explore_crashes(build, asked_for(description), INVARIANTS, world=world, at=at)

    report.raise_for_failures()
    assert report.complete
    assert report.points >= 5


@pytest.mark.chaos
def test_a_module_is_written_when_the_process_dies_twice(build, world):
    report = explore_crashes(
        build, asked_for("a sieve"), INVARIANTS, world=world, at="effect", depth=2
    )

    report.raise_for_failures()
    assert report.complete
