"""Machines of async rules: over the real engine beside a small model, and over a broken one."""

import asyncio
import gc
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vespera import Container, TaskContext
from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.testing.errors import TestingError
from vespera.testing.stateful import AsyncRuleMachine

FEW = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
UNTIL_FOUND = settings(FEW, max_examples=200, phases=[Phase.generate])
ENDED = {"completed", "failed", "cancelled"}


async def good(task: TaskContext) -> str:
    return await task.step("work", str, task.payload)


async def bad(task: TaskContext) -> str:
    raise ValueError(task.title)


class EngineMachine(AsyncRuleMachine):
    """Tasks with dependencies are created, run, called off and completed from outside; and the
    process dies between any two of these.
    """

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.waits_for: dict[str, set[str]] = {}

    async def begin_life(self) -> None:
        self.env.register("good", good)
        self.env.register("bad", bad)

    @rule(
        target=tasks,
        kind=st.sampled_from(["good", "good", "bad", "person"]),
        depends_on=st.lists(tasks, max_size=3, unique=True),
    )
    async def create(self, kind, depends_on):
        created = await self.env.workflow.create_task(
            {
                "title": f"a {kind} one",
                "specialist_type": kind,
                "depends_on": depends_on,
                "completion": "auto",
            }
        )
        assert created.success, created.error
        self.model[created.task_id] = "pending"
        self.kinds[created.task_id] = kind
        self.waits_for[created.task_id] = set(depends_on)
        return created.task_id

    @rule()
    async def run(self):
        await self.env.run_until_idle()
        ends = {"good": "completed", "bad": "failed", "person": "assigned"}
        while ready := self.ready():
            self.model |= {task: ends[self.kinds[task]] for task in ready}

    @rule(task=tasks)
    async def cancel(self, task):
        result = await self.env.workflow.cancel_task(task, "changed my mind")
        assert result.success == (self.model[task] not in ENDED), result
        if self.model[task] not in ENDED:
            self.model[task] = "cancelled"

    @rule(task=tasks)
    async def complete(self, task):
        result = await self.env.workflow.complete_task(task, {"summary": "by hand"})
        assert result.success == (self.model[task] == "assigned"), result
        if self.model[task] == "assigned":
            self.model[task] = "completed"

    @rule(hours=st.integers(1, 48))
    async def wait(self, hours):
        await self.env.advance(hours=hours)

    @rule()
    async def die(self):
        await self.env.kill_and_recover()

    @invariant()
    async def every_task_stands_where_the_model_says(self):
        assert await self.env.statuses() == self.model

    @invariant()
    async def nobody_holds_a_task_when_nothing_runs(self):
        page = await self.env.get(TaskRepository).page()
        assert [task.id for task in page if task.owner] == []

    def ready(self) -> list[str]:
        done = {task for task, status in self.model.items() if status == "completed"}
        pending = [task for task, status in self.model.items() if status == "pending"]
        return [task for task in pending if self.waits_for[task] <= done]


class TestTheEngine(EngineMachine.TestCase):
    settings = FEW


class ForgetfulRepository(SqlTaskRepository):
    """Planted: who completes a task releases nobody who waits for it."""

    async def complete(self, task, *, operations):
        await self.save(task)


class BrokenEngineMachine(EngineMachine):
    async def begin_life(self) -> None:
        await super().begin_life()
        database = self.env.get(AsyncDatabaseManager)
        self.env.override(TaskRepository, ForgetfulRepository(database))


def test_a_planted_bug_is_found():
    with pytest.raises(AssertionError):
        run_state_machine_as_test(BrokenEngineMachine, settings=UNTIL_FOUND)


class DyingMachine(AsyncRuleMachine):
    """Processes die with a task half done: its first step recorded, its second one under way."""

    steps_class = SqlStepRepository

    def __init__(self) -> None:
        self.charged: list[str] = []
        self.clean_ups: list[str] = []
        self.lives: list[Container] = []
        self.asked = self.deaths = 0
        super().__init__()

    async def begin_life(self) -> None:
        self.lives.append(self.env.container)
        self.at_the_gate, self.gate = asyncio.Event(), asyncio.Event()
        self.env.override(StepRepository, self.steps_class(self.env.get(AsyncDatabaseManager)))
        self.env.register("job", self.job)

    async def job(self, task: TaskContext) -> None:
        try:
            await task.step("charge", self.charged.append, task.id, in_thread=False)
            await task.step("wait", self.wait_at_the_gate)
        finally:
            self.clean_ups.append(task.id)

    async def wait_at_the_gate(self) -> None:
        self.at_the_gate.set()
        await self.gate.wait()

    @precondition(lambda self: self.deaths < 5)  # a task that is never finished fails at last
    @rule()
    async def die_half_way(self):
        self.deaths += 1
        await self.env.orchestrator.create_task(
            {"title": "a job", "specialist_type": "job", "completion": "auto"}
        )
        self.asked += 1
        await self.env.orchestrator.start()
        async with self.env.clock.running():
            await self.at_the_gate.wait()
        before, clean_ups, now = self.env.container, len(self.clean_ups), self.env.clock.now()
        after = await self.env.kill_and_recover()
        assert after is self.env.container is self.lives[-1]
        assert after is not before
        assert len(self.clean_ups) == clean_ups
        assert self.env.clock.now() == now

    async def end(self) -> None:
        clean_ups = len(self.clean_ups)
        gc.collect()  # would end what nobody holds
        assert len(self.clean_ups) == clean_ups

    @rule()
    async def finish(self):
        self.gate.set()
        await self.env.run_until_idle()
        self.deaths = 0
        statuses = await self.env.statuses()
        assert list(statuses.values()) == ["completed"] * self.asked
        assert await self.env.count() == await self.env.count("completed") == self.asked
        assert await self.env.count("failed") == 0
        assert len(self.clean_ups) == len(self.charged) == self.asked

    @invariant()
    async def nobody_is_charged_twice(self):
        assert len(set(self.charged)) == len(self.charged)


