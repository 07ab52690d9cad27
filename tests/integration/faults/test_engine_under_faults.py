"""When something fails, the error is typed, nothing is lost, and it goes on without a restart."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from vespera import RetryPolicy, TaskContext, TaskExecutionWorkflow
from vespera.application.ports.persistence import StepRepository, TaskQueue, TaskRepository
from vespera.domain.errors import (
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    StorageError,
)
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.testing import AsyncTestBase
from vespera.testing.faults import Faults

TROUBLES = {
    "busy": DatabaseLocked,
    "full": DatabaseFull,
    "read-only": DatabaseReadOnly,
    "corrupt": DatabaseCorrupt,
    "io-error": StorageError,
}
PASSING_TROUBLES = {name: error for name, error in TROUBLES.items() if name != "busy"}
"""Those that one caller is told of; who holds the database and lets go is only waited for."""


class Trade(AsyncTestBase):
    """A specialist of two steps, whose effects are counted."""

    @pytest.fixture(autouse=True)
    def _specialist(self) -> None:
        self.effects = []
        self.during = {}

        async def trade(task: TaskContext) -> str:
            await task.step("buy", self._effect, "bought")
            return await task.step("sell", self._effect, "sold")

        self.register("trade", trade)

    async def _effect(self, name: str) -> str:
        self.effects.append(name)
        self.during.pop(name, str)()
        return name

    @property
    def workflow(self) -> TaskExecutionWorkflow:
        return self.container.get(TaskExecutionWorkflow)

    async def stored(self) -> list[str]:
        return [str(task.status) for task in await self.container.get(TaskRepository).page()]

    async def recorded(self, task_id: str) -> list[str]:
        return [record.name for record in await self.container.get(StepRepository).of_task(task_id)]


class InMemory:
    pass


class InAFile:
    def container_settings(self) -> Mapping[str, object]:
        return {"database_url": f"sqlite+aiosqlite:///{self.workspace}/work.db"}


class FailingCommits(Trade):
    @pytest.mark.parametrize(("trouble", "error"), TROUBLES.items())
    async def test_at_the_creation_nothing_is_stored_and_the_request_may_be_repeated(
        self, faults: Faults, trouble: str, error: type[StorageError]
    ):
        request = {"title": "Trade", "specialist_type": "trade", "idempotency_key": "k"}
        with faults.at("commit", error=trouble), pytest.raises(error):
            await self.workflow.run(request)
        assert await self.stored() == []
        result = await self.workflow.run(request)

        assert result.success, result.error
        assert self.effects == ["bought", "sold"]

    @pytest.mark.parametrize(("trouble", "error"), TROUBLES.items())
    async def test_at_the_claim_the_task_stays_pending_and_can_be_claimed_again(
        self, faults: Faults, trouble: str, error: type[StorageError]
    ):
        created = await self.workflow.create_task({"title": "Trade", "specialist_type": "trade"})
        with faults.at("commit", error=trouble), pytest.raises(error):
            await self.workflow.execute_task(created.task_id)
        assert await self.stored() == ["pending"]
        assert self.effects == []
        result = await self.workflow.execute_task(created.task_id)

        assert result.status == "executed"
        assert self.effects == ["bought", "sold"]

    @pytest.mark.parametrize(("trouble", "error"), PASSING_TROUBLES.items())
    async def test_at_a_step_only_that_effect_is_repeated(
        self, faults: Faults, trouble: str, error: type[StorageError]
    ):
        created = await self.workflow.create_task({"title": "Trade", "specialist_type": "trade"})
        with faults.at("commit", error=trouble, after=2, times=1), pytest.raises(error):
            await self.workflow.execute_task(created.task_id)
        assert await self.stored() == ["pending"]
        assert await self.recorded(created.task_id) == ["buy"]
        result = await self.workflow.execute_task(created.task_id)

        assert result.status == "executed"
        assert self.effects == ["bought", "sold", "sold"]
        assert await self.recorded(created.task_id) == ["buy", "sell"]

    @pytest.mark.parametrize(("trouble", "error"), PASSING_TROUBLES.items())
    async def test_at_the_end_no_effect_is_repeated(
        self, faults: Faults, trouble: str, error: type[StorageError]
    ):
        created = await self.workflow.create_task({"title": "Trade", "specialist_type": "trade"})
        with faults.at("commit", error=trouble, after=3, times=1), pytest.raises(error):
            await self.workflow.execute_task(created.task_id)
        assert await self.stored() == ["pending"]
        result = await self.workflow.execute_task(created.task_id)

        assert result.status == "executed"
        assert self.effects == ["bought", "sold"]

    @pytest.mark.parametrize("commits", range(1, 5))
    @pytest.mark.parametrize("trouble", TROUBLES)
    async def test_the_worker_goes_on_by_itself_whichever_fails(
        self, faults: Faults, trouble: str, commits: int
    ):
        created = await self.create_test_task(specialist_type="trade")
        fault = faults.at("commit", error=trouble, after=commits - 1, times=1)
        result = await self.wait_for_completion(created.task_id, timeout=600)

        assert fault.hits == 1
        assert result.result == "sold"
        assert len(self.effects) <= 3
        assert await self.recorded(created.task_id) == ["buy", "sell"]

    async def test_at_a_step_and_at_the_release_behind_it_the_task_is_released_soon(
        self, faults: Faults
    ):
        self.during["sold"] = lambda: faults.at("commit", times=2)
        began = self.clock.now()
        created = await self.create_test_task(specialist_type="trade")
        result = await self.wait_for_completion(created.task_id, timeout=600)

        assert result.result == "sold"
        assert self.effects == ["bought", "sold", "sold"]
        assert self.clock.now() - began < timedelta(seconds=5)  # and not when its lease is over

    async def test_of_tasks_that_run_at_once_all_complete(self, faults: Faults):
        created = [await self.create_test_task(specialist_type="trade") for _ in range(10)]
        with faults.at("commit", error=["full", None, "io-error", None, "busy"]):
            results = [await self.wait_for_completion(each.task_id, 600) for each in created]

        assert [result.result for result in results] == ["sold"] * 10
        for each in created:
            assert await self.recorded(each.task_id) == ["buy", "sell"]


class TestFailingCommitsInMemory(InMemory, FailingCommits):
    pass


class TestFailingCommitsInAFile(InAFile, FailingCommits):
    pass


class FullDisks(Trade):
    async def test_for_a_while_writing_is_refused_reading_goes_on_and_then_all_goes_on(
        self, faults: Faults
    ):
        waiting = await self.create_test_task(
            specialist_type="trade", run_after=self.clock.now() + timedelta(minutes=1)
        )
        with faults.at("database:full") as full:
            await self.clock.advance(minutes=2)
            with pytest.raises(DatabaseFull):
                await self.create_test_task(specialist_type="trade")
            assert (await self.status(waiting.task_id)).status == "pending"
            await self.clock.advance(minutes=1)
        assert full.hits > 100  # the worker looked again each second
        assert self.effects == []
        result = await self.wait_for_completion(waiting.task_id)

        assert result.result == "sold"
        assert await self.stored() == ["completed"]

    async def test_a_task_that_was_under_way_goes_on_when_there_is_space_again(
        self, faults: Faults
    ):
        armed = []
        self.during["bought"] = lambda: armed.append(faults.at("database:full"))
        created = await self.create_test_task(specialist_type="trade")
        await self.clock.advance(minutes=3)
        (full,) = armed
        assert (await self.status(created.task_id)).status == "running"  # as it was last stored
        full.disarm()
        result = await self.wait_for_completion(created.task_id)

        assert result.result == "sold"
        assert self.effects == ["bought", "bought", "sold"]


class TestFullDisksInMemory(InMemory, FullDisks):
    pass


class TestFullDisksInAFile(InAFile, FullDisks):
    pass


class TestLostAnswers(Trade):
    async def test_a_step_whose_record_was_kept_is_not_done_again(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        lost = StorageError("the answer was lost")
        with faults.at("StepRepository.record", error=lost, when="after", times=2) as fault:
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert fault.hits == 2
        assert result.result == "sold"
        assert self.effects == ["bought", "sold"]

    async def test_a_completion_that_was_kept_stays_whatever_the_answer(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        lost = StorageError("the answer was lost")
        with faults.at("TaskRepository.complete", error=lost, when="after", times=1):
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert result.result == "sold"
        assert self.effects == ["bought", "sold"]

    async def test_a_claim_whose_answer_was_lost_is_taken_back_when_its_lease_is_over(
        self, faults: Faults
    ):
        created = await self.create_test_task(specialist_type="trade")
        lost = StorageError("the answer was lost")
        with faults.at("TaskQueue.claim_ready", error=lost, when="after", times=1):
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert result.result == "sold"
        assert self.effects == ["bought", "sold"]


class TestSteps(Trade):
    async def test_a_step_that_fails_is_retried_as_its_task_says(self, faults: Faults):
        retry = RetryPolicy(max_attempts=3, delay=10)
        created = await self.create_test_task(specialist_type="trade", retry=retry)
        with faults.at("step:sell", error=ConnectionError("closed"), times=2) as fault:
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert fault.hits == 2
        assert result.result == "sold"
        assert self.effects == ["bought", "sold"]

    async def test_a_step_whose_effect_is_not_answered_for_takes_effect_again(self, faults: Faults):
        retry = RetryPolicy(max_attempts=2, delay=10)
        created = await self.create_test_task(specialist_type="trade", retry=retry)
        with faults.at("step:sell", error=ConnectionError, when="after", times=1):
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert result.result == "sold"
        assert self.effects == ["bought", "sold", "sold"]

    async def test_a_step_that_fails_for_good_fails_the_task_with_its_error(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:*", error=ConnectionError("the exchange is closed"))
        with pytest.raises(AssertionError, match="ConnectionError: the exchange is closed"):
            await self.wait_for_completion(created.task_id)

        assert self.effects == []

    async def test_a_slow_step_meets_the_time_limit_of_its_task(self, faults: Faults):
        began = self.clock.now()
        created = await self.create_test_task(specialist_type="trade", timeout=60)
        with (
            faults.at("step:sell", delay=3600),
            pytest.raises(AssertionError, match="TaskTimedOut"),
        ):
            await self.wait_for_completion(created.task_id, timeout=600)

        assert self.clock.now() - began == timedelta(seconds=60)
        assert self.effects == ["bought"]

    async def test_a_slow_step_keeps_its_lease(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        with faults.at("step:sell", delay=3600):
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        task = await self.container.get(TaskRepository).get(created.task_id)
        assert (result.result, task.attempt) == ("sold", 1)


class TestHeartbeats(InAFile, Trade):
    async def test_one_that_fails_now_and_then_loses_no_task(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:sell", delay=100)
        with faults.at("TaskQueue.extend", error=[StorageError("busy"), None] * 4) as fault:
            await self.wait_for_completion(created.task_id, timeout=7200)

        assert fault.hits == 8
        assert self.effects == ["bought", "sold"]

    async def test_those_that_fail_for_long_lose_the_task_to_the_next_attempt(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:sell", delay=600, times=1)
        with faults.at("TaskQueue.extend", error=StorageError("busy"), times=20):
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        task = await self.container.get(TaskRepository).get(created.task_id)
        assert (result.result, task.attempt) == ("sold", 2)
        assert self.effects == ["bought", "sold"]


class TestSlowCommits(Trade):
    async def test_a_commit_that_takes_a_minute_is_waited_for(self, faults: Faults):
        began = self.clock.now()
        with faults.at("commit", delay=60, times=1):
            async with self.clock.running():
                created = await self.create_test_task(specialist_type="trade")
            result = await self.wait_for_completion(created.task_id, timeout=600)

        assert result.result == "sold"
        assert self.clock.now() - began == timedelta(seconds=60)


class JumpingClocks(Trade):
    async def test_back_by_hours_while_a_task_runs_it_goes_on(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:sell", delay=150)
        await self.clock.advance(minutes=2)
        with faults.clock.jumps(hours=-2):
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        task = await self.container.get(TaskRepository).get(created.task_id)
        assert (result.result, task.attempt) == ("sold", 1)
        assert self.effects == ["bought", "sold"]

    async def test_forward_by_hours_the_lease_is_over_and_the_next_attempt_goes_on(
        self, faults: Faults
    ):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:sell", delay=600, times=1)
        await self.clock.advance(minutes=2)
        with faults.clock.jumps(hours=2):
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        assert result.result == "sold"
        assert self.effects == ["bought", "sold"]
        assert await self.recorded(created.task_id) == ["buy", "sell"]

    async def test_to_and_fro_across_leases_nothing_is_recorded_twice(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        faults.at("step:*", delay=100, optional=True)
        for hours in (2, -4, 1, 3, -2):
            faults.clock.jumps(hours=hours)
            await self.clock.advance(seconds=45)
        result = await self.wait_for_completion(created.task_id, timeout=36_000)

        assert result.result == "sold"
        assert await self.recorded(created.task_id) == ["buy", "sell"]

    async def test_time_limits_go_by_the_time_that_passed(self, faults: Faults):
        began = self.clock.now()
        created = await self.create_test_task(specialist_type="trade", timeout=60)
        faults.at("step:buy", delay=30)
        with faults.clock.jumps(days=1):
            await self.wait_for_completion(created.task_id, timeout=600)

        assert self.clock.now() - began == timedelta(seconds=30)

    async def test_a_retry_that_is_due_by_a_clock_set_back_comes_by_the_new_time(
        self, faults: Faults
    ):
        retry = RetryPolicy(max_attempts=2, delay=60, jitter=0)
        created = await self.create_test_task(specialist_type="trade", retry=retry)
        faults.at("step:buy", error=ConnectionError, times=1)
        await self.clock.advance(seconds=1)
        with faults.clock.jumps(minutes=-2):
            await self.clock.advance(minutes=1)
            assert (await self.status(created.task_id)).status == "pending"
            result = await self.wait_for_completion(created.task_id, timeout=7200)

        assert result.result == "sold"


class TestJumpingClocksInMemory(InMemory, JumpingClocks):
    pass


class TestJumpingClocksInAFile(InAFile, JumpingClocks):
    pass


class TestReading(Trade):
    async def test_a_damaged_database_is_told_and_a_whole_one_goes_on(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        with faults.at("database:corrupt"), pytest.raises(DatabaseCorrupt):
            await self.status(created.task_id)

        assert (await self.wait_for_completion(created.task_id)).result == "sold"

    async def test_the_database_is_still_open_after_all_troubles(self, faults: Faults):
        created = await self.create_test_task(specialist_type="trade")
        database = self.container.get(AsyncDatabaseManager)
        for trouble in ("busy", "full", "read-only", "corrupt"):
            with faults.at(f"database:{trouble}"), pytest.raises(TROUBLES[trouble]):
                await self.create_test_task(specialist_type="trade")
        await self.wait_for_completion(created.task_id)

        assert database is self.container.get(AsyncDatabaseManager)
        assert isinstance(self.container.get(TaskQueue), object)
