"""What waits goes on after a crash as if there had been none; in memory and in a file."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from vespera import TaskContext, TaskOrchestrator, TaskRepository
from vespera.domain.errors import WaitTimedOut
from vespera.domain.ids import TaskId
from vespera.testing import AsyncTestBase

LONG, LONGER = 150.0, 900.0  # seconds; a task is let go of after a minute


class WaitsOverCrashes(AsyncTestBase):
    """Give ``container_settings``."""

    async def setup_async_environment(self):
        self.register("nap", self.nap)
        self.register("impatient", self.impatient)
        self.register("ask", self.ask)

    async def nap(self, task: TaskContext):
        await task.step("begin", lambda: "begun")
        await task.sleep(timedelta(minutes=15))
        return self.clock.now(), task.attempt

    async def impatient(self, task: TaskContext):
        try:
            return await task.wait_for_signal("go", timeout=LONGER)
        except WaitTimedOut:
            return self.clock.now()

    async def ask(self, task: TaskContext):
        async with asyncio.TaskGroup() as group:
            price = group.create_task(task.wait_for_approval("This price?", name="price"))
            text = group.create_task(task.wait_for_approval("This text?", name="text"))
        return price.result().by, text.result().by

    @property
    def orchestrator(self):
        return self.container.get(TaskOrchestrator)

    async def begun(self, kind):
        task = await self.create_test_task(specialist_type=kind, task_id="t")
        await self.clock.advance(seconds=1)
        return task.task_id

    async def stored(self):
        return await self.container.get(TaskRepository).get(TaskId("t"))

    @pytest.mark.parametrize("pause", [10.0, LONG])
    async def test_a_sleep_ends_at_the_moment_that_was_first_asked_for(self, pause):
        began = self.clock.now()
        task = await self.begun("nap")
        for _ in range(3):  # while it is in memory, or let go of
            await self.clock.advance(seconds=pause)
            await self.kill_and_recover()
            await self.clock.advance(seconds=pause)
        woken, _ = (await self.wait_for_completion(task, 2 * LONGER)).result

        assert timedelta() <= woken - began - timedelta(minutes=15) < timedelta(seconds=1)
        assert (await self.stored()).crashes == 0

    async def test_what_is_let_go_of_stays_so_over_a_crash(self):
        await self.begun("nap")
        await self.clock.advance(seconds=LONG)
        before = await self.stored()
        await self.kill_and_recover()
        await self.clock.advance(seconds=LONG)

        assert await self.stored() == before
        assert (before.status, before.owner) == ("waiting", None)

    async def test_a_time_out_ends_at_the_moment_that_was_first_asked_for(self):
        began = self.clock.now()
        task = await self.begun("impatient")
        await self.clock.advance(seconds=LONG)
        await self.kill_and_recover()
        late = (await self.wait_for_completion(task, 2 * LONGER)).result

        assert timedelta() <= late - began - timedelta(minutes=15) < timedelta(seconds=1)

    @pytest.mark.parametrize("pause", [10.0, LONG])
    async def test_a_signal_outlives_the_process_it_was_sent_to(self, pause):
        task = await self.begun("impatient")
        await self.clock.advance(seconds=pause)
        assert (await self.orchestrator.signal("t", "go", "kept", signal_id="s")).success
        await self.kill_and_recover()
        assert (await self.orchestrator.signal("t", "go", "kept", signal_id="s")).success

        assert (await self.wait_for_completion(task)).result == "kept"

    async def test_what_was_decided_stays_decided(self):
        task = await self.begun("ask")
        await self.orchestrator.approve("t", name="text", by="ann")
        await self.clock.advance(seconds=1)
        await self.kill_and_recover()
        await self.clock.advance(seconds=LONG)
        await self.kill_and_recover()
        await self.orchestrator.approve("t", name="price", by="bob")

        assert (await self.wait_for_completion(task)).result == ("bob", "ann")


class TestInMemory(WaitsOverCrashes):
    pass


class TestInAFile(WaitsOverCrashes):
    def container_settings(self):
        url = f"sqlite+aiosqlite:///{self.workspace}/work.db"
        return {"database_url": url, "durability": "normal"}

    @asynccontextmanager
    async def at_rest(self):
        """The container is cleaned up while the block runs, and started anew then."""
        await self.container.cleanup_async_services()
        yield
        await self.setup_async_environment()
        await self.stored()  # the file is open: that takes real time
        await self.orchestrator.start()

    async def test_a_sleep_that_ended_while_nobody_was_there_ends_at_once(self):
        began = self.clock.now()
        task = await self.begun("nap")
        async with self.at_rest():
            await self.clock.advance(seconds=3 * LONGER)
        woken, _ = (await self.wait_for_completion(task, LONG)).result

        assert woken - began >= timedelta(minutes=45)

    @pytest.mark.parametrize("pause", [10.0, LONG])
    async def test_a_waiting_task_goes_on_after_a_restart_in_good_order(self, pause):
        task = await self.begun("ask")
        await self.clock.advance(seconds=pause)
        await self.orchestrator.approve("t", name="text", by="ann")
        await self.clock.advance(seconds=pause)
        async with self.at_rest():
            pass
        await self.orchestrator.approve("t", name="price", by="bob")

        assert (await self.wait_for_completion(task)).result == ("bob", "ann")
