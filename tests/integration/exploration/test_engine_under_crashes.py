"""The engine dies at every event, and once more while it recovers; its promises hold."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from vespera import Clock, RetryPolicy
from vespera.application.runtime.specialists import Specialists
from vespera.testing import explore_crashes

Scenario = Callable[[Any], Awaitable[None]]
RETRIED = RetryPolicy(max_attempts=3, delay=5.0)


class Faulty(Exception):
    """What a flaky step raises."""


def flaky(shop):
    """A specialist whose second step fails twice in its first attempt, and in all of its second."""

    async def specialist(task):
        await task.step("charge", shop.payments.charge, task.id, 30)

        async def fail_at_first():
            if task.attempt < 3:
                raise Faulty("not yet")
            return task.attempt

        return await task.step("try", fail_at_first, retry=RetryPolicy(max_attempts=2, delay=1.0))

    return specialist


async def created_then_run(app):
    await app.orchestrator.create_task(ORDERS["created then run"])
    await app.run_until_idle()


async def run_at_once(app):
    await app.workflow.run(
        {"title": "an order", "specialist_type": "ship", "task_id": "a", "idempotency_key": "a"}
    )


async def retried(app):
    await app.orchestrator.create_task(
        {
            "title": "flaky",
            "specialist_type": "flaky",
            "task_id": "a",
            "completion": "auto",
            "retry": RETRIED,
        }
    )
    await app.run_until_idle()


async def one_after_the_other(app):
    base = {"title": "an order", "specialist_type": "pay", "completion": "auto"}
    await app.orchestrator.create_tasks(
        [
            {**base, "task_id": "a"},
            {**base, "task_id": "b"},
            {**base, "task_id": "c", "depends_on": ["a", "b"]},
        ]
    )
    await app.run_until_idle()


async def handed_over(app):
    await app.orchestrator.create_task(
        {"title": "by hand", "specialist_type": "somebody", "task_id": "a"}
    )
    await app.orchestrator.execute_task("a")
    await app.orchestrator.complete_task("a", {"summary": "done by hand"})


async def called_off(app):
    await app.orchestrator.create_task(
        {"title": "an order", "specialist_type": "slow", "task_id": "a", "completion": "auto"}
    )
    await app.orchestrator.start()
    await app.get("clock").sleep(3)
    await app.orchestrator.cancel_task("a", "changed his mind")
    await app.run_until_idle()


async def files_written(app):
    await app.orchestrator.create_task(
        {"title": "files", "specialist_type": "write", "task_id": "a", "completion": "auto"}
    )
    await app.run_until_idle()


ORDERS = {
    "created then run": {
        "title": "an order",
        "specialist_type": "ship",
        "task_id": "a",
        "completion": "auto",
    },
}


def is_completed(*names: str):
    def completed(app, world):
        stands = {task.id: task.status.value for task in app.tasks.all()}
        assert stands == dict.fromkeys(names, "completed"), [t.error for t in app.tasks.all()]
        assert app.files.verify_all().all_verified

    return completed


def is_called_off(app, world):
    assert app.tasks.get("a").status == "cancelled"


def is_charged_once(app, world):
    assert world.log().count("charge", key="a") == 1


def is_sent_at_most_once_more_for_each_death(app, world):
    sent = world.log().of("send")
    assert 1 <= len(sent) <= max(effect.life for effect in sent)


def files_are_as_they_should_be(app, world):
    assert app.files.names() == ["a/order.txt"]
    assert app.files.read("a/order.txt") == "the order, as it was given"


ALWAYS = ("engine", "database")
CASES: dict[str, tuple[Scenario, tuple[Any, ...]]] = {
    "created then run": (
        created_then_run,
        (is_completed("a"), is_charged_once, is_sent_at_most_once_more_for_each_death),
    ),
    "run at once": (run_at_once, (is_completed("a"), is_charged_once)),
    "retried": (retried, (is_completed("a"), is_charged_once)),
    "dependencies": (one_after_the_other, (is_completed("a", "b", "c"),)),
    "handed over": (handed_over, (is_completed("a"),)),
    "called off": (called_off, (is_called_off,)),
    "files": (files_written, (is_completed("a"), files_are_as_they_should_be)),
}


@pytest.fixture
def engine(shop):
    """The shop, which also does what fails at first, and what takes its time."""

    def build():
        container = shop()

        async def slow(task):
            await task.step("charge", shop.payments.charge, task.id, 30)
            await task.step("wait", lambda: container.get(Clock).sleep(60))

        specialists = container.get(Specialists)
        specialists.register("flaky", flaky(shop))
        specialists.register("slow", slow)
        return container

    return build


def explored(engine, world, case, **options):
    scenario, invariants = CASES[case]
    again = scenario if case == "called off" else None  # asked for at once, not when all is idle
    return explore_crashes(
        engine, scenario, [*invariants, *ALWAYS], world=world, recover=again, **options
    )


@pytest.mark.parametrize("case", CASES)
def test_the_engine_keeps_its_promises_at_whatever_event_it_dies(engine, world, case):
    report = explored(engine, world, case, every="event")

    report.raise_for_failures()
    assert report.complete
    assert report.points > 20


@pytest.mark.parametrize(
    ("case", "options"),
    [("handed over", {"every": "event"}), ("run at once", {"at": "effect"})],
)
def test_the_engine_keeps_its_promises_when_it_dies_again_while_it_recovers(
    engine, world, case, options
):
    """``pytest --vespera-depth=2`` does so in all cases, at every event."""
    report = explored(engine, world, case, depth=2, **options)

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 15
