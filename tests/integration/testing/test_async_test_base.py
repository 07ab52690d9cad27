"""``AsyncTestBase`` on the real engine, in memory and in a file."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from unittest.mock import AsyncMock

import pytest

from vespera import (
    Clock,
    Codec,
    Container,
    FileStore,
    Provider,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TrackFileOperationsUseCase,
    providers,
)
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import UnknownPart
from vespera.domain.file_operation import Absent
from vespera.testing import AsyncTestBase, VirtualClock


class TestATest(AsyncTestBase):
    def test_has_a_container_of_its_own_with_a_clock_that_obeys(self):
        assert type(self.container) is Container
        assert self.container.get(Clock) is self.clock

    async def test_has_a_workspace_that_is_empty_and_its_own(self, tmp_path):
        assert self.workspace == tmp_path
        assert not list(tmp_path.iterdir())

    async def test_creates_a_task_that_the_worker_completes(self):
        task = await self.create_test_task(payload={"answer": 42})
        result = await self.wait_for_completion(task.task_id)
        assert result.completed
        assert result.success
        assert result.result == {"answer": 42}
        assert (result.title, result.specialist_type) == ("Test Task", "generic")

    async def test_starts_from_an_empty_database(self):
        assert not (await self.status("chosen")).success
        task = await self.create_test_task(task_id="chosen")
        assert task.task_id == "chosen"

    async def test_starts_from_an_empty_database_every_time(self):
        assert not (await self.status("chosen")).success
        await self.create_test_task(task_id="chosen")

    async def test_registers_a_function_as_a_specialist(self):
        async def double(task: TaskContext):
            return task.payload["number"] * 2

        self.register("double", double)
        task = await self.create_test_task(specialist_type="double", payload={"number": 4})
        assert (await self.wait_for_completion(task.task_id)).result == 8

    async def test_registers_an_object_as_a_specialist_also_for_the_default_type(self):
        class Greeter:
            async def execute(self, task: TaskContext):
                return f"hello {task.title}"

        self.register("generic", Greeter())
        task = await self.create_test_task(title="world")
        assert (await self.wait_for_completion(task.task_id)).result == "hello world"

    async def test_registers_a_specialist_while_the_worker_runs(self):
        await self.create_test_task()
        self.test_late = AsyncMock(return_value="late")

        async def late(task: TaskContext):
            return await self.test_late(task.id)

        self.register("late", late)
        task = await self.create_test_task(specialist_type="late")
        assert (await self.wait_for_completion(task.task_id)).result == "late"

    async def test_is_told_why_a_task_was_refused(self):
        with pytest.raises(AssertionError, match=r"was refused: .*titel"):
            await self.create_test_task(titel="misspelt")

    async def test_overrides_a_port_and_sees_the_use_case_use_it(self):
        files = self.override(FileStore, AsyncMock(spec=FileStore))
        files.locate.return_value = "a.txt"
        files.observe.return_value = [Absent()]
        tracking = self.container.get(TrackFileOperationsUseCase)
        result = await tracking.track_file_creation(file_path="a.txt", operation_context={})
        assert result.success, result.error
        files.observe.assert_awaited_once_with(["a.txt"])

    async def test_is_told_what_cannot_be_overridden(self):
        with pytest.raises(UnknownPart, match="Did you mean 'clock'"):
            self.override("clok", AsyncMock(spec=Clock))

    async def test_runs_tasks_that_it_created_by_other_ways(self):
        workflow = self.container.get(TaskExecutionWorkflow)
        created = await workflow.create_task(title="plain", completion="auto")
        await self.clock.advance(seconds=1)
        assert (await self.status(created.task_id)).completed

    async def test_runs_until_nothing_is_left_to_do(self):
        first = await self.create_test_task(run_after=self.clock.now() + timedelta(days=3))
        second = await self.create_test_task(depends_on=[first.task_id])
        await self.run_until_idle()
        assert (await self.status(second.task_id)).completed


class TestTime(AsyncTestBase):
    async def test_hours_of_retries_pass_at_once(self):
        attempts = []

        async def flaky(task: TaskContext):
            attempts.append(self.clock.now())
            if len(attempts) < 5:
                raise ConnectionError("not yet")
            return "done"

        self.register("flaky", flaky)
        retry = {"max_attempts": 5, "delay": 3600, "multiplier": 1, "max_delay": 3600}
        task = await self.create_test_task(specialist_type="flaky", retry=retry)
        result = await self.wait_for_completion(task.task_id, timeout=6 * 3600)
        assert result.result == "done"
        assert attempts[-1] - attempts[0] == timedelta(hours=4)

    async def test_advance_brings_what_is_due_and_no_more(self):
        start = self.clock.now()
        task = await self.create_test_task(run_after=start + timedelta(days=7))
        await self.clock.advance(days=6)
        assert (await self.status(task.task_id)).status == "pending"
        await self.clock.advance(days=1)
        assert (await self.status(task.task_id)).completed

    async def test_a_task_that_hangs_ends_by_its_timeout(self):
        async def hang(task: TaskContext):
            await asyncio.Event().wait()

        self.register("hang", hang)
        task = await self.create_test_task(specialist_type="hang", timeout=600)
        with pytest.raises(AssertionError, match=r"is failed: .*600"):
            await self.wait_for_completion(task.task_id, timeout=3600)

    async def test_waiting_ends_with_a_timeout_error_while_the_task_is_under_way(self):
        async def hang(task: TaskContext):
            await asyncio.Event().wait()

        self.register("hang", hang)
        task = await self.create_test_task(specialist_type="hang")
        before = self.clock.now()
        with pytest.raises(TimeoutError, match="is running after 30 s"):
            await self.wait_for_completion(task.task_id)
        assert self.clock.now() - before == timedelta(seconds=30)

    async def test_work_in_threads_takes_no_virtual_time(self):
        async def read(task: TaskContext):
            await task.files.write_text("a.txt", "text")
            return await asyncio.to_thread(Path(self.workspace / "a.txt").read_text)

        self.register("read", read)
        before = self.clock.now()
        tasks = [await self.create_test_task(specialist_type="read") for _ in range(1)]
        for task in tasks:
            assert (await self.wait_for_completion(task.task_id, timeout=1)).result == "text"
        assert self.clock.now() == before


class TestWhatDoesNotComplete(AsyncTestBase):
    async def test_a_failed_task_fails_the_test_at_once_with_its_error(self):
        async def fail(task: TaskContext):
            raise ZeroDivisionError("the task's own words")

        self.register("fail", fail)
        task = await self.create_test_task(specialist_type="fail", title="Divide")
        before = self.clock.now()
        with pytest.raises(AssertionError, match=r"\(Divide\) is failed: .*the task's own") as told:
            await self.wait_for_completion(task.task_id)
        assert "in fail" in told.value.__notes__[0]
        assert self.clock.now() == before

    async def test_a_cancelled_task_fails_the_test(self):
        task = await self.create_test_task(run_after=self.clock.now() + timedelta(days=1))
        await self.container.get(TaskOrchestrator).cancel_task(task.task_id, "not wanted")
        with pytest.raises(AssertionError, match=r"is cancelled: .*not wanted"):
            await self.wait_for_completion(task.task_id)

    async def test_a_task_refused_by_the_proof_gate_fails_the_test(self):
        async def lie(task: TaskContext):
            await task.files.write_text("a.txt", "honest")
            (self.workspace / "a.txt").write_text("changed behind its back")

        self.register("lie", lie)
        task = await self.create_test_task(specialist_type="lie")
        with pytest.raises(AssertionError, match=r"is executed: .*a\.txt"):
            await self.wait_for_completion(task.task_id)

    async def test_a_task_handed_to_an_outside_worker_fails_the_test(self):
        task = await self.create_test_task(specialist_type="nobody")
        why = r"is assigned: No specialist does 'nobody' \(known: .*\); it waits for somebody"
        with pytest.raises(AssertionError, match=why):
            await self.wait_for_completion(task.task_id)

    async def test_a_type_that_is_misspelt_is_told_with_those_that_are_similar(self):
        self.register("checkout", AsyncMock())
        task = await self.create_test_task(specialist_type="chekcout")
        with pytest.raises(AssertionError, match=r"'chekcout' \(similar: checkout\)"):
            await self.wait_for_completion(task.task_id)

    async def test_a_task_that_nobody_signs_off_fails_the_test(self):
        task = await self.create_test_task(completion="manual")
        with pytest.raises(AssertionError, match="is executed: it waits for somebody to complete"):
            await self.wait_for_completion(task.task_id)

    async def test_a_task_blocked_by_a_failed_one_fails_the_test(self):
        async def fail(task: TaskContext):
            raise ValueError("broken")

        self.register("fail", fail)
        first = await self.create_test_task(specialist_type="fail", title="First")
        second = await self.create_test_task(depends_on=[first.task_id])
        with pytest.raises(AssertionError, match=r"is pending: .*First"):
            await self.wait_for_completion(second.task_id)

    async def test_an_unknown_id_fails_the_test(self):
        with pytest.raises(AssertionError, match="No task has the id 'nonsense'"):
            await self.wait_for_completion("nonsense")


class TestTheHistory(AsyncTestBase):
    async def test_of_a_failed_task_is_told_with_its_steps_and_attempts(self):
        async def work(task: TaskContext):
            await task.step("plan", len, "abc")
            await task.step("charge", self._refuse)

        self.register("work", work)
        retry = {"max_attempts": 2, "delay": 60}
        task = await self.create_test_task(
            specialist_type="work", payload={"order": 7}, retry=retry
        )
        with pytest.raises(AssertionError, match="card refused") as told:
            await self.wait_for_completion(task.task_id, timeout=600)
        history = told.value.__notes__[-1]
        assert "attempt 2, 2 failed" in history
        assert "{'order': 7}" in history
        assert "step plan gave 3" in history
        assert "step charge failed ValueError: card refused" in history

    async def _refuse(self):
        raise ValueError("card refused")

    async def test_tells_files_and_what_is_waited_for(self):
        async def lie(task: TaskContext):
            await task.files.write_text("a.txt", "honest")
            (self.workspace / "a.txt").write_text("changed behind its back")

        self.register("lie", lie)
        first = await self.create_test_task()
        task = await self.create_test_task(specialist_type="lie", depends_on=[first.task_id])
        with pytest.raises(AssertionError) as told:
            await self.wait_for_completion(task.task_id)
        history = told.value.__notes__[-1]
        assert "no step was recorded" in history
        assert "file a.txt: " in history
        assert f"waits for Test Task ({first.task_id}): completed" in history


class TestSettingUp(AsyncTestBase):
    async def setup_async_environment(self):
        self.model = self.override(Codec, AsyncMock(spec=Codec))

    async def test_comes_before_the_test_and_before_anything_starts(self):
        assert self.container.get(Codec) is self.model


class TestEventually(AsyncTestBase):
    async def test_lets_the_engine_work_and_time_pass(self):
        done = []

        async def work(task: TaskContext):
            await self.clock.sleep(3600)
            done.append(task.id)

        self.register("work", work)
        task = await self.create_test_task(specialist_type="work")
        assert await self.eventually(lambda: done, timeout=7200) == [task.task_id]
        assert await self.eventually(lambda: self._completed(task.task_id))
        with pytest.raises(AssertionError, match="Not true after 10 s of virtual time"):
            await self.eventually(lambda: len(done) > 1, timeout=10)

    async def _completed(self, task_id):
        return (await self.status(task_id)).completed


class TestConcurrency(AsyncTestBase):
    def container_settings(self):
        return {"concurrency": 3}

    async def test_the_worker_runs_as_many_tasks_at_once_as_it_was_told(self):
        with self.assert_concurrent(3) as probe:

            @probe
            async def nap(task: TaskContext):
                await self.clock.sleep(60)

            self.register("nap", nap)
            for _ in range(10):
                await self.create_test_task(specialist_type="nap")
            await self.run_until_idle()


@pytest.mark.virtual_time
class TestVirtualTime(TestTime, TestEventually):
    async def test_a_specialist_s_own_sleep_is_virtual_too(self):
        async def nap(task: TaskContext):
            async with asyncio.timeout(7200):
                await asyncio.sleep(3600)
            return "rested"

        self.register("nap", nap)
        before = self.clock.now()
        task = await self.create_test_task(specialist_type="nap")
        assert (await self.wait_for_completion(task.task_id, 7200)).result == "rested"
        assert timedelta(hours=1) <= self.clock.now() - before < timedelta(hours=1, minutes=1)

    async def test_a_test_that_waits_for_what_nobody_brings_is_told_at_once(self):
        async def hang(task: TaskContext):
            await asyncio.Event().wait()

        self.register("hang", hang)
        await self.create_test_task(specialist_type="hang")
        with pytest.raises(AssertionError, match="Not true after 100000 s"):
            await self.eventually(lambda: False, timeout=1e5)


class TestTheWorkerStartsWhenTimeMoves(AsyncTestBase):
    async def test_in_a_task_made_behind_its_back(self):
        created = await self.container.get(TaskExecutionWorkflow).create_task(
            {"title": "x", "specialist_type": "generic", "completion": "auto"}
        )
        await self.clock.advance(seconds=1)
        assert (await self.status(created.task_id)).completed


class ChatModel(Protocol):
    async def complete(self, prompt: str) -> str: ...


class RealModel:
    async def complete(self, prompt: str) -> str:
        pytest.fail(f"{prompt!r} went out to the real model")


class Writer:
    def __init__(self, *, llm: ChatModel) -> None:
        self._llm = llm

    async def execute(self, task: TaskContext) -> str:
        return await task.step("complete", self._llm.complete, task.payload["prompt"])


class WritingContainer(Container):
    llm: Provider[ChatModel] = providers.Singleton(RealModel)
    specialists = providers.Aggregate(writer=providers.Factory(Writer, llm=llm))


class TestADownstreamContainer(AsyncTestBase):
    container_class = WritingContainer

    def container_settings(self):
        return {"concurrency": 2, "payload_limit": 1000}

    @pytest.mark.parametrize("key", [ChatModel, "llm"])
    async def test_is_overridden_by_type_or_name(self, key):
        model = self.override(key, AsyncMock(spec=ChatModel))
        model.complete.return_value = "once upon a time"
        request = {"specialist_type": "writer", "payload": {"prompt": "tell"}}
        task = await self.create_test_task(**request)
        assert (await self.wait_for_completion(task.task_id)).result == "once upon a time"
        model.complete.assert_awaited_once_with("tell")

    async def test_is_overridden_while_the_worker_runs(self):
        await self.wait_for_completion((await self.create_test_task()).task_id)
        model = self.override(ChatModel, AsyncMock(spec=ChatModel))
        model.complete.return_value = "late"
        task = await self.create_test_task(specialist_type="writer", payload={"prompt": ""})
        assert (await self.wait_for_completion(task.task_id)).result == "late"

    async def test_takes_the_settings_of_the_test_class(self):
        assert type(self.container) is WritingContainer
        with pytest.raises(AssertionError, match="limit of 1,000"):
            await self.create_test_task(payload={"text": "x" * 1000})


class TestAFileDatabase(AsyncTestBase):
    def container_settings(self):
        return {"database_url": f"sqlite+aiosqlite:///{self.workspace}/.vespera/tasks.db"}

    async def test_serves_as_well(self):
        async def write(task: TaskContext):
            for number in range(3):
                await task.step("nap", self.clock.sleep, 20)
                await task.files.write_text(f"{number}.txt", str(self.clock.now()))

        self.register("write", write)
        tasks = [await self.create_test_task(specialist_type="generic") for _ in range(20)]
        task = await self.create_test_task(specialist_type="write")
        assert (await self.wait_for_completion(task.task_id, timeout=3600)).completed
        for other in tasks:
            assert (await self.wait_for_completion(other.task_id)).completed


async def test_the_base_is_made_of_public_parts(tmp_path):
    async def nap(task: TaskContext):
        await clock.sleep(60)

    clock = VirtualClock()
    container = Container(workspace=str(tmp_path))
    container.override(Clock, clock)
    async with container, clock.running():
        container.get(Specialists).register("nap", nap)
        results = await container.get(TaskOrchestrator).run_all(
            [{"title": str(number), "specialist_type": "nap"} for number in range(100)],
            timeout=100 * 60,
        )
    assert all(result.completed for result in results)
