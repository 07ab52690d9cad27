"""``AsyncTestBase`` as a downstream project uses it: a checkout, its failures, its crashes."""

from typing import Protocol
from unittest.mock import AsyncMock

import pytest

from vespera import Container, Provider, TaskContext, TaskOutcome, providers
from vespera.testing import AsyncTestBase, StepEnvironment


class PaymentClient(Protocol):
    async def charge(self, key: str, amount: int) -> str: ...


class RealPayments:
    async def charge(self, key: str, amount: int) -> str:
        pytest.fail("a test has charged a real card")


class Checkout:
    def __init__(self, *, payments: PaymentClient) -> None:
        self._payments = payments

    async def execute(self, task: TaskContext) -> TaskOutcome:
        total = await task.step("total", sum, task.payload["prices"])
        charge = await task.step("charge", self._payments.charge, task.id, total)
        await task.files.write_text("receipt.txt", f"{charge}: {total}")
        return TaskOutcome(summary="paid", result=charge)


class ShopContainer(Container):
    payments: Provider[PaymentClient] = providers.Singleton(RealPayments)
    specialists = providers.Aggregate(checkout=providers.Factory(Checkout, payments=payments))


ORDER = {"specialist_type": "checkout", "payload": {"prices": [10, 20]}}


class TestCheckout(AsyncTestBase):
    container_class = ShopContainer

    async def setup_async_environment(self):
        """Before each test, and again after each death: the world's payments are the same."""
        if not hasattr(self, "payments"):
            self.payments = AsyncMock(spec=RealPayments)
            self.payments.charge.return_value = "ch_1"
        self.override(PaymentClient, self.payments)

    async def test_an_order_is_paid(self):
        task = await self.create_test_task(**ORDER)
        result = await self.wait_for_completion(task.task_id)
        assert (result.completed, result.result) == (True, "ch_1")
        self.payments.charge.assert_awaited_once_with(task.task_id, 30)
        assert (self.workspace / "receipt.txt").read_text() == "ch_1: 30"

    async def test_a_payment_that_fails_twice_is_tried_again_in_an_hour(self):
        self.payments.charge.side_effect = [ConnectionError, ConnectionError, "ch_3"]
        retry = {"max_attempts": 3, "delay": 3600, "multiplier": 1, "max_delay": 3600}
        before = self.clock.now()
        task = await self.create_test_task(**ORDER, retry=retry)
        result = await self.wait_for_completion(task.task_id, timeout=86400)
        assert (result.result, result.attempt, result.failures) == ("ch_3", 3, 2)
        assert (self.clock.now() - before).total_seconds() >= 3600

    async def test_a_refused_card_fails_the_test_with_the_history(self):
        self.payments.charge.side_effect = PermissionError("card refused")
        task = await self.create_test_task(**ORDER)
        with pytest.raises(AssertionError, match="card refused") as told:
            await self.wait_for_completion(task.task_id)
        assert "step total gave 30" in told.value.__notes__[-1]

    async def test_a_crash_between_the_charge_and_the_receipt_charges_once(self):
        task = await self.create_test_task(**ORDER)
        await self.eventually(lambda: self.payments.charge.await_count)
        await self.kill_and_recover()
        assert (await self.wait_for_completion(task.task_id)).result == "ch_1"
        assert (self.workspace / "receipt.txt").read_text() == "ch_1: 30"
        assert self.payments.charge.await_count <= 2  # twice at most: the one in flight is doubled


async def test_the_specialist_alone_needs_neither_container_nor_database():
    from vespera.application.runtime.tracked_files import TaskFiles

    payments = AsyncMock(spec=RealPayments)
    payments.charge.side_effect = [ConnectionError("away"), "ch_1"]
    files = AsyncMock(spec=TaskFiles)
    environment = StepEnvironment(payload={"prices": [10, 20]}, files=files)
    checkout = Checkout(payments=payments)
    with pytest.raises(Exception, match="away"):
        await environment.run(checkout)
    assert (await environment.run(checkout)).result == "ch_1"
    assert environment.values == {"total": 30, "charge": "ch_1"}
    files.write_text.assert_awaited_once_with("receipt.txt", "ch_1: 30")
