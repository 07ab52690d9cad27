"""What waits goes on after a crash as if there had been none; in memory and in a file."""

import asyncio
from datetime import timedelta

import pytest

from vespera import TaskContext, TaskOrchestrator, TaskRepository
from vespera.domain.errors import WaitTimedOut
from vespera.domain.ids import TaskId
from vespera.testing import AsyncTestBase

HOUR, DAY = 3600.0, 86400.0


class WaitsOverCrashes(AsyncTestBase):
    """Give ``container_settings``."""

    async def setup_async_environment(self):
        self.register("nap", self.nap)
        self.register("impatient", self.impatient)
        self.register("ask", self.ask)

    async def nap(self, task: TaskContext):
        await task.step("begin", lambda: "begun")
        await task.sleep(timedelta(days=3))
        return self.clock.now(), task.attempt

    async def impatient(self, task: TaskContext):
        try:
            return await task.wait_for_signal("go", timeout=DAY)
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
        await self.clock.advance(1)
        return task.task_id

    async def stored(self):
        return await self.container.get(TaskRepository).get(TaskId("t"))

    @pytest.mark.parametrize("pause", [10.0, HOUR])
    async def test_a_sleep_ends_at_the_moment_that_was_first_asked_for(self, pause):
        began = self.clock.now()
        task = await self.begun("nap")
        for _ in range(3):  # while it is in memory, or let go of
            await self.clock.advance(pause)
            await self.kill_and_recover()
            await self.clock.advance(pause)
        woken, _ = (await self.wait_for_completion(task, 4 * DAY)).result

        assert timedelta() <= woken - began - timedelta(days=3) < timedelta(seconds=1)
        assert (await self.stored()).crashes == 0

    async def test_what_is_let_go_of_stays_so_over_a_crash(self):
        await self.begun("nap")
        await self.clock.advance(HOUR)
        before = await self.stored()
        await self.kill_and_recover()
        await self.clock.advance(HOUR)

        assert await self.stored() == before
        assert (before.status, before.owner) == ("waiting", None)

    async def test_a_sleep_that_ended_while_nobody_was_there_ends_at_once(self):
        began = self.clock.now()
        task = await self.begun("nap")
        await self.kill_and_recover()
        await self.orchestrator.stop()
        await self.clock.advance(7 * DAY)
        await self.orchestrator.start()
        woken, _ = (await self.wait_for_completion(task, HOUR)).result

        assert woken - began >= timedelta(days=7)

    async def test_a_time_out_ends_at_the_moment_that_was_first_asked_for(self):
        began = self.clock.now()
        task = await self.begun("impatient")
        await self.clock.advance(HOUR)
        await self.kill_and_recover()
        late = (await self.wait_for_completion(task, 2 * DAY)).result

        assert timedelta() <= late - began - timedelta(days=1) < timedelta(seconds=1)

    @pytest.mark.parametrize("pause", [10.0, HOUR])
    async def test_a_signal_outlives_the_process_it_was_sent_to(self, pause):
        task = await self.begun("impatient")
        await self.clock.advance(pause)
        assert (await self.orchestrator.signal("t", "go", "kept", signal_id="s")).success
        await self.kill_and_recover()
        assert (await self.orchestrator.signal("t", "go", "kept", signal_id="s")).success

        assert (await self.wait_for_completion(task)).result == "kept"

    async def test_what_was_decided_stays_decided(self):
        task = await self.begun("ask")
        await self.orchestrator.approve("t", name="text", by="ann")
        await self.clock.advance(1)
        await self.kill_and_recover()
        await self.clock.advance(HOUR)
        await self.kill_and_recover()
        await self.orchestrator.approve("t", name="price", by="bob")

        assert (await self.wait_for_completion(task)).result == ("bob", "ann")

    @pytest.mark.parametrize("pause", [10.0, HOUR])
    async def test_a_waiting_task_goes_on_after_a_restart_in_good_order(self, pause):
        task = await self.begun("ask")
        await self.clock.advance(pause)
        await self.orchestrator.approve("t", name="text", by="ann")
        await self.clock.advance(pause)
        await self.container.cleanup_async_services()
        await self.container.initialize_async_services()
        await self.orchestrator.start()
        await self.orchestrator.approve("t", name="price", by="bob")

        assert (await self.wait_for_completion(task)).result == ("bob", "ann")


class TestInMemory(WaitsOverCrashes):
    pass


class TestInAFile(WaitsOverCrashes):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path_factory):
        self.file = tmp_path_factory.mktemp("data") / "work.db"

    def container_settings(self):
        return {"database_url": f"sqlite+aiosqlite:///{self.file}", "durability": "normal"}
