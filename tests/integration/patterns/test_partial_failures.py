"""Some succeed and some fail: which, and nobody counts a cancellation among the successes."""

import asyncio

import pytest

from vespera import TaskContext, TaskOrchestrator
from vespera.testing import AsyncTestBase, mock_client, sequence


async def settled(*awaitables):
    """Successes and errors, in order. A cancellation from outside is passed on; one from inside
    is an error: it is no ``Exception``, so ``isinstance(result, Exception)`` overlooks it.
    """
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    failed = [each for each in results if isinstance(each, BaseException)]
    return [each for each in results if not isinstance(each, BaseException)], failed


async def test_successes_and_failures_are_told_apart():
    client = mock_client(fetch=sequence("a", ConnectionError("down"), "c"))

    done, failed = await settled(*[client.fetch() for _ in range(3)])

    assert done == ["a", "c"]
    assert [str(error) for error in failed] == ["down"]


async def test_a_cancellation_is_no_success():
    client = mock_client(fetch=sequence("a", asyncio.CancelledError()))

    done, failed = await settled(client.fetch(), client.fetch())

    assert done == ["a"]
    assert isinstance(failed[0], asyncio.CancelledError)


async def test_who_is_cancelled_from_outside_stops():
    waiting = asyncio.create_task(settled(asyncio.Event().wait()))
    await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_is_expected_by_its_type_and_its_words():
    """``except: pass`` is green whatever happens; ``pytest.raises(Exception)`` nearly so."""
    client = mock_client(fetch=ValueError("Invalid input"))

    with pytest.raises(ValueError, match="Invalid input"):
        await client.fetch("invalid")


async def test_an_error_that_must_not_come_is_not_caught_by_the_test():
    """An ``assert False`` inside ``try`` would be caught by ``except Exception``."""

    async def fail():
        raise ValueError("Test error")

    with pytest.raises(ValueError, match=r"^Test error$"):
        await fail()


class TestTasksAtOnce(AsyncTestBase):
    async def test_the_failure_of_one_leaves_the_others_alone(self):
        client = mock_client(work=lambda number: 1 / number)

        async def divide(task: TaskContext):
            return await client.work(task.payload["number"])

        self.register("divide", divide)
        tasks = [
            await self.create_test_task(specialist_type="divide", payload={"number": number})
            for number in (1, 0, 2)
        ]
        await self.run_until_idle()

        statuses = [(await self.status(task.task_id)).status for task in tasks]
        assert statuses == ["completed", "failed", "completed"]

    async def test_five_are_created_and_executed_at_once(self):
        orchestrator = self.container.get(TaskOrchestrator)

        async def work(task: TaskContext):
            return task.payload["number"]

        self.register("work", work)
        requests = [
            {"title": f"Task {number}", "specialist_type": "work", "payload": {"number": number}}
            for number in range(5)
        ]
        created = await asyncio.gather(*map(orchestrator.create_task, requests))
        assert all(task.success for task in created)
        executed = await asyncio.gather(*(orchestrator.execute_task(t.task_id) for t in created))

        assert [task.result for task in executed] == [0, 1, 2, 3, 4]
