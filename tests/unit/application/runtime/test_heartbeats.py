"""A step's function says that it is alive, and how far it is."""

import asyncio
import logging
import threading
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskExecutionWorkflow
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.heartbeats import current_call
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseLocked, InvalidRequest, LeaseLost
from vespera.domain.ids import TaskId
from vespera.testing import VirtualClock

PATIENCE = 10.0


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


async def test_a_step_that_falls_silent_fails_and_is_tried_again_where_it_was(
    workflow: TaskExecutionWorkflow, specialists: Specialists, clock: VirtualClock
) -> None:
    began = []

    async def handler(task: TaskContext) -> object:
        async def copy() -> int:
            at = task.last_heartbeat or 0
            began.append(at)
            for page in range(at, 10):
                await clock.sleep(4)
                await task.heartbeat(page + 1)
                if page == 5 and at == 0:
                    await asyncio.Event().wait()
            return 10

        return await task.step("copy", copy, heartbeat_timeout=5, retry=RetryPolicy(max_attempts=2))

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert result.result == 10
    assert began == [0, 6]


async def test_silence_is_a_time_out_that_says_what_was_silent(
    workflow: TaskExecutionWorkflow, specialists: Specialists, clock: VirtualClock
) -> None:
    seen = []

    async def handler(task: TaskContext) -> None:
        try:
            await task.step("mute", asyncio.Event().wait, heartbeat_timeout=60)
        except Exception as error:
            seen.append(error)
            raise

    specialists.register("coder", handler)
    started = clock.now()

    result = await workflow.run(title="A", specialist_type="coder")

    assert "Step 'mute' gave no heartbeat for 60 s" in result.error
    assert {"HeartbeatMissed", "TaskError", "TimeoutError"} <= set(seen[0].error_types)
    assert clock.now() - started == timedelta(seconds=60)


