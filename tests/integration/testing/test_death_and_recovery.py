"""``kill_and_recover``: what a process that dies leaves, and what the next one makes of it."""

import asyncio
import gc

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.testing import AsyncTestBase


@pytest.fixture(autouse=True)
async def service_outside():
    """Somebody who is there before any container: a module's fixtures precede a class's."""
    asked, answered = asyncio.Queue(), asyncio.Queue()

    async def serve():
        while True:
            await answered.put(await asked.get())

    serving = asyncio.create_task(serve())
    yield asked, answered
    serving.cancel()


class DyingProcess(AsyncTestBase):
    """A specialist of two steps, of which the second waits for a gate."""

    async def setup_async_environment(self):
        if not hasattr(self, "gate"):
            self.gate, self.reached = asyncio.Event(), asyncio.Event()
            self.calls: list[str] = []
            self.clean_ups: list[str] = []
        self.register("job", self.job)

    async def job(self, task: TaskContext):
        try:
            await task.step("first", self.call, "first")
            await task.files.write_text("done.txt", "first")
            await task.step("second", self.call, "second", self.gate)
        except BaseException:
            self.clean_ups.append(f"except in attempt {task.attempt}")
            raise
        finally:
            self.clean_ups.append(f"finally in attempt {task.attempt}")
        return task.attempt

    async def call(self, name, gate=None):
        self.calls.append(name)
        if gate is not None:
            self.reached.set()
            await gate.wait()

    async def under_way(self) -> str:
        created = await self.create_test_task(specialist_type="job", title="The job")
        async with self.clock.running():
            await self.reached.wait()
        return created.task_id


class TestInMemory(DyingProcess):
    async def test_the_new_container_takes_the_task_over_at_once_and_replays_what_was_recorded(
        self,
    ):
        task = await self.under_way()
        old, before = self.container, self.clock.now()
        new = await self.kill_and_recover()
        assert new is self.container
        assert new is not old
        assert isinstance(new, Container)
        self.gate.set()
        result = await self.wait_for_completion(task)
        assert result.result == 2
        assert self.calls == ["first", "second", "second"]
        assert (self.clock.now() - before).total_seconds() < 1

    async def test_nothing_of_the_old_process_runs_again(self):
        await self.under_way()
        await self.kill_and_recover()
        self.gate.set()
        gc.collect()
        await self.run_until_idle()
        assert self.clean_ups == ["finally in attempt 2"]

    async def test_it_can_die_again_and_again(self):
        task = await self.under_way()
        for _ in range(5):
            self.reached.clear()
            await self.kill_and_recover()
            await self.status(task)
            async with self.clock.running():
                await self.container.get(TaskOrchestrator).start()
                await self.reached.wait()
        self.gate.set()
        assert (await self.wait_for_completion(task)).result == 6
        assert self.calls == ["first", *["second"] * 6]

    async def test_what_waited_for_the_old_process_waits_for_ever_and_is_no_leak(self):
        created = await self.create_test_task(specialist_type="job")
        waiting = asyncio.create_task(self.wait_for_completion(created.task_id))
        await self.reached.wait()
        await self.kill_and_recover()
        self.gate.set()
        await self.wait_for_completion(created.task_id)
        assert not waiting.done()

    async def test_nobody_need_follow_the_dead(self):
        await self.under_way()
        await self.kill_and_recover()

    async def test_tasks_that_were_finished_are_finished(self):
        self.gate.set()
        task = await self.under_way()
        done = await self.wait_for_completion(task)
        await self.kill_and_recover()
        assert await self.status(task) == done

    async def test_a_database_that_was_never_used_is_no_matter(self):
        await self.kill_and_recover()
        task = await self.create_test_task()
        assert (await self.wait_for_completion(task.task_id)).completed


class TestInAFile(TestInMemory):
    def container_settings(self):
        return {"database_url": f"sqlite+aiosqlite:///{self.workspace}/.vespera/tasks.db"}


@pytest.mark.virtual_time
class TestOnAVirtualLoop(TestInMemory):
    async def test_time_goes_on_for_the_living(self):
        task = await self.under_way()
        await asyncio.sleep(3600)
        await self.kill_and_recover()
        asyncio.get_running_loop().call_later(60, self.gate.set)
        await self.wait_for_completion(task, timeout=100)
        assert 3660 <= asyncio.get_running_loop().time() < 3700


class TestBystanders(AsyncTestBase):
    async def test_what_was_there_before_the_container_lives_on(self, service_outside):
        asked, answered = service_outside
        await self.kill_and_recover()
        await asked.put("still there?")
        assert await answered.get() == "still there?"
