"""Attempts under way: leases, fences, take-over."""

import asyncio
import logging
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskRepository
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import StepRepository, TaskQueue
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseLocked, LeaseLost
from vespera.domain.ids import OwnerId, TaskId
from vespera.testing import VirtualClock

STRANGER = OwnerId("stranger")
HOUR = timedelta(hours=1)


class Stall:
    """A specialist that stalls until it is let go, then wants to record a step."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.seen: list[BaseException] = []

    async def execute(self, task: TaskContext) -> str:
        self.entered.set()
        try:
            await self.go.wait()
            return await task.step("late", lambda: "late")
        except BaseException as error:
            self.seen.append(error)
            raise


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


@pytest.fixture
def stall(specialists: Specialists) -> Stall:
    stall = Stall()
    specialists.register("stall", stall)
    return stall


async def stolen(container: Container, clock: VirtualClock, task_id: str) -> None:
    """Another worker takes the task over, as if our lease had run out."""
    queue = container.get(TaskQueue)
    await queue.take_back(now=clock.now() + HOUR, dead=[])
    claimed = await queue.claim(
        TaskId(task_id), owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR
    )
    assert claimed is not None
    assert claimed.attempt == 2


async def finished_elsewhere(container: Container, clock: VirtualClock, task_id: str) -> None:
    tasks = container.get(TaskRepository)
    task = await tasks.get(TaskId(task_id))
    await tasks.save(task.execute(b'["stranger",[],"",null]', clock.now()))


async def test_a_worker_that_lost_its_lease_writes_nothing(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    await stolen(container, clock, "t")

    stall.go.set()
    while not stall.seen:
        await asyncio.sleep(0)

    assert isinstance(stall.seen[0], LeaseLost)
    assert await container.get(StepRepository).of_task(TaskId("t")) == []
    stored = await container.get(TaskRepository).get(TaskId("t"))
    assert (stored.owner, stored.attempt, stored.status) == (STRANGER, 2, "running")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_heartbeat_notices_the_loss_and_interrupts_the_handler(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    await stolen(container, clock, "t")
    await finished_elsewhere(container, clock, "t")

    result = await running

    assert isinstance(stall.seen[0], asyncio.CancelledError)
    assert result.outcome is not None
    assert result.outcome.summary == "stranger"


async def test_heartbeats_keep_a_long_task(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    await clock.sleep(3600)
    taken = await container.get(TaskQueue).take_back(now=clock.now(), dead=[])

    assert taken == []
    stall.go.set()
    assert (await running).result == "late"


async def test_a_heartbeat_that_fails_is_logged_and_tried_again(
    container: Container,
    workflow: TaskExecutionWorkflow,
    stall: Stall,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = container.get(Engine)
    queue = container.get(TaskQueue)
    engine._queue = AsyncMock(wraps=queue)
    engine._queue.extend.side_effect = [DatabaseLocked("busy"), [TaskId("t")], [TaskId("t")]]
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    with caplog.at_level(logging.ERROR, "vespera"):
        await clock.sleep(25)

    assert "could not be extended" in caplog.text
    stall.go.set()
    assert (await running).success


async def test_the_tasks_of_a_dead_worker_are_taken_over_at_once(
    container: Container, workflow: TaskExecutionWorkflow, clock: VirtualClock
) -> None:
    created = await workflow.create_task(title="A")
    task_id = TaskId(str(created.task_id))
    queue = container.get(TaskQueue)
    await queue.claim(task_id, owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR)
    engine = container.get(Engine)
    engine._owners = AsyncMock(spec=Owners)
    engine._owners.dead.return_value = {STRANGER}

    await engine.take_back()

    assert (await workflow.get_task_status(task_id)).status == "pending"


async def test_stopping_releases_what_is_under_way(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    await container.get(Engine).stop()

    result = await running
    assert not result.success
    assert result.status == "pending"
    assert "goes on later" in str(result.error)


async def test_a_claim_cancelled_behind_its_commit_is_given_back(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    created = await workflow.create_task(title="A")
    task_id = TaskId(str(created.task_id))
    engine = container.get(Engine)
    queue = container.get(TaskQueue)

    async def claim_then_cancelled(*args: object, **kwargs: object) -> None:
        await queue.claim(*args, **kwargs)  # type: ignore[arg-type]
        error = asyncio.CancelledError()
        error.outcome = "committed"  # type: ignore[attr-defined]
        raise error

    engine._queue = AsyncMock(wraps=queue)
    engine._queue.claim = claim_then_cancelled

    with pytest.raises(asyncio.CancelledError):
        await engine.claim(task_id)

    assert (await workflow.get_task_status(task_id)).status == "pending"


async def test_nothing_is_given_back_when_the_claim_was_not_committed(
    container: Container,
) -> None:
    engine = container.get(Engine)

    await engine.disown(TaskId("t"), asyncio.CancelledError())

    assert engine.running == set()


async def test_nobody_to_join_or_to_cancel_is_none(container: Container) -> None:
    engine = container.get(Engine)

    assert await engine.join(TaskId("t")) is None
    assert await engine.cancel(TaskId("t"), "") is None
