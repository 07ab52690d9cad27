"""Time limits, heartbeats and progress while somebody sets the clock: they go by what passes."""

from datetime import timedelta

import pytest

from vespera import TaskContext, TaskOrchestrator
from vespera.application.ports.persistence import TaskRepository
from vespera.testing import AsyncTestBase
from vespera.testing.faults import Faults

JUMPS = [{"hours": 1}, {"hours": -1}]


class TestLimits(AsyncTestBase):
    @pytest.mark.parametrize("jump", JUMPS)
    async def test_a_heartbeat_is_not_missed_because_the_clock_was_set(
        self, faults: Faults, jump: dict[str, float]
    ):
        async def beating(task: TaskContext) -> str:
            for _ in range(6):
                await self.clock.sleep(5)
                await task.heartbeat()
            return "alive"

        async def work(task: TaskContext) -> str:
            return await task.step("beating", beating, task, heartbeat_timeout=8)

        self.register("work", work)
        created = await self.create_test_task(specialist_type="work")
        await self.clock.advance(seconds=12)
        with faults.clock.jumps(**jump):
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        assert (result.result, result.error) == ("alive", None)

    @pytest.mark.parametrize("jump", JUMPS)
    async def test_a_heartbeat_that_is_missed_is_missed_in_time(
        self, faults: Faults, jump: dict[str, float]
    ):
        async def silent() -> None:
            await self.clock.sleep(3600)

        async def work(task: TaskContext) -> None:
            await task.step("silent", silent, heartbeat_timeout=20)

        self.register("work", work)
        created = await self.create_test_task(specialist_type="work")
        began = self.clock.now()
        await self.clock.advance(seconds=5)
        faults.clock.jumps(**jump)
        with pytest.raises(AssertionError, match="no heartbeat"):
            await self.wait_for_completion(created.task_id, timeout=7200)

        assert self.clock.now() - began < timedelta(seconds=30)

    @pytest.mark.parametrize("jump", JUMPS)
    async def test_a_time_limit_stands_still_for_as_long_as_a_task_rests(
        self, faults: Faults, jump: dict[str, float]
    ):
        async def work(task: TaskContext) -> None:
            await task.wait_for_signal("go")
            await self.clock.sleep(7200)

        self.register("work", work)
        created = await self.create_test_task(specialist_type="work", timeout=30)
        await self.clock.advance(seconds=10)
        with faults.clock.jumps(**jump):
            await self.clock.advance(seconds=10)
            await self.container.get(TaskOrchestrator).signal(created.task_id, "go")
            began = self.clock.now()
            with pytest.raises(AssertionError, match="took longer than 30 s"):
                await self.wait_for_completion(created.task_id, timeout=7200)

        assert timedelta(seconds=25) < self.clock.now() - began < timedelta(seconds=35)

    @pytest.mark.parametrize("jump", JUMPS)
    async def test_progress_is_stored_each_second(self, faults: Faults, jump: dict[str, float]):
        async def work(task: TaskContext) -> None:
            for done in range(60):
                task.progress(done)
                await self.clock.sleep(1)

        self.register("work", work)
        created = await self.create_test_task(specialist_type="work")
        await self.clock.advance(seconds=5)
        faults.clock.jumps(**jump)
        await self.clock.advance(seconds=20)
        stands = await self.container.get(TaskOrchestrator).get_task_status(created.task_id)

        assert stands.progress is not None
        assert stands.progress.done >= 22
        task = await self.container.get(TaskRepository).get(created.task_id)
        assert task.attempt == 1
