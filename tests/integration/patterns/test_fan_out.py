"""Many things at once: how many really are, what a failure does to the others."""

import asyncio

import pytest

from vespera import TaskContext
from vespera.testing import AsyncTestBase, ConcurrencyProbe, assert_concurrent


@pytest.mark.virtual_time
async def test_a_semaphore_lets_in_as_many_as_it_says():
    gate = asyncio.Semaphore(3)

    async def fetch(number):
        async with gate, probe:
            await asyncio.sleep(1)
            return number

    with assert_concurrent(3) as probe:
        assert await asyncio.gather(*map(fetch, range(10))) == list(range(10))
    assert asyncio.get_running_loop().time() == 4


@pytest.mark.virtual_time
async def test_without_the_lock_the_probe_would_see_it():
    async def withdraw():
        async with probe:
            await asyncio.sleep(1)

    probe = ConcurrencyProbe()
    await asyncio.gather(withdraw(), withdraw())
    assert probe.most == 2  # a test of a lock that does not look at this passes without the lock


@pytest.mark.virtual_time
async def test_a_failure_ends_its_siblings_and_none_is_left_running():
    ended = []

    async def sibling():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def fail():
        await asyncio.sleep(5)
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:  # `gather` would leave the sibling running
            group.create_task(sibling())
            group.create_task(fail())
    assert caught.group_contains(ValueError, match="broken")
    assert ended == [5]


@pytest.mark.virtual_time
async def test_partial_results_count_a_cancellation_as_no_success():
    async def good():
        return "good"

    async def cancelled():
        raise asyncio.CancelledError

    results = await asyncio.gather(good(), cancelled(), return_exceptions=True)
    # The trap: CancelledError is no Exception, and `isinstance(r, Exception)` lets it through.
    assert [r for r in results if not isinstance(r, BaseException)] == ["good"]


class TestManyTasks(AsyncTestBase):
    def container_settings(self):
        return {"concurrency": 4}

    async def test_five_at_once_are_told_apart(self):
        async def echo(task: TaskContext):
            await self.clock.sleep(task.payload["number"])
            return task.payload["number"]

        self.register("echo", echo)
        created = [
            await self.create_test_task(specialist_type="echo", payload={"number": number})
            for number in range(5)
        ]
        results = [await self.wait_for_completion(task.task_id) for task in created]
        assert [result.result for result in results] == [0, 1, 2, 3, 4]

    async def test_as_many_run_at_once_as_was_set_and_no_more(self):
        with self.assert_concurrent(4) as probe:

            @probe
            async def work(task: TaskContext):
                await self.clock.sleep(60)

            self.register("work", work)
            for _ in range(20):
                await self.create_test_task(specialist_type="work")
            await self.run_until_idle()
        assert probe.calls == 20
