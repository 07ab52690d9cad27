"""A step runs once, is remembered, and is replayed."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskExecutionWorkflow
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest, StepFailed
from vespera.testing import VirtualClock


class Script:
    """A specialist whose handler is interrupted where the test wants it, then run again."""

    def __init__(self, handler: Callable[["Script", TaskContext], object]) -> None:
        self._handler = handler
        self.calls: list[str] = []
        self.paused = asyncio.Event()
        self.interrupt_at: int | None = 1

    def does(self, name: str, value: object = None) -> Callable[[], object]:
        def do() -> object:
            self.calls.append(name)
            return value

        return do

    async def pause(self, task: TaskContext) -> None:
        """Stay here for ever in the attempt that is to be interrupted."""
        if task.attempt == self.interrupt_at:
            self.paused.set()
            await asyncio.Event().wait()

    async def execute(self, task: TaskContext) -> object:
        return await self._handler(self, task)  # type: ignore[misc]


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


@pytest.fixture
def interrupted(workflow: TaskExecutionWorkflow, specialists: Specialists) -> Callable[..., object]:
    async def run(script: Script, **fields: object) -> object:
        """Run the script, interrupt it where it pauses, run it again; gives the second result."""
        specialists.register("script", script)
        first = asyncio.create_task(
            workflow.run(title="A", specialist_type="script", task_id="t", **fields)
        )
        await script.paused.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await workflow.execute_task("t")

    return run


async def test_a_recorded_step_is_not_called_again(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> object:
        first = await task.step("a", script.does("a", 1))
        await script.pause(task)
        return [first, await task.step("b", script.does("b", 2))]

    script = Script(handler)

    result = await interrupted(script)

    assert result.result == [1, 2]
    assert result.attempt == 2
    assert script.calls == ["a", "b"]


async def test_the_same_name_may_be_asked_for_again(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> object:
        seen = [await task.step("a", script.does(f"a{n}", n)) for n in range(3)]
        await script.pause(task)
        return seen

    script = Script(handler)

    assert (await interrupted(script)).result == [0, 1, 2]
    assert script.calls == ["a0", "a1", "a2"]


async def test_a_step_may_be_called_undo(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> object:
        value = await task.step("undo", script.does("undo", "undone"))
        await script.pause(task)
        return value

    script = Script(handler)

    assert (await interrupted(script)).result == "undone"
    assert script.calls == ["undo"]


@pytest.mark.parametrize("name", ["undo:a", "patch:a", "signal:a", "spawn:a", "result:a"])
async def test_no_step_or_sleep_passes_for_what_the_engine_records_by_itself(
    workflow: TaskExecutionWorkflow, specialists: Specialists, name: str
) -> None:
    async def handler(task: TaskContext) -> None:
        with pytest.raises(InvalidRequest, match=f"name: '{name}' begins like"):
            await task.sleep(0, name=name)
        await task.step(name, pytest.fail, "it is not called")

    specialists.register("script", handler)

    result = await workflow.run(title="A", specialist_type="script")

    assert str(result.error).startswith(f"InvalidRequest: name: {name!r} begins like")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"function": "f"}, "function: must be a function or something else that can be called"),
        ({"undo": 5}, "undo: must be a function"),
        ({"retry": {"max_attempts": 2}}, "retry: must be a RetryPolicy, got dict"),
        ({"retry": 0}, "retry: must be a RetryPolicy, got int"),
        ({"timeout": 0}, "timeout: must be above 0 seconds; None sets no limit"),
        ({"heartbeat_timeout": 0}, "heartbeat_timeout: must be above 0 seconds"),
        ({"name": "\ud800"}, "name: has a NUL or a lone surrogate, which cannot be stored"),
        ({"name": "n" * 10_001}, "name: is longer than 10,000 characters"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_is_called(
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    asked: dict[str, object],
    told: str,
) -> None:
    async def handler(task: TaskContext) -> None:
        given = {"name": "step", "function": pytest.fail, **asked}
        with pytest.raises(InvalidRequest, match=re.escape(told)):
            await task.step(given.pop("name"), given.pop("function"), **given)  # type: ignore[arg-type]

    specialists.register("script", handler)

    assert (await workflow.run(title="A", specialist_type="script")).success


async def test_a_coroutine_in_the_place_of_a_function_is_told_how_it_is_given(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def load(_page: int) -> None:
        pass

    async def handler(task: TaskContext) -> None:
        await task.step("load", load(7))  # type: ignore[call-overload]

    specialists.register("script", handler)

    assert str((await workflow.run(title="A", specialist_type="script")).error).endswith(
        "got coroutine; give the function itself, and its arguments behind it"
    )


async def test_the_first_run_gives_the_decoded_value_too(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    given = {"n": [1, 2]}
    got = []

    async def handler(task: TaskContext) -> None:
        got.append(await task.step("a", lambda: given))

    specialists.register("coder", handler)
    await workflow.run(title="A", specialist_type="coder")

    assert got == [given]
    assert got[0] is not given


async def test_async_functions_and_arguments_are_passed_through(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def add(x: int, *, y: int) -> int:
        return x + y

    async def handler(task: TaskContext) -> int:
        return await task.step("add", add, 1, y=2)

    specialists.register("coder", handler)

    assert (await workflow.run(title="A", specialist_type="coder")).result == 3


async def test_parallel_steps_are_all_recorded(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> list[int]:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(task.step(f"part {n}", lambda n=n: n)) for n in range(5)]
        return [part.result() for part in parts]

    specialists.register("coder", handler)

    assert (await workflow.run(title="A", specialist_type="coder")).result == [0, 1, 2, 3, 4]


async def test_a_step_is_tried_again_by_its_policy(
    workflow: TaskExecutionWorkflow, specialists: Specialists, clock: VirtualClock
) -> None:
    calls = []

    def flaky() -> str:
        calls.append(clock.now())
        if len(calls) < 3:
            raise OSError("again")
        return "well"

    async def handler(task: TaskContext) -> str:
        return await task.step("flaky", flaky, retry=RetryPolicy(delay=10))

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert result.result == "well"
    assert [b - a for a, b in pairwise(calls)] == [
        timedelta(seconds=10),
        timedelta(seconds=20),
    ]


async def test_a_step_that_takes_too_long_fails(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.step("slow", asyncio.Event().wait, timeout=5)

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert result.status == "failed"
    assert "Step 'slow' took longer than 5 s" in str(result.error)


async def test_a_time_out_of_the_function_s_own_is_told_as_it_is(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    def own() -> None:
        raise TimeoutError("connect")

    async def handler(task: TaskContext) -> None:
        await task.step("own", own, timeout=5)

    specialists.register("coder", handler)

    assert "TimeoutError: connect" in str(
        (await workflow.run(title="A", specialist_type="coder")).error
    )


async def test_a_failed_step_raises_the_same_error_on_a_replay(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> object:
        def fail() -> None:
            script.calls.append("fail")
            raise KeyError("k")

        try:
            await task.step("fail", fail)
        except StepFailed as error:
            seen = [error.step, list(error.error_types)[:2], str(error)]
        await script.pause(task)
        return seen

    script = Script(handler)

    result = await interrupted(script)

    told = "Step 'fail' failed: KeyError: 'k'"
    assert result.result == ["fail", ["KeyError", "LookupError"], told]
    assert script.calls == ["fail"]


async def test_after_a_retry_of_the_task_a_failed_step_runs_again(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    calls = []

    def second_time_lucky() -> str:
        calls.append("flaky")
        if calls.count("flaky") == 1:
            raise OSError("not yet")
        return "well"

    async def handler(task: TaskContext) -> str:
        await task.step("once", lambda: calls.append("once"))
        return await task.step("flaky", second_time_lucky)

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder", retry={"max_attempts": 2})

    assert result.success, result.error
    assert calls == ["once", "flaky", "flaky"]


async def test_a_value_that_cannot_be_stored_fails_the_step_with_its_path(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.step("odd", lambda: {"a": [object()]})

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert "step 'odd'" in str(result.error)
    assert "UnstorableValue" in str(result.error)


async def test_an_error_with_unprintable_text_is_recorded(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    def odd() -> None:
        raise ValueError("\ud800")

    async def handler(task: TaskContext) -> None:
        await task.step("odd", odd)

    specialists.register("coder", handler)

    assert "\\ud800" in str((await workflow.run(title="A", specialist_type="coder")).error)


# --------------------------------------------------------------------------------- determinism


async def test_a_replay_that_asks_for_another_step_is_told_so(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> None:
        await task.step("old" if task.attempt == 1 else "new", script.does("x"))
        await script.pause(task)

    result = await interrupted(Script(handler))

    assert result.status == "failed"
    assert "NonDeterministicTask" in str(result.error)
    assert "'old'" in str(result.error)
    assert "'new'" in str(result.error)


async def test_a_replay_that_leaves_a_step_out_is_told_so(interrupted) -> None:
    async def handler(script: Script, task: TaskContext) -> None:
        if task.attempt == 1:
            await task.step("gone", script.does("x"))
        await script.pause(task)

    result = await interrupted(Script(handler), retry={"max_attempts": 5})

    assert result.status == "failed", "the code is at fault: trying again would not help"
    assert "'gone'" in str(result.error)


async def test_a_step_that_failed_and_now_succeeds_may_lead_another_way(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> str:
        def first_time_only() -> str:
            if task.attempt == 1:
                raise OSError("down")
            return "up"

        try:
            return await task.step("call", first_time_only)
        except StepFailed:
            await task.step("note the trouble", lambda: None)
            raise

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder", retry={"max_attempts": 2})

    assert result.result == "up", result.error


async def test_a_handler_can_ask_what_is_remembered(interrupted) -> None:
    """The next request of a name counts: what was asked for already is not asked for again."""
    seen: list[list[bool]] = []

    async def handler(script: Script, task: TaskContext) -> object:
        before = task.remembers("a")
        await task.step("a", script.does("a"))
        seen.append([before, task.remembers("a"), task.remembers("b")])
        await script.pause(task)
        return None

    await interrupted(Script(handler))

    assert seen == [[False, False, False], [True, False, False]]


async def test_a_failure_is_remembered_until_the_task_is_tried_again(interrupted) -> None:
    seen: list[bool] = []

    async def handler(script: Script, task: TaskContext) -> object:
        seen.append(task.remembers("a"))
        with pytest.raises(StepFailed):
            await task.step("a", int, "no number")
        await script.pause(task)
        if task.attempt == 2:
            raise ConnectionError("down")
        return None

    script = Script(handler)
    result = await interrupted(script, retry=RetryPolicy(max_attempts=2, delay=0))

    assert result.attempt == 3
    assert seen == [False, True, False]


async def test_a_wait_that_has_not_ended_is_not_remembered(interrupted) -> None:
    seen: list[bool] = []

    async def handler(script: Script, task: TaskContext) -> object:
        seen.append(task.remembers("sleep"))
        if task.attempt == 1:
            script.paused.set()
        await task.sleep(60)
        return None

    await interrupted(Script(handler))

    assert seen == [False, False]
