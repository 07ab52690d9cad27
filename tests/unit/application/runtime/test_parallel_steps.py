"""Steps side by side: told apart by the order in which they are asked for."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskResult
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import StepFailed

Handler = Callable[[TaskContext], Awaitable[object]]


class Gate:
    """Holds the first attempt where it is called; later ones pass."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def __call__(self, task: TaskContext) -> None:
        if task.attempt == 1:
            self.reached.set()
            await asyncio.Event().wait()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def twice(
    container: Container, specialists: Specialists, gate: Gate
) -> Callable[[Handler], Awaitable[TaskResult]]:
    async def run(handler: Handler) -> TaskResult:
        """Run the handler up to the gate, interrupt it, and run it again."""
        workflow = container.get(TaskExecutionWorkflow)
        specialists.register("coder", handler)
        first = asyncio.create_task(workflow.run(title="A", specialist_type="coder", task_id="t"))
        await gate.reached.wait()
        first.cancel()
        await asyncio.wait([first])
        return await workflow.execute_task("t")

    return run


async def test_steps_of_one_name_keep_their_places_whichever_ends_first(twice, gate: Gate) -> None:
    calls: list[int] = []

    async def part(number: int) -> int:
        calls.append(number)
        for _ in range(10 - number):
            await asyncio.sleep(0)
        return number

    async def handler(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(task.step("part", part, n)) for n in range(5)]
        await gate(task)
        return [each.result() for each in parts]

    assert (await twice(handler)).result == [0, 1, 2, 3, 4]
    assert calls == [0, 1, 2, 3, 4]


async def test_after_a_crash_in_the_middle_only_what_was_not_recorded_is_called_again(
    twice, gate: Gate
) -> None:
    calls: list[int] = []

    async def handler(task: TaskContext) -> object:
        async def part(number: int) -> int:
            calls.append(number)
            if number % 2:
                while len(await recorded()) < 2:
                    await asyncio.sleep(0)
                await gate(task)
            return number

        parts = (task.step("part", part, number) for number in range(4))
        return list(await asyncio.gather(*parts))

    done: list[str] = []

    async def recorded() -> list[str]:
        done.append("looked")
        return done

    assert (await twice(handler)).result == [0, 1, 2, 3]
    assert sorted(calls) == [0, 1, 1, 2, 3, 3]


async def test_a_failing_sibling_is_told_again_on_a_replay(twice, gate: Gate) -> None:
    calls: list[str] = []

    async def good() -> str:
        calls.append("good")
        return "good"

    async def bad() -> None:
        while "good" not in calls:
            await asyncio.sleep(0)
        calls.append("bad")
        raise OSError("down")

    async def handler(task: TaskContext) -> object:
        told = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(task.step("bad", bad))
                group.create_task(task.step("good", good))
        except* StepFailed as failed:
            told = [str(error) for error in failed.exceptions]
        await gate(task)
        return told

    result = await twice(handler)

    assert result.success, result.error
    assert "down" in result.result[0]
    assert calls == ["good", "bad"]


async def test_a_sibling_that_a_replayed_failure_cuts_off_earlier_is_no_other_way(
    twice, gate: Gate
) -> None:
    second_done = asyncio.Event()

    async def bad() -> None:
        await second_done.wait()
        for _ in range(50):  # until it is recorded
            await asyncio.sleep(0)
        raise OSError("down")

    async def second() -> None:
        second_done.set()

    async def branch(task: TaskContext) -> None:
        await task.step("first", int)
        for _ in range(3):
            await asyncio.sleep(0)
        await task.step("second", second)
        await asyncio.Event().wait()

    async def handler(task: TaskContext) -> object:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(task.step("bad", bad))
                group.create_task(branch(task))
        except* StepFailed:
            await gate(task)
        return "done"

    result = await twice(handler)

    assert result.success, result.error


async def test_a_sibling_that_is_left_out_is_another_way(twice, gate: Gate) -> None:
    async def handler(task: TaskContext) -> object:
        names = ["a", "b"] if task.attempt == 1 else ["a", "c"]
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(task.step(name, int))
        await gate(task)
        return None

    result = await twice(handler)

    assert "NonDeterministicTask" in result.error
    assert "'b'" in result.error
    assert "'c'" in result.error


async def test_a_failure_that_leaves_a_task_group_is_a_failure_and_no_interruption(
    container: Container, specialists: Specialists
) -> None:
    async def fail() -> None:
        raise ConnectionError("the line is down")

    async def side_by_side(task: TaskContext) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(task.step("good", asyncio.Event().wait))
                group.create_task(task.step("bad", fail))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    specialists.register("coder", side_by_side)

    result = await container.get(TaskExecutionWorkflow).run(title="A", specialist_type="coder")

    assert (result.status, result.attempt) == ("failed", 1)
    assert "the line is down" in str(result.error)
