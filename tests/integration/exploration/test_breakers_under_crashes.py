"""A breaker that workers share: they die at every commit and effect, or race; it holds."""

import pytest

from vespera import CircuitBreaker, CircuitBreakerOpenError, Container
from vespera.testing import World, explore_crashes, explore_schedules


class Speech(World.Service):
    """Is down until it was asked so often; for ever, by default."""

    asked = 0
    works_after = 1_000

    async def say(self, key: str) -> str:
        self.record("say", key)
        self.asked += 1
        if self.asked <= self.works_after:
            raise ConnectionError("no speech today")
        return "said"


class Briefly(Speech):
    works_after = 2


def guarded(app, service, threshold=2):
    return CircuitBreaker(
        app.world.service(service).say,
        name="speech",
        failure_threshold=threshold,
        reset_after=30.0,
        probe_seconds=20.0,
        store=app.get("breakers"),
        clock=app.get("clock"),
    )


async def call(breaker, key):
    try:
        return await breaker.execute(key)
    except CircuitBreakerOpenError:
        return "refused"
    except ConnectionError:
        return "failed"


async def fails_rests_and_comes_back(app):
    breaker = guarded(app, Briefly)
    await call(breaker, "one")
    await call(breaker, "two")
    await app.get("clock").sleep(31)
    await call(breaker, "three")


async def somebody_calls_later(app):
    """What the next life does: whoever tried is dead, and its time runs out."""
    breaker = guarded(app, Briefly)
    for number in range(4):
        await app.get("clock").sleep(31)
        await call(breaker, f"again {number}")


def the_service_is_asked_again(app, world):
    kept = app.db.tuples("select name, since, failures from breakers")
    assert kept in ([], [("speech", None, 0)])


@pytest.mark.parametrize("at", ["commit", "effect"])
def test_wherever_a_worker_dies_the_breaker_comes_to_itself(world, at):
    report = explore_crashes(
        Container,
        fails_rests_and_comes_back,
        [the_service_is_asked_again, "database"],
        world=world,
        recover=somebody_calls_later,
        at=at,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points >= 4


@pytest.mark.chaos
def test_wherever_two_workers_die_the_breaker_comes_to_itself(world):
    report = explore_crashes(
        Container,
        fails_rests_and_comes_back,
        [the_service_is_asked_again, "database"],
        world=world,
        recover=somebody_calls_later,
        at=("commit", "effect"),
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete


async def calls_once_when_the_rest_is_over(app):
    """The first of both finds it open; after the rest both want to try."""
    breaker = guarded(app, Speech, threshold=1)
    await call(breaker, "before")
    await app.get("clock").sleep(31)
    await call(breaker, "after")


def only_one_has_tried(app, world):
    assert [effect.value for effect in world.log()].count("after") == 1


@pytest.mark.parametrize("bound", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_of_two_workers_one_tries(world, bound):
    report = explore_schedules(
        Container,
        calls_once_when_the_rest_is_over,
        [only_one_has_tried, "database"],
        world=world,
        bound=bound,
        slow=(),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 5
