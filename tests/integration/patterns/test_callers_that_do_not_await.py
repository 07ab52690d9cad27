"""Plain functions that call async code: programs, scripts, old tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers
from vespera.testing import ConcurrencyProbe


async def all_of(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """What `asyncio.run` wants is one coroutine: `gather` alone needs a loop that runs already."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call()) for call in calls]
    return [task.result() for task in tasks]


async def greet(task: TaskContext) -> str:
    return f"Hello, {task.payload['name']}!"


class Greeting(Container):
    specialists = providers.Aggregate(greeter=providers.Object(greet))


def test_a_program_runs_a_task_from_its_beginning_to_its_end():
    async def main() -> object:
        async with Greeting() as container:
            workflow = container.get(TaskExecutionWorkflow)
            done = await workflow.run(
                title="Once", specialist_type="greeter", payload={"name": "world"}
            )
            return done.result

    assert asyncio.run(main()) == "Hello, world!"


def test_gathering_before_there_is_a_loop_is_an_error_and_a_coroutine_is_none():
    coroutine = one()
    with pytest.raises((RuntimeError, DeprecationWarning), match="no current event loop"):
        asyncio.run(asyncio.gather(coroutine))
    coroutine.close()

    assert asyncio.run(all_of(one, one)) == [1, 1]


async def test_running_a_loop_within_a_loop_is_an_error():
    coroutine = one()
    with pytest.raises(RuntimeError, match="running event loop"):
        asyncio.run(coroutine)

    assert await coroutine == 1  # it was not begun: it can still be awaited


@pytest.mark.performance
@pytest.mark.virtual_time
async def test_ten_requests_at_once_take_as_long_as_one():
    probe = ConcurrencyProbe()

    @probe
    async def request() -> str:
        await asyncio.sleep(1.0)
        return "ok"

    began = asyncio.get_running_loop().time()
    assert await all_of(*[request] * 10) == ["ok"] * 10

    assert asyncio.get_running_loop().time() - began == 1.0
    assert probe.most == 10  # that they were together, and not only quick


async def one() -> int:
    return 1
