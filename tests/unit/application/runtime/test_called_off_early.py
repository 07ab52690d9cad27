"""Tasks that have something to undo, and are called off before their next attempt does anything."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from vespera import (
    Container,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskRepository,
)
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.domain.step import StepRecord


class Hanging:
    """Steps that are not found out about as long as it ``hangs``."""

    def __init__(self, real: StepRepository) -> None:
        self._real = real
        self.hangs = False
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def of_task(self, task_id: TaskId) -> Sequence[StepRecord]:
        if self.hangs:
            self.hangs = False
            self.asked.set()
            await asyncio.Event().wait()
        return await self._real.of_task(task_id)


@pytest.fixture
def steps(container: Container) -> Hanging:
    engine, hanging = container.get(Engine), Hanging(container.get(StepRepository))
    engine._attempts = replace(engine._attempts, steps=hanging)
    return hanging


@pytest.fixture
async def done(steps: Hanging, container: Container, specialists: Specialists) -> list[str]:
    """What was done: a task has booked something, and is pending again."""
    done: list[str] = []
    booked = asyncio.Event()

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        booked.set()
        if task.attempt == 1:
            await asyncio.Event().wait()
        await task.step("pay", done.append, "pay")

    specialists.register("agent", book)
    workflow = container.get(TaskExecutionWorkflow)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="agent", task_id="t"))
    await booked.wait()
    running.cancel()
    await asyncio.wait({running})
    return done


async def test_before_its_first_turn_what_was_done_is_undone(
    container: Container, done: list[str]
) -> None:
    engine = container.get(Engine)
    claimed = await engine.claim(TaskId("t"))
    assert claimed is not None
    engine.begin(claimed, kept=True)

    signed = await engine.cancel(TaskId("t"), "not wanted")

    assert signed is not None
    assert signed.task.status == "cancelled"
    assert done == ["book", "unbook"]


async def test_before_it_knows_what_was_done_that_is_undone(
    container: Container, done: list[str], steps: Hanging
) -> None:
    workflow = container.get(TaskExecutionWorkflow)
    steps.hangs = True
    running = asyncio.create_task(workflow.execute_task("t"))
    await steps.asked.wait()

    result = await workflow.cancel_task("t", "not wanted")

    assert result.success, result.error
    assert result.status == "cancelled"
    assert done == ["book", "unbook"]
    await running
    stored = await container.get(TaskRepository).get(TaskId("t"))
    assert "not wanted" in str(stored.error)


async def test_between_its_claim_and_its_beginning_nothing_is_done(
    container: Container, specialists: Specialists
) -> None:
    done: list[str] = []

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))

    specialists.register("agent", book)
    engine, orchestrator = container.get(Engine), container.get(TaskOrchestrator)
    await orchestrator.create_task(title="A", specialist_type="agent", task_id="new")
    claimed = await engine.claim(TaskId("new"))
    assert claimed is not None

    result = await orchestrator.cancel_task("new", "not wanted")
    signed = await engine.begin(claimed, kept=True)

    assert result.status == signed.task.status == "cancelled"
    assert done == []
    assert (await orchestrator.retry_task("new")).success
    await orchestrator.execute_task("new")
    assert done == ["book"]
