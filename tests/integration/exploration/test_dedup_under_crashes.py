"""One task of a key is under way, and the last news are not lost: wherever a process dies, and
with two workers at once.
"""

import pytest

from vespera import Clock
from vespera.application.runtime.specialists import Specialists
from vespera.testing import explore_crashes, explore_schedules

SYNC = {"title": "sync", "specialist_type": "sync", "dedup_key": "k", "completion": "auto"}


@pytest.fixture
def office(shop):
    """A container with a type "sync", whose tasks take a step of two seconds."""

    def build():
        container = shop()
        clock = container.get(Clock)

        async def sync(task):
            await task.step("send", shop.post.send, str(task.payload["news"]), task.attempt)
            await clock.sleep(2)

        container.get(Specialists).register("sync", sync)
        return container

    return build


async def news_come(app):
    """Before it begins, in the moment when it does, while it runs, and before the next begins."""
    await app.orchestrator.start()
    for number, pause in enumerate((0.5, 1.0, 1.0, 0.5, 0.0)):
        request = {**SYNC, "payload": {"news": number}, "debounce": 1.0}
        await app.orchestrator.create_task(request)
        await app.get("clock").sleep(pause)
    await app.run_until_idle()


async def asked_three_times(app):
    for number in (1, 2, 3):
        await app.orchestrator.create_task({**SYNC, "payload": {"news": number}})
    await app.run_until_idle()


def all_completed(app, world):
    assert {task.status.value for task in app.tasks.all()} <= {"completed"}


def the_last_news_are_sent(app, world):
    """Those that are stored: each task has sent what its payload says, last."""
    stored = [app.get("codec").decode(task.payload)["news"] for task in app.tasks.all()]
    sent = [int(effect.key) for effect in world.log()]
    assert set(sent) == set(stored), (sent, stored)
    assert sent == sorted(sent)


def at_most_two_are_under_way(app, world):
    ((most,),) = world.database.tuples(
        "SELECT count(*) FROM tasks WHERE status NOT IN ('completed', 'failed', 'cancelled')"
    )
    assert most <= 2


def only_one(app, world):
    assert len(app.tasks.all()) <= 1


CHECKS = [all_completed, the_last_news_are_sent, at_most_two_are_under_way, "engine", "database"]


def test_no_news_are_lost_wherever_a_process_dies(world, office):
    report = explore_crashes(office, news_come, CHECKS, world=world, at=("commit", "effect"))

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 8


def test_nothing_is_stored_twice_wherever_a_process_dies(world, office):
    report = explore_crashes(
        office, asked_three_times, [*CHECKS, only_one], world=world, at=("commit", "effect")
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 3


def test_two_workers_and_a_repeat_at_the_moment_of_the_claim(world, office):
    report = explore_schedules(
        office, news_come, CHECKS, world=world, order="fifo", slow=(), seeds=15
    )

    report.raise_for_failures()
    assert report.runs > 10
