"""How one attempt at a task ends, whatever its handler does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskRepository
from vespera.application.ports.clock import Clock
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.domain.retry import RetryPolicy
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import a_task

T = TaskId("t")


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


@pytest.fixture
def tasks(container: Container) -> TaskRepository:
    return container.get(TaskRepository)


@pytest.fixture
def done() -> list[str]:
    return []


class Agent:
    """A specialist that does something, and at its first attempt hangs behind it."""

    def __init__(self, act: Callable[[TaskContext], Awaitable[object]]) -> None:
        self._act = act
        self.hangs = asyncio.Event()

    async def execute(self, task: TaskContext) -> str:
        await self._act(task)
        if task.attempt == 1:
            self.hangs.set()
            await asyncio.Event().wait()
        return "done"


async def broken_off(workflow: TaskExecutionWorkflow, agent: Agent) -> None:
    """The caller of task ``t`` goes away, and it is pending again."""
    running = asyncio.create_task(workflow.execute_task("t"))
    await agent.hangs.wait()
    running.cancel()
    await asyncio.wait({running})
    assert (await workflow.get_task_status("t")).status == "pending"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_what_ends_the_process_is_no_failure_of_the_task(
    container: Container,
    specialists: Specialists,
    tasks: TaskRepository,
    clock: VirtualClock,
    kind: type[BaseException],
) -> None:
    async def leave(_task: TaskContext) -> None:
        raise kind

    specialists.register("agent", leave)
    engine = container.get(Engine)
    await tasks.add(a_task("t", specialist_type="agent"))
    claimed = await engine.claim(T)
    assert claimed is not None

    with pytest.raises(kind):
        await engine._attempts.run(claimed, engine.owner, Presence(clock))

    assert (await tasks.get(T)).status == "running"


async def test_the_waits_between_attempts_grow_from_the_first_one_on(
    container: Container, specialists: Specialists, tasks: TaskRepository
) -> None:
    async def refuse(_task: TaskContext) -> None:
        raise ValueError("no")

    specialists.register("agent", refuse)
    retry = RetryPolicy(max_attempts=3, delay=10, multiplier=2, jitter=0)
    await tasks.add(a_task("t", specialist_type="agent", retry=retry))
    engine, waits = container.get(Engine), []

    for _ in range(2):
        claimed = await engine.claim(T)
        assert claimed is not None
        failed = (await engine.begin(claimed, kept=True)).task
        assert failed.run_after is not None
        waits.append(failed.run_after - failed.updated_at)

    assert waits == [timedelta(seconds=10), timedelta(seconds=20)]


async def test_a_handler_that_goes_another_way_is_not_tried_again_however_often_it_might_be(
    workflow: TaskExecutionWorkflow, specialists: Specialists, tasks: TaskRepository
) -> None:
    async def step(task: TaskContext) -> None:
        await task.step(f"step {task.attempt}", lambda: 1)

    agent = Agent(step)
    specialists.register("agent", agent)
    await tasks.add(a_task("t", specialist_type="agent", retry=RetryPolicy(max_attempts=9)))
    await broken_off(workflow, agent)

    result = await workflow.execute_task("t")

    assert (result.status, result.attempt) == ("failed", 2)
    assert "NonDeterministicTask" in str(result.error)


async def test_a_task_that_nobody_here_does_is_not_handed_over_without_its_snapshot(
    clock: VirtualClock,
) -> None:
    container = Container(workspace="/nonexistent/vespera", snapshot_tasks="around")
    container.override(Clock, clock)
    async with container:
        workflow = container.get(TaskExecutionWorkflow)
        await workflow.create_task(title="A", specialist_type="outside", task_id="t")

        result = await workflow.execute_task("t")

    assert result.status == "failed"
    assert "No snapshot could be taken before task 't' begins" in str(result.error)


async def test_steps_are_undone_although_the_clock_was_set_back_after_the_task_was_created(
    container: Container,
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    tasks: TaskRepository,
    done: list[str],
) -> None:
    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        if task.attempt == 2:
            raise ValueError("no")

    agent = Agent(book)
    specialists.register("agent", agent)
    tomorrow = container.get(Clock).now() + timedelta(days=1)
    await tasks.add(a_task("t", specialist_type="agent", created_at=tomorrow))
    await broken_off(workflow, agent)

    result = await workflow.execute_task("t")

    assert result.status == "failed"
    assert done == ["book", "unbook"]


async def test_what_was_called_off_is_undone_also_if_its_handler_ends_as_if_nothing_were(
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    tasks: TaskRepository,
    done: list[str],
) -> None:
    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))

    agent = Agent(book)
    specialists.register("agent", agent)
    await workflow.create_task(title="A", specialist_type="agent", task_id="t")
    await broken_off(workflow, agent)
    await tasks.call_off(T, "not wanted")

    result = await workflow.execute_task("t")

    assert result.status == "cancelled"
    assert "not wanted" in str(result.error)
    assert done == ["book", "unbook"]


async def test_what_goes_wrong_in_the_clean_up_of_a_task_that_was_called_off_does_not_undo_that(
    workflow: TaskExecutionWorkflow, specialists: Specialists, done: list[str]
) -> None:
    entered = asyncio.Event()

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        try:
            entered.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    specialists.register("agent", book)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="agent", task_id="t"))
    await entered.wait()

    result = await workflow.cancel_task("t", "not wanted")

    assert (result.status, result.attempt) == ("cancelled", 1)
    assert done == ["book", "unbook"]
    await running


async def test_an_undo_that_awaits_what_was_cancelled_elsewhere_fails_and_the_others_are_called(
    workflow: TaskExecutionWorkflow, specialists: Specialists, done: list[str]
) -> None:
    entered = asyncio.Event()

    async def unpay(_: object) -> None:
        elsewhere = asyncio.get_running_loop().create_future()
        elsewhere.cancel()
        await elsewhere

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        await task.step("pay", done.append, "pay", undo=unpay)
        entered.set()
        await asyncio.Event().wait()

    specialists.register("agent", book)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="agent", task_id="t"))
    await entered.wait()

    result = await workflow.cancel_task("t", "not wanted")

    assert (result.status, result.attempt) == ("cancelled", 1)
    assert "not undone: step 'pay'" in str((await running).error)
    assert done == ["book", "pay", "unbook"]