class TestDying(DyingMachine.TestCase):
    settings = settings(FEW, max_examples=10)


class TestDyingInAFile:
    def test_it_dies_as_well(self, tmp_path):
        class InAFile(DyingMachine):
            def container_settings(self):
                return {"database_url": f"sqlite+aiosqlite:///{tmp_path}/{next(numbers)}.db"}

        numbers = itertools.count()
        run_state_machine_as_test(InAFile, settings=settings(FEW, max_examples=5))


class ForgetfulSteps(SqlStepRepository):
    """Planted: what a step gave is not recorded, as only another life can tell."""

    async def record(self, *_, **__):
        pass


def test_a_planted_bug_that_only_a_death_shows_is_found():
    class Forgetful(DyingMachine):
        steps_class = ForgetfulSteps

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Forgetful, settings=UNTIL_FOUND)


class Recorded(AsyncRuleMachine):
    """Notes what hypothesis and the environment do."""

    log: list[object]
    seen = Bundle("seen")

    async def begin_life(self) -> None:
        type(self).log.append(("life", asyncio.get_running_loop(), self.env))

    async def begin(self) -> None:
        type(self).log.append(("begin", asyncio.get_running_loop(), self.env))

    async def end(self) -> None:
        type(self).log.append(("end", asyncio.get_running_loop(), self.env))

    @initialize(target=seen)
    async def first(self):
        await asyncio.sleep(0)
        return "first"

    @rule(value=seen)
    def plain_rules_are_fine_too(self, value):
        assert value == "first"

    @precondition(lambda self: True)
    @rule(value=seen)
    async def arguments_come_as_usual(self, value):
        assert value == "first"
        type(self).log.append(("rule", asyncio.get_running_loop(), self.env))

    @invariant()
    async def nothing_of_other_examples_is_here(self):
        assert await self.env.statuses() == {}
        assert not list(Path(self.env.container.config.workspace()).iterdir())


def test_each_example_has_an_environment_and_a_loop_of_its_own():
    class Machine(Recorded):
        log = []

        @rule()
        async def leave_something(self):
            Path(self.env.container.config.workspace(), "a.txt").touch()
            Path(self.env.container.config.workspace(), "a.txt").unlink()

    run_state_machine_as_test(Machine, settings=settings(FEW, max_examples=5))

    begun = [(loop, env) for event, loop, env in Machine.log if event == "begin"]
    ended = [(loop, env) for event, loop, env in Machine.log if event == "end"]
    assert begun == ended
    assert begun == [(loop, env) for event, loop, env in Machine.log if event == "life"]
    assert len({env for _, env in begun}) == len(begun) > 1
    assert {(loop, env) for event, loop, env in Machine.log if event == "rule"} <= set(begun)
    assert all(loop.is_closed() for loop, _ in begun)
    assert not any(Path(env.container.config.workspace()).exists() for _, env in begun)


@pytest.mark.parametrize("where", ["life", "begin", "rule", "end"])
def test_what_fails_is_cleaned_up_all_the_same(where):
    class Machine(Recorded):
        log = []

        async def begin_life(self) -> None:
            await super().begin_life()
            assert where != "life", "planted"

        async def begin(self) -> None:
            await super().begin()
            await self.env.workflow.create_task({"title": "left pending"})
            assert where != "begin", "planted"

        async def end(self) -> None:
            await super().end()
            assert where != "end", "planted"

        @rule()
        async def fails(self):
            assert where != "rule", "planted"

        @invariant()
        async def nothing_of_other_examples_is_here(self):
            assert len(await self.env.statuses()) == 1

    with pytest.raises(AssertionError, match="planted"):
        run_state_machine_as_test(Machine, settings=UNTIL_FOUND)

    environments = [env for event, _, env in Machine.log if event == "life"]
    assert environments
    assert not any(Path(env.container.config.workspace()).exists() for env in environments)
    assert not any(env.get(AsyncDatabaseManager).started for env in environments)
    gc.collect()  # would warn of what was left open


async def test_within_a_running_loop_it_says_what_to_do():
    with pytest.raises(TestingError, match=r"EngineMachine.*\n?.*collect EngineMachine\.TestCase"):
        run_state_machine_as_test(EngineMachine, settings=FEW)


def test_a_container_that_cannot_be_made_leaves_nothing_behind():
    class Misconfigured(AsyncRuleMachine):
        def container_settings(self):
            return {"durability": "eventually"}

        @rule()
        async def nothing(self):
            pass

    with pytest.raises(InvalidRequest, match="durability"):
        run_state_machine_as_test(Misconfigured, settings=FEW)
    gc.collect()  # would warn of a directory that was left


def test_without_hypothesis_the_import_says_what_is_missing():
    code = "import sys; sys.modules['hypothesis'] = None; import vespera.testing.stateful"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "AsyncRuleMachine needs hypothesis: pip install hypothesis" in done.stderr
