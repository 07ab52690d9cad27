"""Faults go on in the container that takes over from one that died."""

from typing import Protocol

import pytest

from vespera import Container, Provider, TaskContext, providers
from vespera.domain.errors import StorageError
from vespera.testing import AsyncTestBase
from vespera.testing.faults import FaultNeverHit


class Bank(Protocol):
    async def charge(self, amount: int) -> str: ...


class PaperBank:
    async def charge(self, amount: int) -> str:
        return f"receipt for {amount}"


class Cashier:
    def __init__(self, *, bank: Bank) -> None:
        self._bank = bank

    async def execute(self, task: TaskContext) -> str:
        receipt = await task.step("charge", self._bank.charge, 20)
        await task.files.write_text("receipt.txt", receipt)
        return receipt


class Shop(Container):
    bank: Provider[Bank] = providers.Singleton(PaperBank)
    specialists = providers.Aggregate(cashier=providers.Factory(Cashier, bank=bank))


ORDER = {"specialist_type": "cashier", "retry": {"max_attempts": 5, "delay": 1.0}}


class TestAfterADeath(AsyncTestBase):
    container_class = Shop

    @pytest.mark.parametrize(
        "target", ["step:charge", "Bank.charge", "commit", "database:full", "file:write *"]
    )
    async def test_a_new_fault_is_met(self, faults, target):
        await self.kill_and_recover()

        with faults.at(target, times=1) as fault:
            task = await self.order()
            result = await self.wait_for_completion(task, timeout=600)

        assert (result.result, fault.hits) == ("receipt for 20", 1)

    async def test_a_fault_that_was_armed_before_it_is_armed_still(self, faults):
        with faults.at("step:charge", error=ConnectionError("down"), times=3) as fault:
            task = await self.create_test_task(**ORDER)
            await self.eventually(lambda: fault.hits)
            await self.kill_and_recover()
            assert (await self.wait_for_completion(task, timeout=600)).completed

        assert fault.hits == 3

    async def test_the_wall_clock_jumps(self, faults):
        await self.kill_and_recover()
        before = self.container.get("clock").now()

        with faults.clock.jumps(hours=2):
            assert (self.container.get("clock").now() - before).total_seconds() == 7200

    async def test_what_happened_before_the_death_does_not_count(self, faults):
        with faults.at("commit", optional=True, delay=0.1, times=1):
            await self.create_test_task()
        await self.kill_and_recover()

        fault = faults.at("commit", times=1)
        with pytest.raises(FaultNeverHit, match="happened, but not while this fault was armed"):
            fault.__exit__(None, None, None)

    async def order(self):
        """An order, again if the first one met the fault."""
        try:
            return await self.create_test_task(**ORDER)
        except StorageError:
            return await self.create_test_task(**ORDER)
