"""``AsyncTestBase`` as people write their classes: with fixtures, by results, with unittest."""

import asyncio
import unittest

import pytest
import pytest_asyncio

from vespera import AsyncTaskOrchestrator, Container
from vespera.testing import AsyncTestBase


class TestResultsInPlaceOfIds(AsyncTestBase):
    async def test_what_was_created_can_be_waited_for_and_asked_about(self):
        task = await self.create_test_task(payload={"answer": 42})

        assert (await self.wait_for_completion(task)).result == {"answer": 42}
        assert (await self.status(task)).completed


class TestADelayedCommit(AsyncTestBase):
    async def test_creating_a_task_lets_the_time_pass_that_its_commit_takes(self, faults):
        before = self.clock.now()

        with faults.at("commit", delay=50.0, times=1) as fault:
            task = await self.create_test_task()

        assert (task.success, fault.hits) == (True, 1)
        assert (self.clock.now() - before).total_seconds() == 50

    async def test_creating_a_task_takes_no_time_if_nothing_is_late(self):
        before = self.clock.now()
        await self.create_test_task(run_after=before.replace(year=before.year + 1))
        await self.create_test_task()
        assert self.clock.now() == before


@pytest.mark.virtual_time
class TestADelayedCommitOfAllVirtualTime(TestADelayedCommit):
    async def test_what_comes_behind_it_waits_as_long_and_no_heartbeat_is_in_the_way(self, faults):
        before = self.clock.now()

        with faults.at("commit", delay=50.0, times=1):
            async with asyncio.TaskGroup() as group:
                created = [group.create_task(self.create_test_task()) for _ in range(3)]
        for each in created:
            assert (await self.wait_for_completion(each.result())).completed

        assert (self.clock.now() - before).total_seconds() >= 50


class TestAFixtureSetsUp(AsyncTestBase):
    @pytest_asyncio.fixture(autouse=True)
    async def setup_async_environment(self):
        self.container = Container()
        await self.container.initialize_async_services()
        yield
        await self.container.cleanup_async_services()

    async def test_its_container_is_the_test_s(self):
        created = await self.container.get(AsyncTaskOrchestrator).create_task({"title": "Mine"})
        assert created.success

        task = await self.create_test_task()
        assert (await self.wait_for_completion(task.task_id)).completed


class TestAPlainMethodSetsUp(AsyncTestBase):
    def setup_async_environment(self):
        self.register("seven", lambda _task: 7)

    async def test_it_is_called_like_an_async_one(self):
        task = await self.create_test_task(specialist_type="seven")
        assert (await self.wait_for_completion(task.task_id)).result == 7

        await self.kill_and_recover()
        again = await self.create_test_task(specialist_type="seven")
        assert (await self.wait_for_completion(again.task_id)).result == 7


@pytest.mark.parametrize("case", [unittest.TestCase, unittest.IsolatedAsyncioTestCase])
def test_a_test_case_of_unittest_is_refused_since_its_async_tests_would_not_be_run(case):
    with pytest.raises(TypeError, match=r"Mine: AsyncTestBase cannot be a unittest\.TestCase"):
        type("Mine", (AsyncTestBase, case), {})
    with pytest.raises(TypeError, match="Leave TestCase out"):
        type("Mine", (case, AsyncTestBase), {})
