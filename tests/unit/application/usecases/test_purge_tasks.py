"""Purging on request: batch by batch, and only what may go."""

from datetime import timedelta

import pytest

from vespera import TaskOrchestrator
from vespera.application.usecases.purge_tasks import BATCH

HOUR = timedelta(hours=1)


async def good(_task):
    return 1


@pytest.fixture
def finished():
    """How many tasks were completed two hours ago; a test of batches has more of them."""
    return 8


@pytest.fixture
async def orchestrator(container, specialists, clock, finished):
    specialists.register("good", good)
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.run_all(
        [
            {"title": f"{n}", "specialist_type": "good", "task_id": f"{n:03}"}
            for n in range(finished)
        ]
    )
    await orchestrator.create_task(title="open", task_id="open", depends_on=["007"])
    await clock.advance(hours=2)
    return orchestrator


@pytest.mark.parametrize("finished", [2 * BATCH + 50])
async def test_what_is_old_enough_goes_in_batches(orchestrator, finished):
    purged = await orchestrator.purge(HOUR)

    assert (purged.success, purged.tasks) == (True, finished - 1)
    assert purged.events > 0
    left = [task.id for task in (await orchestrator.tasks()).tasks]
    assert sorted(left) == ["007", "open"]
    assert await orchestrator.count_tasks() == {"generic": {"pending": 1}, "good": {"completed": 1}}


async def test_a_dry_run_counts_and_removes_nothing(orchestrator):
    counted = await orchestrator.purge(HOUR, dry_run=True)

    assert (counted.tasks, counted.events) == (7, 0)
    assert (await orchestrator.count_tasks())["good"] == {"completed": 8}


async def test_what_is_younger_stays(orchestrator):
    assert (await orchestrator.purge(timedelta(hours=3))).tasks == 0


async def test_other_statuses_stay(orchestrator):
    assert (await orchestrator.purge(0, ["failed", "cancelled"])).tasks == 0


@pytest.mark.parametrize(
    ("older_than", "statuses", "told"),
    [
        (-1, None, "older_than: "),
        ("30d", None, "older_than: "),
        (0, "pending", "statuses: only finished tasks are purged, not pending"),
        (0, "done", "statuses: must be one or several of"),
        (0, [], "statuses: must not be empty"),
    ],
)
async def test_what_makes_no_sense_is_a_refusal(orchestrator, older_than, statuses, told):
    purged = await orchestrator.purge(older_than, statuses)

    assert not purged.success
    assert (purged.error or "").startswith(told)
    assert (await orchestrator.count_tasks())["good"] == {"completed": 8}
