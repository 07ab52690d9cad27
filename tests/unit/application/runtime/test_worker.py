"""The worker when things around it go wrong."""

import asyncio
import logging
from datetime import datetime
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue, TaskRepository, UnitOfWork
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.work_events import WorkEvent, WorkEventKind
from vespera.application.runtime.worker import TAKEN_BACK_AT_ONCE, Worker
from vespera.domain.errors import DatabaseFull
from vespera.testing.conformance.samples import a_running_task


async def test_it_tells_whether_it_works(container: Container) -> None:
    worker = container.get(Worker)
    assert not worker.started

    async with worker.engaged():
        assert worker.started

    assert not worker.started


async def test_one_who_leaves_does_not_stop_the_others(
    container: Container, specialists: Specialists
) -> None:
    async def title(task: TaskContext) -> str:
        return task.title

    specialists.register("coder", title)
    worker = container.get(Worker)
    orchestrator = container.get(TaskOrchestrator)
    async with worker.engaged():
        async with worker.engaged():
            pass
        created = await orchestrator.create_task(
            title="A", specialist_type="coder", completion="auto"
        )

        assert (await orchestrator.wait_for_completion(str(created.task_id))).completed


async def test_one_who_comes_while_it_halts_keeps_it_going(container: Container) -> None:
    worker = container.get(Worker)
    async with worker.engaged():
        await asyncio.sleep(0)
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0)
        worker.keep_working()
        await stopping

        assert worker.started


async def test_a_bug_in_it_reaches_whoever_waits(container: Container) -> None:
    engine = container.get(Engine)
    engine._queue = AsyncMock(wraps=container.get(TaskQueue))
    engine._queue.claim_ready.side_effect = ZeroDivisionError
    worker = container.get(Worker)
    noticed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: noticed.append(told))

    with pytest.raises(ZeroDivisionError):
        await worker.until_idle()


async def test_an_attempt_that_breaks_off_is_logged(
    container: Container, specialists: Specialists, caplog: pytest.LogCaptureFixture
) -> None:
    engine = container.get(Engine)
    engine._attempts = AsyncMock(spec=AttemptRunner)
    engine._attempts.run.side_effect = [DatabaseFull("full"), DatabaseFull("full")]
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.create_task(title="A", specialist_type="coder", task_id="t")

    with caplog.at_level(logging.ERROR, "vespera"):
        async with container.get(Worker).engaged():
            while "broke off" not in caplog.text:
                await asyncio.sleep(0)
        await orchestrator.cancel_task("t")

    assert "its task runs again later" in caplog.text


async def test_a_rest_leaves_it_to_those_who_still_need_it(container: Container) -> None:
    worker = container.get(Worker)
    worker.keep_working()
    async with worker.engaged():
        await worker.rest()

        assert worker.started

    assert not worker.started


async def test_what_the_last_attempt_frees_while_the_worker_looks_ahead_is_not_idleness(
    container: Container, specialists: Specialists
) -> None:
    worker, engine, queue = map(container.get, (Worker, Engine, TaskQueue))
    looks_ahead = asyncio.Event()

    async def waits(task: TaskContext) -> None:
        if task.id == "first":
            await looks_ahead.wait()

    async def next_due() -> datetime | None:
        looks_ahead.set()
        while engine.running:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await queue.next_due()

    specialists.register("coder", waits)
    worker._queue = AsyncMock(wraps=queue)
    worker._queue.next_due.side_effect = next_due
    orchestrator = container.get(TaskOrchestrator)
    task = {"specialist_type": "coder", "completion": "auto"}
    await orchestrator.create_task({**task, "title": "A", "task_id": "first"})
    await orchestrator.create_task(
        {**task, "title": "B", "task_id": "second", "depends_on": ["first"]}
    )

    await worker.until_idle()

    assert (await orchestrator.get_task_status("second")).completed


async def test_what_a_dead_worker_left_is_taken_back_in_parts_beside_the_work(
    container: Container, specialists: Specialists
) -> None:
    stale, now, told = TAKEN_BACK_AT_ONCE + 10, container.get(Clock).now(), list[WorkEvent]()
    tasks, worker = container.get(TaskRepository), container.get(Worker)
    async with container.get(UnitOfWork)():
        for number in range(stale):
            await tasks.add(a_running_task(f"t{number}", specialist_type="coder", lease_until=now))
    all_taken, go_on = asyncio.Event(), asyncio.Event()

    async def waits(task: TaskContext) -> None:
        await go_on.wait()

    def watch(event: WorkEvent) -> None:
        told.append(event)
        if [each.kind for each in told].count(WorkEventKind.TAKEN_BACK) == 2:
            all_taken.set()

    specialists.register("coder", waits)
    with worker.watched_by(watch):
        worker.keep_working()
        await all_taken.wait()
        await worker.drain(0)

    kinds = [event.kind for event in told if event.kind is not WorkEventKind.RELEASED]
    began = [WorkEventKind.BEGAN] * kinds.count(WorkEventKind.BEGAN)
    assert kinds == [WorkEventKind.TAKEN_BACK, *began, WorkEventKind.TAKEN_BACK]
    parts = [event.told.split(", ") for event in told if event.kind is WorkEventKind.TAKEN_BACK]
    assert [len(part) for part in parts] == [TAKEN_BACK_AT_ONCE, 10]
    assert began
