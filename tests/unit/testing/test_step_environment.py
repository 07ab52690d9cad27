import asyncio
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import RetryPolicy, TaskContext, TaskOutcome
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.domain.errors import (
    InvalidRequest,
    NonDeterministicTask,
    StepFailed,
    TaskTimedOut,
    UnstorableValue,
)
from vespera.testing import StepEnvironment, TestingError


async def plan_and_write(task: TaskContext) -> TaskOutcome:
    plan = await task.step("plan", len, task.payload["text"])
    done = [await task.step("write", _double, number) for number in range(plan)]
    return TaskOutcome(summary="done", result=done)


async def _double(number: int) -> int:
    return number * 2


async def test_a_specialist_runs_alone_and_what_it_recorded_can_be_seen():
    environment = StepEnvironment(payload={"text": "ab"})
    outcome = await environment.run(plan_and_write)
    assert (outcome.summary, outcome.result) == ("done", [0, 2])
    assert [(step.name, step.occurrence, step.value) for step in environment.steps] == [
        ("plan", 1, 2),
        ("write", 1, 0),
        ("write", 2, 2),
    ]
    assert environment.values == {"plan": 2, "write": 2}


async def test_an_object_with_execute_sees_the_task_that_was_described():
    @dataclass
    class Greeter:
        greeting: str

        async def execute(self, task: TaskContext):
            return [self.greeting, task.id, task.title, task.description, task.specialist_type]

    environment = StepEnvironment(
        title="World", description="all of it", specialist_type="greet", task_id="t-1"
    )
    outcome = await environment.run(Greeter("Hello"))
    assert outcome.result == ["Hello", "t-1", "World", "all of it", "greet"]


async def test_a_second_run_replays_what_succeeded_and_calls_again_what_failed():
    calls = AsyncMock(side_effect=[ConnectionError("away"), "here"])
    first = AsyncMock(return_value=1)

    async def work(task: TaskContext):
        await task.step("first", first)
        return await task.step("second", calls), task.attempt

    environment = StepEnvironment()
    with pytest.raises(StepFailed, match="away"):
        await environment.run(work)
    assert environment.steps[1].error == "away"
    assert (await environment.run(work)).result == ("here", 2)
    first.assert_awaited_once()
    assert environment.values == {"first": 1, "second": "here"}
    assert environment.attempt == 2


async def test_steps_of_an_earlier_attempt_can_be_given():
    real = AsyncMock()
    environment = StepEnvironment(recorded={"charge": {"id": "ch_1"}})

    async def pay(task: TaskContext):
        return (await task.step("charge", real))["id"]

    assert (await environment.run(pay)).result == "ch_1"
    real.assert_not_awaited()


async def test_a_handler_that_goes_another_way_on_a_replay_is_found_out():
    async def work(task: TaskContext):
        await task.step("one" if task.attempt == 1 else "two", len, "")

    environment = StepEnvironment()
    await environment.run(work)
    with pytest.raises(NonDeterministicTask, match="'one'"):
        await environment.run(work)


async def test_one_step_function_runs_alone_with_retries_that_take_no_time():
    environment = StepEnvironment()
    remote = AsyncMock(side_effect=[ConnectionError, ConnectionError, {"a": 1}])

    async def fetch(url, **options):
        return await remote(url, **options)

    began = environment.clock.now()
    policy = RetryPolicy(max_attempts=3, delay=3600, multiplier=1, max_delay=3600)
    assert await environment.step(fetch, "url", retry=policy, deep=True) == {"a": 1}
    assert remote.await_count == 3
    remote.assert_awaited_with("url", deep=True)
    assert environment.clock.now() - began >= timedelta(hours=1)
    assert environment.values == {"fetch": {"a": 1}}


async def test_several_functions_are_steps_of_one_environment_each_done_once():
    environment, bank = StepEnvironment(), AsyncMock(return_value="receipt")

    async def charge():
        return await bank()

    def refund():
        return "refunded"

    assert [await environment.step(charge) for _ in range(2)] == ["receipt", "receipt"]
    assert await environment.step(refund) == "refunded"
    assert environment.values == {"charge": "receipt", "refund": "refunded"}
    bank.assert_awaited_once()


async def test_a_step_that_takes_too_long_ends_by_its_timeout():
    async def hang():
        await asyncio.Event().wait()

    with pytest.raises(StepFailed, match="took longer than 60 s") as told:
        await StepEnvironment().step(hang, timeout=60)
    assert isinstance(told.value.__cause__, TaskTimedOut)


async def test_what_cannot_be_stored_is_refused_as_in_the_engine():
    with pytest.raises(UnstorableValue, match="payload"):
        StepEnvironment(payload={"x": object()})
    with pytest.raises(StepFailed, match="object"):
        await StepEnvironment().step(object)
    with pytest.raises(UnstorableValue, match="outcome"):
        await StepEnvironment().run(lambda _task: object())


async def test_a_run_is_cancelled_as_by_the_engine_and_the_next_goes_on_where_it_was():
    environment, cleaned_up = StepEnvironment(), []

    async def work(task: TaskContext):
        await task.step("first", len, "abc")
        try:
            return await task.step("second", wait)
        finally:
            cleaned_up.append(task.attempt)

    async def wait():
        if environment.attempt == 1:
            environment.cancel()
            await asyncio.Event().wait()
        return "waited"

    with pytest.raises(asyncio.CancelledError):
        await environment.run(work)
    assert (cleaned_up, environment.values) == ([1], {"first": 3})
    assert (await environment.run(work)).result == "waited"


async def test_what_it_was_told_of_dependencies_is_what_the_specialist_finds():
    environment = StepEnvironment(dependencies={"a": TaskOutcome(result=5), "b": TaskOutcome()})

    async def add(task: TaskContext):
        return {name: done.result for name, done in (await task.dependencies()).items()}

    assert (await environment.run(add)).result == {"a": 5, "b": None}


async def test_files_are_what_the_test_gives_and_nothing_otherwise():
    async def write(task: TaskContext):
        await task.files.write_text("a.txt", "text")

    files = AsyncMock(spec=TaskFiles)
    await StepEnvironment(files=files).run(write)
    files.write_text.assert_awaited_once_with("a.txt", "text")
    with pytest.raises(TestingError, match=r"task\.files\.write_text: .*has no workspace"):
        await StepEnvironment().run(write)


async def test_misuse_is_told():
    environment = StepEnvironment()
    with pytest.raises(TestingError, match="no run is under way"):
        environment.cancel()
    with pytest.raises(InvalidRequest, match="must be an object with a method"):
        await environment.run(5)

    async def run_again(task: TaskContext):
        await environment.run(run_again)

    with pytest.raises(TestingError, match="an attempt runs alone"):
        await environment.run(run_again)


@pytest.mark.virtual_time
async def test_under_virtual_time_all_waiting_is_virtual(clock):
    async def nap():
        await asyncio.sleep(3600)
        return "rested"

    assert await StepEnvironment(clock=clock).step(nap) == "rested"
    assert await StepEnvironment().step(nap) == "rested"
    assert asyncio.get_running_loop().time() == 7200


def test_it_may_be_made_where_no_loop_runs():
    assert StepEnvironment().attempt == 0


async def test_resources_are_for_tests_with_a_database():
    async def hold(task):
        async with task.resources.create_resource():
            pass

    with pytest.raises(TestingError, match=r"task.resources: .* AsyncTestBase"):
        await StepEnvironment().run(hold)
