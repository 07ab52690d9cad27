"""What is told, counted and purged is true after every death."""

import json
from datetime import timedelta

import pytest

from vespera import RetryPolicy
from vespera.testing import explore_crashes, explore_schedules

RETRIED = RetryPolicy(max_attempts=3, delay=5.0)


@pytest.fixture(autouse=True)
def all_events(shop):
    shop.settings = {"events": "all"}


def told_of(app, task_id):
    texts = [row.entries for row in app.db.all("SELECT entries FROM events ORDER BY id")]
    return [entry[0] for text in texts for entry in json.loads(text) if entry[1] == task_id]


def events_tell_what_the_rows_say(app, world):
    for task in app.tasks.all():
        told = told_of(app, task.id)
        steps = app.db.value("SELECT count(*) FROM steps WHERE task_id = ?", task.id)
        assert told[0] == "created"
        assert told.count("created") == 1
        assert told.count("claimed") == task.attempt
        assert told.count("taken_back") + told.count("released") + told.count(
            "retry_planned"
        ) >= max(task.attempt - 1, 0)
        assert told.count("step_recorded") + told.count("step_failed") >= steps
        assert told[-1] == task.status.value


def ids_grow(app, world):
    marks = [row.mark for row in app.db.all("SELECT mark FROM events ORDER BY id")]
    assert marks == sorted(marks)


CHECKS = [events_tell_what_the_rows_say, ids_grow, "engine", "database"]


@pytest.mark.parametrize("at", ["commit", "effect"])
def test_no_death_makes_events_lie(shop, world, place, ordered, at):
    report = explore_crashes(
        shop, place(ordered("ship", retry=RETRIED)), CHECKS, world=world, at=at, depth=2
    )

    report.raise_for_failures()
    assert report.complete


def test_no_order_of_two_workers_makes_events_lie(shop, world, place, ordered):
    report = explore_schedules(shop, place(ordered("pay")), CHECKS, world=world, bound=2, slow=())

    report.raise_for_failures()
    assert report.complete


def test_progress_survives_or_is_said_again(shop, world, place, ordered):
    async def telling(task):
        task.progress(1, 2, "charging")
        await task.step("charge", shop.payments.charge, task.id, 30)
        task.progress(2, 2, "charged")

    shop.pay = telling

    def is_told(app, world):
        row = app.db.one("SELECT done, total, message FROM progress")
        assert vars(row) == {"done": 2.0, "total": 2.0, "message": "charged"}

    report = explore_crashes(
        shop, place(ordered("pay")), [*CHECKS, is_told], world=world, at="commit", depth=1
    )

    report.raise_for_failures()
    assert report.complete


async def worked_and_purged(app):
    base = {"title": "an order", "specialist_type": "pay", "completion": "auto"}
    await app.orchestrator.create_tasks(
        [{**base, "task_id": "a"}, {**base, "task_id": "b", "parent_id": "a"}]
    )
    await app.run_until_idle()
    await app.get("clock").sleep(100)
    await app.orchestrator.purge(timedelta(seconds=50))


def whole_tasks_only(app, world):
    ids = {task.id for task in app.tasks.all()}
    assert ids in ({"a", "b"}, {"a"}, set())
    kept = {row.task_id for row in app.db.all("SELECT DISTINCT task_id FROM steps")}
    assert kept == ids


def test_a_purge_that_dies_leaves_whole_tasks(shop, world):
    report = explore_crashes(
        shop, worked_and_purged, [whole_tasks_only, "database"], world=world, at="commit", depth=1
    )

    report.raise_for_failures()
    assert report.complete