async def test_a_later_attempt_goes_on_where_the_last_one_was(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    began = []

    async def handler(task: TaskContext) -> None:
        async def copy() -> None:
            began.append(task.last_heartbeat)
            await task.heartbeat({"page": 3})
            if task.attempt == 1:
                await task.heartbeat({"page": 4})  # in the same second: kept with the failure
                raise OSError("down")

        await task.step("other", int)
        await task.step("copy", copy)

    specialists.register("coder", handler)

    result = await workflow.run(
        title="A", specialist_type="coder", retry=RetryPolicy(max_attempts=2), task_id="t"
    )

    assert result.success, result.error
    assert began == [None, {"page": 4}]
    (beat,) = await container.get("steps").beats_of(TaskId("t"))
    assert (beat.name, beat.occurrence) == ("copy", 1)


async def test_details_are_written_once_a_second_at_most(
    container: Container,
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    kept = set()

    async def handler(task: TaskContext) -> None:
        async def count() -> None:
            for number in range(1, 31):
                await task.heartbeat(number)
                await clock.sleep(0.1)
                for beat in await container.get("steps").beats_of(TaskId("t")):
                    kept.add(beat.detail)

        await task.step("count", count)

    specialists.register("coder", handler)

    await workflow.run(title="A", specialist_type="coder", task_id="t")

    assert 2 <= len(kept) <= 4


async def test_a_thread_beats_as_well(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    def work() -> list[object]:
        call = current_call()
        call.heartbeat("half")
        return [call.name, call.occurrence, call.last_heartbeat]

    async def handler(task: TaskContext) -> object:
        await task.step("work", int)
        return await task.step("work", work, heartbeat_timeout=60)

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert result.result == ["work", 2, "half"]


async def test_a_heartbeat_in_the_last_moment_writes_nothing_behind_the_step(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def last_words() -> None:
        current_call().heartbeat("done")  # and returns before anything is written

    async def handler(task: TaskContext) -> None:
        await task.step("work", last_words)

    specialists.register("coder", handler)

    await workflow.run(title="A", specialist_type="coder", task_id="t")
    for _ in range(5):
        await asyncio.sleep(0)

    assert list(await container.get("steps").beats_of(TaskId("t"))) == []


async def test_a_thread_whose_attempt_was_called_off_is_told_by_its_next_heartbeat(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    ended = []

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        try:
            current_call().heartbeat()
        except asyncio.CancelledError as error:
            ended.append(str(error))
            raise

    async def handler(task: TaskContext) -> None:
        await task.step("work", work)

    specialists.register("coder", handler)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="coder", task_id="t"))
    while not begun.is_set():
        await asyncio.sleep(0)
    await workflow.cancel_task("t")
    await running
    go_on.set()
    while container.get(BlockingCalls).in_flight:
        await asyncio.sleep(0)

    assert ended == ["The call of step 'work' is over."]


async def test_a_detail_that_cannot_be_stored_fails_where_it_is_given(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.step("work", lambda: current_call().heartbeat({"it": object()}))

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert "heartbeat of step 'work'" in result.error


async def test_outside_of_a_step_there_is_no_heartbeat(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.heartbeat()

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert "there are heartbeats in a step's function only" in result.error
    with pytest.raises(InvalidRequest):
        current_call()


@pytest.mark.parametrize("field", ["timeout", "heartbeat_timeout"])
async def test_a_time_that_is_none_is_refused(
    workflow: TaskExecutionWorkflow, specialists: Specialists, field: str
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.step("work", int, **{field: "soon"})

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder")

    assert f"{field}: " in result.error


async def test_a_sign_of_life_needs_no_detail(
    workflow: TaskExecutionWorkflow, specialists: Specialists, container: Container
) -> None:
    async def handler(task: TaskContext) -> None:
        async def work() -> None:
            await task.heartbeat()
            assert task.last_heartbeat is None

        await task.step("work", work)

    specialists.register("coder", handler)

    result = await workflow.run(title="A", specialist_type="coder", task_id="t")

    assert result.success, result.error
    assert await container.get(StepRepository).beats_of(TaskId("t")) == []


@pytest.mark.parametrize("later", [None, 2])
async def test_a_detail_that_cannot_be_stored_is_logged_and_stored_with_the_failure(
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
    later: int | None,
) -> None:
    hindered = Container()
    hindered.override(Clock, clock)
    steps = AsyncMock(wraps=hindered.get(StepRepository))
    beat, trouble = steps.beat, [DatabaseLocked("busy")]

    async def busy_once(*args: object, **more: object) -> None:
        if trouble:
            if later is not None:
                current.heartbeat(later)
            raise trouble.pop()
        await real.beat(*args, **more)

    real, beat.side_effect = hindered.get(StepRepository), busy_once
    hindered.override(StepRepository, steps)

    async def handler(task: TaskContext) -> None:
        async def work() -> None:
            nonlocal current
            current = current_call()
            await task.heartbeat(1)
            while trouble:
                await asyncio.sleep(0)
            raise ValueError("lost")

        await task.step("work", work)

    current = AsyncMock()
    async with hindered:
        hindered.get(Specialists).register("coder", handler)
        with caplog.at_level(logging.ERROR, "vespera"):
            await hindered.get(TaskExecutionWorkflow).run(
                title="A", specialist_type="coder", task_id="t"
            )
        (kept,) = await real.beats_of(TaskId("t"))

    assert "A heartbeat of step 'work' could not be kept." in caplog.text
    assert kept.detail == str(later or 1).encode()


async def test_a_heartbeat_that_finds_the_task_gone_ends_in_silence(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    hindered = Container()
    hindered.override(Clock, clock)
    steps = AsyncMock(wraps=hindered.get(StepRepository))
    told = asyncio.Event()

    async def gone(*_: object, **__: object) -> None:
        told.set()
        raise LeaseLost

    steps.beat.side_effect = gone
    hindered.override(StepRepository, steps)

    async def handler(task: TaskContext) -> None:
        async def work() -> None:
            await task.heartbeat(1)
            await told.wait()

        await task.step("work", work)

    async with hindered:
        hindered.get(Specialists).register("coder", handler)
        result = await hindered.get(TaskExecutionWorkflow).run(title="A", specialist_type="coder")

    assert result.attempt == 2
    assert "could not be kept" not in caplog.text


async def test_a_step_that_is_called_off_between_two_heartbeats_leaves_nothing_behind(
    workflow: TaskExecutionWorkflow, specialists: Specialists, container: Container
) -> None:
    there = asyncio.Event()

    async def handler(task: TaskContext) -> None:
        async def work() -> None:
            await task.heartbeat(1)
            there.set()
            await asyncio.Event().wait()

        await task.step("work", work)

    specialists.register("coder", handler)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="coder", task_id="t"))
    await there.wait()

    await workflow.cancel_task("t")

    assert (await running).status == "cancelled"
    assert [beat.detail for beat in await container.get(StepRepository).beats_of(TaskId("t"))] in (
        [],
        [b"1"],
    )
    assert not [task for task in asyncio.all_tasks() if "step heartbeat" in task.get_name()]
