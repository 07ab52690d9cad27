"""What an engine still has to do after a trouble of the database, while its other tasks wait."""

import asyncio
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.runs import Stop
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseFull
from vespera.domain.ids import OwnerId, TaskId

A, B = TaskId("a"), TaskId("b")


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    async def listener(task: TaskContext) -> object:
        return await task.wait_for_signal("go")

    async def parent(task: TaskContext) -> None:
        await task.spawn(title="child", task_id="b", specialist_type="listener")
        await task.sleep(5)

    specialists.register("listener", listener)
    specialists.register("parent", parent)
    return container.get(TaskOrchestrator)


async def create(orchestrator: TaskOrchestrator, task_id: str, kind: str) -> None:
    await orchestrator.create_task(
        title=task_id, task_id=task_id, specialist_type=kind, completion="auto"
    )


async def resting(container: Container, orchestrator: TaskOrchestrator) -> Engine:
    """An engine one of whose tasks waits for a signal."""
    await create(orchestrator, "a", "listener")
    await orchestrator.start()
    engine = container.get(Engine)
    while A not in engine.resting:
        await asyncio.sleep(0)
    return engine


async def test_it_is_among_those_who_hold_tasks_if_it_holds_one_that_it_does_not_know_of(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = await resting(container, orchestrator)
    assert set(await engine.others()) == set()
    await orchestrator.stop()
    await create(orchestrator, "b", "listener")
    now = container.get(Clock).now()
    lease_until = now + timedelta(seconds=30)
    await container.get(TaskQueue).claim(B, owner=engine.owner, now=now, lease_until=lease_until)

    assert set(await engine.others()) == {engine.owner}


async def test_a_task_that_is_called_off_does_more_than_wait(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = await resting(container, orchestrator)
    engine._interrupt(engine._runs[A], Stop.RELEASE)

    assert A in engine.running
    assert A not in engine.resting


async def test_children_that_could_not_be_called_off_are_called_off_as_soon_as_possible(
    container: Container, orchestrator: TaskOrchestrator, caplog: pytest.LogCaptureFixture
) -> None:
    engine = container.get(Engine)
    tasks = engine._tasks
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=tasks, spec=TaskRepository)
    engine._tasks.called_off.side_effect = lambda _: DEFAULT
    await create(orchestrator, "a", "parent")
    await orchestrator.start()
    while B not in engine.resting:
        await asyncio.sleep(0)
    engine._tasks.called_off.side_effect = [DatabaseFull("full"), *[DEFAULT] * 20]
    await orchestrator.run_until_idle()

    assert "called off later" in caplog.text
    assert (await tasks.get(A)).status == "completed"
    assert (await tasks.get(B)).status == "cancelled"
    assert not engine.arrears.due


async def test_a_task_that_could_not_be_released_when_it_broke_off_is_released_at_the_end(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = await resting(container, orchestrator)
    tasks = engine._tasks
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=tasks, spec=TaskRepository)
    engine._tasks.save.side_effect = [DatabaseFull("full"), *[DEFAULT] * 20]
    await orchestrator.stop()
    assert (await tasks.get(A)).owner == engine.owner

    await engine.stop()

    released = await tasks.get(A)
    assert (released.status, released.owner, released.crashes) == ("pending", None, 0)


async def test_an_engine_stops_where_the_database_is_in_trouble_to_the_end(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = await resting(container, orchestrator)
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=engine._tasks, spec=TaskRepository)
    engine._tasks.save.side_effect = engine._tasks.find.side_effect = DatabaseFull("full")
    await orchestrator.stop()

    await engine.stop()

    assert not engine.started


async def test_what_could_not_be_released_and_others_have_taken_is_left_to_them(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = await resting(container, orchestrator)
    tasks, other = engine._tasks, OwnerId("other")
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=tasks, spec=TaskRepository)
    engine._tasks.save.side_effect = [DatabaseFull("full"), *[DEFAULT] * 20]
    await orchestrator.stop()
    now, queue = container.get(Clock).now(), container.get(TaskQueue)
    await queue.take_back(now=now, dead={engine.owner})
    later = now + timedelta(seconds=30)
    await queue.claim(A, owner=other, now=now, lease_until=later)

    await engine.stop()

    assert (await tasks.get(A)).owner == other


async def test_a_task_whose_end_could_be_neither_stored_nor_released_is_released_at_the_end(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    engine = container.get(Engine)
    tasks = engine._tasks
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=tasks, spec=TaskRepository)
    engine._tasks.save.side_effect = [DatabaseFull("full"), *[DEFAULT] * 20]
    engine._attempts = AsyncMock(spec=AttemptRunner)
    engine._attempts.run.side_effect = DatabaseFull("full")
    await create(orchestrator, "b", "listener")
    claimed = await engine.claim(B)
    assert claimed is not None
    with pytest.raises(DatabaseFull):
        await engine.begin(claimed, kept=False)
    assert (await tasks.get(B)).owner == engine.owner

    await engine.stop()

    assert (await tasks.get(B)).owner is None
