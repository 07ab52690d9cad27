"""Limits, rates and pauses hold wherever a process dies, and with two workers at once."""

import pytest

from vespera import Clock, Container, providers
from vespera.application.runtime.specialists import Specialists
from vespera.domain.flow import Limits, Rate
from vespera.testing import explore_crashes, explore_schedules

LIMITS = {"max_concurrent": 1}
RATE = {"rate": Rate(1, per=20.0)}


@pytest.fixture
def limited(shop):
    """A container whose type "limited" has limits; its tasks take a step of two seconds."""

    def make(**limits):
        def build():
            container = shop()
            clock = container.get(Clock)

            async def specialist(task):
                await task.step("charge", shop.payments.charge, task.id, 30)
                await clock.sleep(2)
                await task.step("send", shop.post.send, task.id, task.attempt)

            container.get(Specialists).register("limited", specialist, **limits)
            return container

        return build

    return make


def orders(*names, **more):
    return [
        {
            "title": name,
            "specialist_type": "limited",
            "task_id": name,
            "completion": "auto",
            **more,
        }
        for name in names
    ]


async def two_orders(app):
    await app.orchestrator.create_tasks(orders("a", "b", concurrency_key="x"))
    await app.run_until_idle()


async def paused_and_resumed(app):
    await app.orchestrator.create_tasks(orders("a"))
    await app.orchestrator.start()
    await app.get("clock").sleep(1)
    await app.orchestrator.pause_task("a")
    await app.orchestrator.pause_type("limited")
    await app.run_until_idle()
    await app.orchestrator.resume_type("limited")
    await app.orchestrator.resume_task("a")
    await app.run_until_idle()


def all_completed(app, world):
    stands = {task.id: task.status.value for task in app.tasks.all()}
    assert set(stands.values()) <= {"completed"}, [t.error for t in app.tasks.all()]


def completed_or_paused(app, world):
    paused = world.database.tuples("SELECT * FROM gates WHERE paused_at IS NOT NULL")
    for task in app.tasks.all():
        assert task.status == "completed" or task.paused or paused, task


def never_two_at_once(app, world):
    running = world.database.tuples(
        "SELECT count(*) FROM tasks WHERE status = 'running' AND specialist_type = 'limited'"
    )
    assert running[0][0] <= 1


def one_after_the_other(app, world):
    """Between a task's two effects there is none of the other task's."""
    order = [effect.key for effect in world.log()]
    assert order in (["a", "a", "b", "b"], ["b", "b", "a", "a"]), order


def charged_once_each(app, world):
    for task in app.tasks.all():
        assert world.log().count("charge", key=task.id) == 1


@pytest.mark.parametrize(
    "limits",
    [LIMITS, {"max_concurrent_per_key": 1}, RATE, {"rate_per_key": Rate(1, per=20.0)}],
    ids=lambda limits: next(iter(limits)),
)
def test_a_limit_outlives_every_death(world, limited, limits):
    report = explore_crashes(
        limited(**limits),
        two_orders,
        [all_completed, never_two_at_once, charged_once_each, "engine", "database"],
        world=world,
        at=("commit", "effect"),
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 8


def test_a_pause_outlives_every_death(world, limited):
    report = explore_crashes(
        limited(),
        paused_and_resumed,
        [completed_or_paused, charged_once_each, "engine", "database"],
        world=world,
        at=("commit", "effect"),
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 8


@pytest.mark.parametrize(
    "limits", [LIMITS, {"max_concurrent_per_key": 1}], ids=lambda limits: next(iter(limits))
)
def test_two_workers_never_run_more_than_may(world, limited, limits):
    report = explore_schedules(
        limited(**limits),
        two_orders,
        [all_completed, one_after_the_other, "engine", "database"],
        world=world,
        order="fifo",
        slow=(),
        seeds=15,
    )

    report.raise_for_failures()
    assert report.runs > 10


class OneAtATime(Container):
    limits = providers.Object({"*": Limits(max_concurrent=1)})


@pytest.fixture
def all_limited(shop, limited):
    """As ``limited``, but what is limited are all types together; "other" is one more."""
    shop.container_class = OneAtATime
    of_one_type = limited()

    def build():
        container = of_one_type()
        specialists = container.get(Specialists)
        specialists.register("other", specialists.handler("limited"))
        return container

    return build


async def two_orders_of_different_types(app):
    await app.orchestrator.create_tasks(
        [*orders("a"), {**orders("b", priority=1)[0], "specialist_type": "other"}]
    )
    await app.run_until_idle()


def never_two_of_whatever_type(app, world):
    assert len(world.database.tuples("SELECT id FROM tasks WHERE status = 'running'")) <= 1


def test_a_limit_of_all_types_outlives_every_death(world, all_limited):
    report = explore_crashes(
        all_limited,
        two_orders_of_different_types,
        [all_completed, never_two_of_whatever_type, charged_once_each, "engine", "database"],
        world=world,
        at=("commit", "effect"),
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 8


def test_two_workers_never_run_more_of_all_types_than_may(world, all_limited):
    report = explore_schedules(
        all_limited,
        two_orders_of_different_types,
        [all_completed, one_after_the_other, "engine", "database"],
        world=world,
        bound=1,
        slow=(),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


async def a_chain_that_fails(app):
    await app.orchestrator.create_tasks(
        [
            {"title": "a", "specialist_type": "failing", "task_id": "a", "completion": "auto"},
            {**orders("b")[0], "depends_on": ["a"], "on_failed_dependency": "cancel"},
            {**orders("c")[0], "depends_on": ["b"], "on_failed_dependency": "cancel"},
            {**orders("d")[0], "depends_on": ["a", "c"], "on_failed_dependency": "run"},
        ]
    )
    await app.run_until_idle()


def all_or_nothing(app, world):
    stands = {task.id: task.status.value for task in app.tasks.all()}
    ended = {"a": "failed", "b": "cancelled", "c": "cancelled", "d": "completed"}
    assert stands in ({}, ended), stands


def test_a_failure_and_what_it_takes_along_are_one(world, shop, limited):
    async def failing(task):
        raise ValueError("no")

    def build():
        container = limited()()
        container.get(Specialists).register("failing", failing)
        return container

    report = explore_crashes(
        build, a_chain_that_fails, [all_or_nothing, "database"], world=world, at=("commit",)
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 5
