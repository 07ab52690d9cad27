"""Step functions that are not async run beside the event loop."""

import asyncio
import threading

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.runtime.heartbeats import current_step
from vespera.application.runtime.specialists import Specialists

PATIENCE = 10.0


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


async def reached(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0)


async def test_a_plain_function_runs_in_a_thread_and_knows_its_step(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    def look() -> list[object]:
        return [threading.current_thread() is threading.main_thread(), current_step()]

    async def handler(task: TaskContext) -> object:
        return [
            await task.step("beside", look),
            await task.step("tiny", look, in_thread=False),
        ]

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert result.result == [[False, "beside"], [True, "tiny"]]


async def test_a_plain_specialist_runs_in_a_thread(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", lambda task: threading.current_thread().name)

    result = await workflow.run(title="A", specialist_type="coder", task_id="t")

    assert result.result == "vespera-step: Task 't'"


async def test_functions_of_several_tasks_run_at_the_same_time(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    both_are_here = threading.Barrier(2, timeout=PATIENCE)

    async def handler(task: TaskContext) -> None:
        await task.step("meet", lambda: both_are_here.wait() >= 0)

    specialists.register("coder", handler)

    results = await asyncio.gather(
        *(workflow.run(title="A", specialist_type="coder") for _ in range(2))
    )

    assert all(result.success for result in results)


async def test_what_a_thread_gives_after_its_attempt_was_called_off_is_not_recorded(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        go_on.wait(PATIENCE)
        return "too late"

    async def handler(task: TaskContext) -> None:
        await task.step("slow", slow)

    specialists.register("coder", handler)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="coder", task_id="t"))
    await reached(begun)

    cancelled = await workflow.cancel_task("t")
    await running

    assert cancelled.status == "cancelled"
    assert container.get(BlockingCalls).in_flight == 1
    go_on.set()
    while container.get(BlockingCalls).in_flight:
        await asyncio.sleep(0)
    assert list(await container.get("steps").of_task("t")) == []


async def test_the_clean_up_waits_for_what_still_runs_in_a_thread(specialists: Specialists) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        ended.set()

    async def handler(task: TaskContext) -> None:
        await task.step("slow", slow)

    container = Container(workspace="/nonexistent/vespera")
    container.get(Specialists).register("coder", handler)
    async with container:
        running = asyncio.create_task(
            container.get(TaskExecutionWorkflow).run(title="A", specialist_type="coder")
        )
        await reached(begun)
        asyncio.get_running_loop().call_soon(go_on.set)
    await running

    assert ended.is_set()


async def test_a_thread_that_does_not_end_in_time_is_told_of_at_the_clean_up() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    async def handler(task: TaskContext) -> None:
        await task.step("stuck", stuck)

    container = Container(workspace="/nonexistent/vespera", stop_timeout=0.0)
    container.get(Specialists).register("coder", handler)
    running = asyncio.create_task(
        container.get(TaskExecutionWorkflow).run(title="A", specialist_type="coder")
    )
    await reached(begun)
    (thread,) = [each for each in threading.enumerate() if "Step 'stuck'" in each.name]

    with pytest.raises(ExceptionGroup) as failed:
        await container.cleanup_async_services()
    running.cancel()
    await asyncio.wait([running])

    assert any("step_threads did not stop" in str(error) for error in failed.value.exceptions)
    go_on.set()
    thread.join(PATIENCE)
