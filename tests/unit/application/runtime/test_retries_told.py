"""What is tried again says so in the log, as nothing else is heard of it until then."""

import logging
from collections.abc import Awaitable, Callable
from unittest.mock import AsyncMock

import pytest

from vespera import (
    Container,
    DirectAdapter,
    RetryPolicy,
    SequentialOrchestrator,
    ServiceGuard,
    TaskContext,
    TaskExecutionWorkflow,
)
from vespera.application.runtime.specialists import Specialists

AGAIN = RetryPolicy(max_attempts=3, delay=1, jitter=0)


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vespera")


def failing_once() -> AsyncMock:
    return AsyncMock(side_effect=[ConnectionError("no route"), "well"])


async def test_a_step(
    container: Container, specialists: Specialists, caplog: pytest.LogCaptureFixture
) -> None:
    ask = failing_once()

    async def handler(task: TaskContext) -> object:
        return await task.step("ask", ask, retry=AGAIN)

    specialists.register("coder", handler)
    run: Callable[..., Awaitable[object]] = container.get(TaskExecutionWorkflow).run
    await run(title="A", specialist_type="coder")

    step, told = caplog.messages[0].split(" failed ")
    assert step == "Step 'ask'"
    assert told == "(1 of 3 times), and is tried again in 1.0 s: ConnectionError: no route"


async def test_a_task(
    container: Container, specialists: Specialists, caplog: pytest.LogCaptureFixture
) -> None:
    specialists.register("coder", failing_once())
    run: Callable[..., Awaitable[object]] = container.get(TaskExecutionWorkflow).run
    await run(title="A", specialist_type="coder", task_id="t", retry=AGAIN)

    told = "Task t failed (1 of 3 times), and is tried again in 1.0 s: ConnectionError: no route"
    assert caplog.messages == [told]


@pytest.mark.virtual_time
async def test_a_guarded_call(caplog: pytest.LogCaptureFixture) -> None:
    await ServiceGuard(name="tts", retry=AGAIN).call(failing_once())

    assert caplog.messages[0].startswith("Call of tts failed (1 of 3 times), and is tried again in")


@pytest.mark.virtual_time
async def test_an_agent(caplog: pytest.LogCaptureFixture) -> None:
    crew = DirectAdapter()
    crew.register_agent("writer", failing_once(), retry=AGAIN)
    await SequentialOrchestrator().execute("a task", crew)

    assert caplog.messages[0].startswith("Agent 'writer' failed (1 of 3 times), and is tried again")


@pytest.mark.virtual_time
async def test_a_message_without_end_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    call = AsyncMock(side_effect=[ConnectionError("x" * 10_000), "well"])
    await ServiceGuard(retry=AGAIN).call(call)

    assert caplog.messages[0].startswith("Call of a service failed")
    assert len(caplog.messages[0]) < 700
