"""Failing, waiting, and trying again: how often, how long, and at what."""

from typing import Protocol

import pytest

from vespera import Container, Provider, RetryPolicy, TaskContext, providers
from vespera.testing import AsyncTestBase, mock_client, sequence


class Bank(Protocol):
    async def charge(self, amount: int, *, key: str) -> str: ...


class NoBank:
    async def charge(self, amount: int, *, key: str) -> str:
        raise NotImplementedError


class Cashier:
    """Tries again at what may pass; gives the bank a key, by which it knows a second try."""

    def __init__(self, *, bank: Bank) -> None:
        self._bank = bank

    async def execute(self, task: TaskContext) -> str:
        retry = RetryPolicy(
            max_attempts=4, delay=1.0, multiplier=2.0, jitter=0.0, retry_on=(OSError,)
        )
        return await task.step("charge", self._bank.charge, 20, key=task.id, retry=retry)


class Shop(Container):
    bank: Provider[Bank] = providers.Singleton(NoBank)
    specialists = providers.Aggregate(cashier=providers.Factory(Cashier, bank=bank))


class TestRetries(AsyncTestBase):
    container_class = Shop

    async def pay(self):
        task = await self.create_test_task(specialist_type="cashier")
        return await self.wait_for_completion(task.task_id, timeout=3600)

    async def test_two_failures_are_followed_by_success(self):
        failures = [ConnectionError("down"), TimeoutError("slow")]
        bank = self.override(Bank, mock_client(Bank, charge=sequence(*failures, "receipt 7")))

        result = await self.pay()

        assert result.result == "receipt 7"
        assert bank.charge.await_count == 3

    async def test_each_wait_is_twice_the_one_before(self):
        """Exact, since nobody waits; with real sleeping it would be roughly, and slow."""
        failures = [ConnectionError("down")] * 3
        self.override(Bank, mock_client(Bank, charge=sequence(*failures, "receipt 7")))
        start = self.clock.now()

        await self.pay()

        assert (self.clock.now() - start).total_seconds() == 1 + 2 + 4

    async def test_every_try_has_the_same_key(self):
        """Without it the bank would take a second try for a second charge."""
        bank = self.override(
            Bank, mock_client(Bank, charge=sequence(ConnectionError("lost answer"), "receipt 7"))
        )

        result = await self.pay()

        assert [call.kwargs["key"] for call in bank.charge.await_args_list] == [result.task_id] * 2

    async def test_after_the_last_try_the_last_error_is_told(self):
        bank = self.override(Bank, mock_client(Bank, charge=ConnectionError("down for good")))

        with pytest.raises(AssertionError, match="ConnectionError: down for good"):
            await self.pay()
        assert bank.charge.await_count == 4

    async def test_what_will_not_pass_is_not_tried_again(self):
        bank = self.override(Bank, mock_client(Bank, charge=ValueError("no such account")))

        with pytest.raises(AssertionError, match="no such account"):
            await self.pay()
        bank.charge.assert_awaited_once()

    async def test_a_sequence_that_is_too_short_is_told_and_not_taken_for_a_failure(self):
        """``StopAsyncIteration`` from a list as ``side_effect`` says nothing to anybody."""
        self.override(Bank, mock_client(Bank, charge=sequence(ConnectionError("down"))))

        with pytest.raises(AssertionError, match="charge was called more often"):
            await self.pay()
