from dataclasses import replace

import pytest

from vespera.domain.errors import DuplicateRow, LeaseLost
from vespera.domain.step import Fence, StepRecord
from vespera.infrastructure.persistence.step_repository import SqlStepRepository

FENCE = Fence("t1", 1, "worker-1")


@pytest.fixture
def steps(database):
    return SqlStepRepository(database)


@pytest.fixture
def step(now):
    return StepRecord(
        task_id="t1",
        name="plan",
        occurrence=1,
        seq=1,
        epoch=0,
        value=b"\0value",
        error=None,
        recorded_at=now,
    )


@pytest.fixture(autouse=True)
async def held(tasks, running):
    task = running("t1")
    await tasks.add(task)
    return task


@pytest.mark.parametrize("extends", [True, False])
@pytest.mark.parametrize(
    "fence", [Fence("t1", 2, "worker-1"), Fence("t1", 1, "worker-2"), Fence("t2", 1, "worker-1")]
)
async def test_who_lost_the_lease_records_nothing(steps, step, tasks, held, later, fence, extends):
    with pytest.raises(LeaseLost, match=fence.task_id):
        await steps.record(step, fence, lease_until=later if extends else None)

    assert list(await steps.of_task("t1")) == []
    assert await tasks.get("t1") == held


async def test_a_result_is_never_replaced(steps, step):
    await steps.record(step, FENCE)
    with pytest.raises(DuplicateRow, match="plan"):
        await steps.record(replace(step, value=b"other", epoch=1), FENCE)

    assert list(await steps.of_task("t1")) == [step]


async def test_recording_with_a_lease_forgets_the_crashes(steps, step, tasks, running, later):
    await tasks.add(running("t2", crashes=3))
    fence = replace(FENCE, task_id="t2")
    mine = replace(step, task_id="t2")
    await steps.record(mine, fence)
    assert (await tasks.get("t2")).crashes == 3

    await steps.record(replace(mine, occurrence=2), fence, lease_until=later)

    assert (await tasks.get("t2")).crashes == 0
