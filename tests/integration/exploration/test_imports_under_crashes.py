"""An imported task is there whole or not at all, wherever a process dies, and runs only when it is
let go on.
"""

import copy

from vespera.testing import explore_crashes

HISTORY = {
    "vespera": 1,
    "task": {
        "id": "moved",
        "title": "moved",
        "description": "",
        "specialist_type": "ship",
        "payload": {"stored": {}},
        "created_at": "2030-01-01T00:00:00+00:00",
        "updated_at": "2030-01-01T00:00:00+00:00",
        "status": "running",
        "completion": "auto",
        "attempt": 1,
        "news": 1,
    },
    "steps": [
        {
            "name": "charge",
            "occurrence": 1,
            "seq": 1,
            "epoch": 0,
            "value": {"stored": "paid 30"},
            "error": None,
            "recorded_at": "2030-01-01T00:00:00+00:00",
        }
    ],
    "signals": [
        {
            "id": "s1",
            "name": "word",
            "payload": {"stored": 1},
            "sent_at": "2030-01-01T00:00:00+00:00",
        }
    ],
}


async def moved_in_and_resumed(app):
    result = await app.orchestrator.import_task(copy.deepcopy(HISTORY))
    assert result.success, result.error
    await app.run_until_idle()
    assert app.tasks.all()[0].attempt == 1
    await app.orchestrator.resume_task("moved")
    await app.run_until_idle()


def whole_or_not_at_all(app, world):
    for task in app.tasks.all():
        assert len(world.database.tuples("SELECT * FROM steps WHERE name = 'charge'")) == 1
        assert len(world.database.tuples("SELECT * FROM signals")) == 1
        assert task.status == "completed" or task.paused
    if not app.tasks.all():
        assert world.database.tuples("SELECT * FROM steps") == []


def never_paid_again(app, world):
    assert world.log().count("charge") == 0


def test_an_import_is_whole_wherever_a_process_dies(world, shop):
    report = explore_crashes(
        shop,
        moved_in_and_resumed,
        [whole_or_not_at_all, never_paid_again, "engine", "database"],
        world=world,
        at=("commit", "effect"),
    )

    report.raise_for_failures()
    assert report.kinds["commit"] >= 2 * 4
