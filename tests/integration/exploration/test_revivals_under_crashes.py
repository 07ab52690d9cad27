"""Retries and forks, whenever the process dies, and whoever else works or retries meanwhile."""

import pytest

from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes, explore_schedules

ALWAYS = ("engine", "database")
AUTO = {"completion": "auto"}
CANCEL = {"on_failed_dependency": "cancel"}


class Works(World.Service):
    """Machines, one of which is broken until somebody mends it."""

    async def mend(self) -> None:
        self.once("the press", "mended")

    async def do(self, key: str) -> str:
        return self.once(key, f"{key} done")

    async def take_back(self, key: str) -> None:
        self.record(key, "taken back")


class Mill:
    """What the machines are used for."""

    def __init__(self, works, world):
        self.works, self.world = works, world

    async def press(self, key):
        if not self.world.log().count("mend"):
            raise RuntimeError("the press is broken")
        return await self.works.do(key)

    async def paper(self, task):
        await task.step("pulp", self.works.do, f"{task.id} pulp")
        return await task.step("press", self.press, f"{task.id} press")

    async def dyed(self, task):
        await task.step("pulp", self.works.do, f"{task.id} pulp")
        mended = bool(self.world.log().count("mend"))
        key = f"{task.id} dye {'again' if mended else 'first'}"
        await task.step("dye", self.works.do, key, undo=lambda _: self.works.take_back(key))
        return await task.step("press", self.press, f"{task.id} press")

    async def parent(self, task):
        child = await task.spawn(title="child", specialist_type="paper", task_id="child")
        return await child.result()


@pytest.fixture
def mill(shop, world):
    mill = Mill(world.service(Works), world)

    def build():
        container = shop()
        for kind in ("paper", "dyed", "parent"):
            container.get(Specialists).register(kind, getattr(mill, kind))
        return container

    build.works = mill.works
    return build


def order(kind, task_id="a", **more):
    given = {"title": kind, "specialist_type": kind, "task_id": task_id, "idempotency_key": task_id}
    return {**given, **AUTO, **more}


async def mended_and_retried(mill, app):
    """Whoever finds it failed has it mended, and run again."""
    await app.run_until_idle()
    if (await app.orchestrator.get_task_status("a")).status == "failed":
        await mill.works.mend()
        await app.orchestrator.retry_task("a", dependents=True)
    await app.run_until_idle()


def scenario_of(mill, *orders):
    async def scenario(app):
        await app.orchestrator.create_tasks(orders)
        await mended_and_retried(mill, app)

    return scenario


def all_completed(app):
    found = {task.id: task.status.value for task in app.tasks.all()}
    assert set(found.values()) == {"completed"}, [task.error for task in app.tasks.all()]


def it_was_retried_once(app):
    assert {task.retries for task in app.tasks.all()} <= {0, 1}
    assert app.tasks.get("a").retries == 1


def done_once_each(app, world):
    keys = [effect.key for effect in world.log().of("do")]
    assert len(keys) == len(set(keys))


def taken_back_once_or_again_after_a_death(app, world):
    effects = world.log().of("take_back")
    assert {effect.key for effect in effects} == {"a dye first"}
    assert len(effects) <= max(effect.life for effect in effects)


CASES = {
    "retried": ([order("paper")], [done_once_each]),
    "with dependents": (
        [order("paper"), order("paper", "b", depends_on=["a"], **CANCEL)],
        [done_once_each],
    ),
    "undone": ([order("dyed")], [done_once_each, taken_back_once_or_again_after_a_death]),
    "a parent and its child": ([order("parent")], [done_once_each]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_retry_happens_once_at_whatever_event_the_process_dies(mill, world, case):
    orders, holds = CASES[case]
    scenario = scenario_of(mill, *orders)
    report = explore_crashes(
        mill,
        scenario,
        [all_completed, it_was_retried_once, *holds, *ALWAYS],
        world=world,
        recover=scenario,
        every="event",
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 30


@pytest.mark.chaos
@pytest.mark.parametrize("case", CASES)
def test_a_retry_happens_once_when_the_process_dies_twice(mill, world, case):
    orders, holds = CASES[case]
    scenario = scenario_of(mill, *orders)
    report = explore_crashes(
        mill,
        scenario,
        [all_completed, it_was_retried_once, *holds, *ALWAYS],
        world=world,
        recover=scenario,
        at="effect",
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 5


async def forking(mill, app):
    """A task that is forked from its second step, once."""
    await mill.works.mend()
    await app.orchestrator.create_task(order("paper"))
    await app.run_until_idle()
    await app.orchestrator.fork_task("a", from_step="press", new_task_id="f")
    await app.run_until_idle()


def the_fork_did_only_the_rest(app, world):
    done = [effect.key for effect in world.log().of("do")]
    assert sorted(set(done)) == ["a press", "a pulp", "f press"]
    assert app.tasks.get("f").forked_from == "a"


def test_a_fork_is_there_whole_or_not_at_all_at_whatever_event_the_process_dies(mill, world):
    async def scenario(app):
        await forking(mill, app)

    report = explore_crashes(
        mill,
        scenario,
        [all_completed, the_fork_did_only_the_rest, done_once_each, *ALWAYS],
        world=world,
        recover=scenario,
        every="event",
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 30


# ------------------------------------------------------------------------------- two processes


async def work(app):
    await app.orchestrator.create_task(order("paper"))
    await app.run_until_idle()


def retrier(mill):
    async def retry(app):
        while (await app.orchestrator.get_task_status("a")).status != "failed":
            await app.get("clock").sleep(0.5)
        await mill.works.mend()
        result = await app.orchestrator.retry_task("a")
        assert result.success or "only a task that has failed" in result.error
        await app.run_until_idle()

    return retry


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param((), id="orders"),
        pytest.param((0.7, 60.0), id="slowness", marks=pytest.mark.chaos),
    ],
)
def test_a_retry_and_a_worker_do_not_get_into_each_others_way(mill, world, slow):
    report = explore_schedules(
        mill,
        [work, retrier(mill)],
        [all_completed, it_was_retried_once, done_once_each, *ALWAYS],
        world=world,
        order="fifo" if slow else "exhaustive",
        bound=2,
        slow=slow,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


@pytest.mark.chaos
def test_of_two_that_retry_at_once_one_does(mill, world):
    report = explore_schedules(
        mill,
        scenario_of(mill, order("paper")),
        [all_completed, it_was_retried_once, done_once_each, *ALWAYS],
        world=world,
        order="fifo",
        slow=(0.7, 60.0),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10
