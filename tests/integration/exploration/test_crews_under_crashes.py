"""Crews in a row, side by side, and with dependencies, whenever the process dies."""

import pytest

from vespera import (
    AgentCrew,
    Container,
    DagOrchestrator,
    DirectAdapter,
    ParallelOrchestrator,
    SequentialOrchestrator,
)
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes, explore_schedules


class Studio(World.Service):
    """Everybody who works there. It knows its customers' keys, but takes down each call."""

    async def work(self, name: str, given: object) -> str:
        self.record(name)
        return f"{name} of {given}"

    async def strike(self, name: str) -> str:
        self.record(name)
        raise ConnectionError("on strike")


def crew_of(studio, name=None, *, dag=False):
    """A writer whose text is to be spoken, and an editor who does without what is missing."""
    adapter = DirectAdapter(name)

    def works(each):
        async def agent(given):
            return await studio.work(each, given)

        return agent

    async def fails(given):
        return await studio.strike("audio")

    def after(*names):
        return {"depends_on": names} if dag else {}

    adapter.register_agent("text", works("text"))
    adapter.register_agent("audio", fails, optional=True, **after("text"))
    adapter.register_agent("page", works("page"), **after("text", "audio"))
    return adapter


KINDS = {
    "sequential": SequentialOrchestrator,
    "parallel": ParallelOrchestrator,
    "dag": DagOrchestrator,
}
AGENTS = ["text", "audio", "page"]


def by_a_worker(studio, kind):
    """The crew is a specialist; whoever lives goes on with its tasks."""

    def build():
        container = Container()
        orchestrator = container.get(KINDS[kind])
        crew = AgentCrew(orchestrator, crew_of(studio, dag=kind == "dag"))
        container.get(Specialists).register("crew", crew)
        return container

    async def scenario(app):
        await app.orchestrator.create_task(
            title="A",
            specialist_type="crew",
            payload={"task": "rain"},
            completion="auto",
            idempotency_key="once",
        )
        await app.run_until_idle()

    return build, scenario, None


def by_asking_again(studio, kind):
    """The crew is known to whoever asks for it, and goes on when it is asked for again."""

    async def scenario(app):
        execute = app.container.get(KINDS[kind]).execute
        adapter = crew_of(studio, dag=kind == "dag")
        result = await execute("rain", adapter, idempotency_key="once")
        assert result.success, result.error
        assert result["audio"].error == "ConnectionError: on strike"

    return Container, scenario, scenario


WAYS = {"a worker": by_a_worker, "asking again": by_asking_again}


def it_is_done(app, world):
    assert [task.status for task in app.tasks.all()] == ["completed"]


def each_agent_has_worked_and_once_more_for_a_death_at_most(app, world):
    log = world.log(Studio)
    calls = {name: len([e for e in log if e.key == name]) for name in AGENTS}
    lives = max(effect.life for effect in log)
    assert min(calls.values()) >= 1, calls
    assert max(calls.values()) <= lives, calls


def none_is_called_again_that_was_recorded(app, world):
    """In a row, a death calls one of them again: the one that was under way."""
    log = world.log(Studio)
    lives = max(effect.life for effect in log)
    assert len(log) - len(AGENTS) <= lives - 1, log


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("sequential", "asking again"),
        ("dag", "a worker"),
        pytest.param("sequential", "a worker", marks=pytest.mark.chaos),
        pytest.param("parallel", "a worker", marks=pytest.mark.chaos),
        pytest.param("parallel", "asking again", marks=pytest.mark.chaos),
        pytest.param("dag", "asking again", marks=pytest.mark.chaos),
    ],
)
def test_a_crew_comes_to_its_end_wherever_the_process_dies(world, kind, way):
    build, scenario, recover = WAYS[way](world.service(Studio), kind)
    once = [none_is_called_again_that_was_recorded] if kind == "sequential" else []

    report = explore_crashes(
        build,
        scenario,
        [
            it_is_done,
            each_agent_has_worked_and_once_more_for_a_death_at_most,
            *once,
            "engine",
            "database",
        ],
        world=world,
        recover=recover,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points >= 12


@pytest.mark.chaos
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_crew_comes_to_its_end_when_the_process_dies_twice(world, kind, way):
    build, scenario, recover = WAYS[way](world.service(Studio), kind)

    report = explore_crashes(
        build,
        scenario,
        [it_is_done, each_agent_has_worked_and_once_more_for_a_death_at_most, "engine", "database"],
        world=world,
        recover=recover,
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete


@pytest.mark.chaos
@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_do_not_do_the_work_of_a_crew_twice(world, kind):
    build, scenario, _ = by_a_worker(world.service(Studio), kind)

    def each_once(app, world):
        assert sorted(effect.key for effect in world.log(Studio)) == sorted(AGENTS)

    report = explore_schedules(
        [build, build], scenario, [it_is_done, each_once], world=world, bound=1, slow=()
    )

    report.raise_for_failures()


def test_a_crew_that_is_cut_off_fails_the_same_way_wherever_the_process_dies(world):
    studio = world.service(Studio)

    def build():
        async def works(given):
            return await studio.work("works", given)

        async def fails(given):
            return await studio.strike("fails")

        async def never(given):
            return await studio.work("never", given)

        adapter = DirectAdapter()
        for agent in (works, fails, never):
            adapter.register_agent(agent.__name__, agent)
        container = Container()
        cutting = ParallelOrchestrator(siblings="cancel", max_concurrent=2)
        container.get(Specialists).register("crew", AgentCrew(cutting, adapter))
        return container

    async def scenario(app):
        await app.orchestrator.create_task(title="A", specialist_type="crew", completion="auto")
        await app.run_until_idle()

    def it_has_failed(app, world):
        (task,) = app.tasks.all()
        assert (task.status, str(task.error)) == (
            "failed",
            "CrewFailed: fails: ConnectionError: on strike",
        )

    report = explore_crashes(build, scenario, [it_has_failed, "engine", "database"], world=world)

    report.raise_for_failures()
    assert report.complete
