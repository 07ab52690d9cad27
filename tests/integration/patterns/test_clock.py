"""Time in tests: weeks in milliseconds, and nothing depends on how fast the machine is."""

import asyncio
from datetime import timedelta

import pytest

from vespera import TaskContext
from vespera.testing import AsyncTestBase, Deadlock, VirtualLoop, eventually

pytestmark = pytest.mark.virtual_time


async def test_a_timeout_is_tested_without_waiting_for_it():
    async def slow():
        await asyncio.sleep(3600)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow(), timeout=5)
    assert asyncio.get_running_loop().time() == 5


async def test_a_quick_operation_is_within_its_timeout_however_slow_the_machine():
    async with asyncio.timeout(0.001):
        assert await asyncio.to_thread(sum, range(100_000)) > 0  # takes longer, but no virtual time


async def test_elapsed_time_is_measured_on_the_loop():
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(asyncio.sleep(2) for _ in range(10)))
    assert loop.time() - began == 2  # side by side; one after the other would be 20


async def test_back_off_is_checked_to_the_second():
    attempts = []

    async def call():
        attempts.append(asyncio.get_running_loop().time())
        raise ConnectionError

    async def with_retries():
        for attempt in range(4):
            try:
                return await call()
            except ConnectionError:
                await asyncio.sleep(2**attempt)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await with_retries()
    assert attempts == [0, 1, 3, 7]


async def test_a_reminder_after_a_week(clock, container, async_task_orchestrator):
    sent = []
    orchestrator = async_task_orchestrator
    from vespera.application.runtime.specialists import Specialists

    async def remind(task: TaskContext):
        sent.append(clock.now())

    container.get(Specialists).register("reminder", remind)
    due = clock.now() + timedelta(days=7)
    await orchestrator.create_task(
        {"title": "Remind", "specialist_type": "reminder", "run_after": due}
    )
    await clock.advance(days=6, hours=23)
    assert not sent
    await clock.advance(hours=1)
    assert sent == [due]


async def test_eventually_waits_for_what_comes_and_not_for_a_fixed_time():
    seen = []
    asyncio.get_running_loop().call_later(12.5, seen.append, "it")
    assert await eventually(lambda: seen) == ["it"]
    assert asyncio.get_running_loop().time() == 12.5


class TestReminders(AsyncTestBase):
    async def test_a_class_of_tests_may_be_virtual_as_a_whole(self):
        async def remind(task: TaskContext):
            await asyncio.sleep(3600)  # a library's own sleep
            return "sent"

        self.register("reminder", remind)
        task = await self.create_test_task(specialist_type="reminder")
        result = await self.wait_for_completion(task.task_id, timeout=2 * 3600)
        assert result.result == "sent"


def test_two_who_wait_for_each_other_are_reported_at_once():
    async def main():
        first, second = asyncio.Lock(), asyncio.Lock()

        async def take(one, other):
            async with one:
                await asyncio.sleep(1)
                async with other:
                    pass

        async with asyncio.TaskGroup() as group:
            group.create_task(take(first, second), name="left hand")
            group.create_task(take(second, first), name="right hand")

    with (
        pytest.raises(Deadlock, match=r"left hand .*test_clock.py.*Lock.acquire") as told,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        runner.run(main())
    assert "right hand" in str(told.value)
