"""Schedules: the worker dies at every event, or two of them race; each moment gets one task."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from vespera.testing import explore_crashes, explore_schedules

EVERY = {"every": 60.0, "catch_up": "all"}
ORDER = {"title": "an order", "specialist_type": "ship"}


async def two_moments_pass(app: Any) -> None:
    """The deploy that makes the schedule, and a worker that works until two moments have come."""
    await app.orchestrator.schedule("rounds", ORDER, **EVERY)
    await app.orchestrator.start()
    await app.get("clock").sleep(125)
    await app.orchestrator.stop()
    await app.run_until_idle()


def moments_of(app: Any) -> list[str]:
    return sorted(str(task.idempotency_key) for task in app.tasks.all())


def each_moment_has_one_task_and_all_are_done(app, world):
    """From the first moment to the last, in steps of a minute: none is lost, none comes twice."""
    keys = moments_of(app)
    assert len(keys) == len(set(keys)) >= 2
    assert {task.status.value for task in app.tasks.all()} == {"completed"}


def nothing_between_two_moments_is_missing(app, world):
    moments = sorted(datetime.fromisoformat(key.partition("rounds:")[2]) for key in moments_of(app))
    gaps = {later - earlier for earlier, later in pairwise(moments)}
    assert gaps == {timedelta(minutes=1)}


def charged_once_each(app, world):
    for task in app.tasks.all():
        assert world.log().count("charge", key=task.id) == 1


INVARIANTS = (
    each_moment_has_one_task_and_all_are_done,
    nothing_between_two_moments_is_missing,
    charged_once_each,
    "engine",
    "database",
)


async def one_moment_passes(app: Any) -> None:
    await app.orchestrator.schedule("rounds", ORDER, **EVERY)
    await app.orchestrator.start()
    await app.get("clock").sleep(65)
    await app.orchestrator.stop()
    await app.run_until_idle()


def the_moment_has_one_task(app, world):
    keys = moments_of(app)
    assert len(keys) == len(set(keys)) >= 1
    assert {task.status.value for task in app.tasks.all()} == {"completed"}


@pytest.mark.chaos
def test_at_whatever_event_a_worker_dies_the_moment_gets_its_task_once(shop, world):
    report = explore_crashes(
        shop,
        one_moment_passes,
        [the_moment_has_one_task, charged_once_each, "engine", "database"],
        world=world,
        recover=one_moment_passes,
        every="event",
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 20


@pytest.mark.parametrize("at", ["commit", "effect"])
def test_whichever_commit_a_worker_dies_at_no_moment_is_lost_or_comes_twice(shop, world, at):
    report = explore_crashes(
        shop, two_moments_pass, INVARIANTS, world=world, recover=two_moments_pass, at=at
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 2


def test_two_workers_that_see_the_same_moment_create_one_task(shop, world):
    report = explore_schedules(
        shop,
        one_moment_passes,
        [the_moment_has_one_task, charged_once_each, "engine", "database"],
        world=world,
        order="fifo",
        slow=(),
        seeds=20,
    )

    report.raise_for_failures()
    assert report.runs > 15
