import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock, create_autospec

import pytest

from vespera import Container, Provider, providers
from vespera.testing.faults import FaultRefused, Faults, InjectedFault


class Bank:
    """A bank of one account."""

    name = "the bank"

    def __init__(self) -> None:
        self.charged = []
        self.limit = 10

    async def charge(self, amount: int, *, key: str = "") -> int:
        """Charge it."""
        self.charged.append(amount)
        return amount

    async def refund(self, amount: int) -> int:
        return -amount

    def balance(self) -> int:
        return sum(self.charged)

    async def statements(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    @asynccontextmanager
    async def session(self) -> AsyncIterator[str]:
        yield "open"


class Clearing:
    def __init__(self, *, bank: Bank) -> None:
        self.bank = bank

    async def __call__(self, amount: int) -> int:
        return await self.bank.charge(amount)

    async def __aenter__(self) -> str:
        return "entered"

    async def __aexit__(self, *error: object) -> None:
        self.left = True

    def __len__(self) -> int:
        return 3


class Branch(Bank):
    pass


class Trade(Container):
    bank: Provider[Bank] = providers.Singleton(Bank)
    desk = providers.Factory(Clearing, bank=bank)
    north = providers.Singleton(Branch)
    south = providers.Singleton(Branch)
    clearing: Provider[Clearing] = providers.Singleton(Clearing, bank=bank)


@pytest.fixture
def trade() -> Trade:
    return Trade(workspace="/nonexistent/vespera")


@pytest.fixture
def faults(trade):
    with Faults(trade) as faults:
        yield faults


@pytest.mark.parametrize("target", ["Bank.charge", "bank.charge", "Bank.ch*", "bank.*"])
async def test_a_call_fails_before_its_effect(trade, faults, target):
    with faults.at(target, error=ConnectionError("down")) as fault:
        with pytest.raises(ConnectionError, match="down"):
            await trade.get(Bank).charge(3)
        with pytest.raises(ConnectionError):
            await trade.get(Clearing)(3)

    assert fault.hits == 2
    assert trade.get(Bank).charged == []
    assert await trade.get(Bank).charge(3) == 3


async def test_a_call_fails_after_its_effect(trade, faults):
    with faults.at("Bank.charge", when="after"), pytest.raises(InjectedFault):
        await trade.get(Bank).charge(3)

    assert trade.get(Bank).charged == [3]


async def test_other_methods_go_on(trade, faults):
    with faults.at("Bank.charge", optional=True):
        assert await trade.get(Bank).refund(3) == -3
        assert trade.get(Bank).balance() == 0


async def test_a_call_that_is_not_async_fails_too(trade, faults):
    with faults.at("Bank.balance", error=[OSError, None]):
        with pytest.raises(OSError):
            trade.get(Bank).balance()
        assert trade.get(Bank).balance() == 0
    with faults.at("Bank.balance", when="after"), pytest.raises(InjectedFault):
        trade.get(Bank).balance()


async def test_a_stream_fails_before_its_first_item_or_behind_its_last(trade, faults):
    async def read() -> list[int]:
        return [number async for number in trade.get(Bank).statements(3)]

    with faults.at("Bank.statements", error=[ConnectionError, None]):
        with pytest.raises(ConnectionError):
            await read()
        assert await read() == [0, 1, 2]
    got = []
    with faults.at("Bank.statements", when="after"), pytest.raises(InjectedFault):
        async for number in trade.get(Bank).statements(3):
            got.append(number)  # noqa: PERF401 -- what came before the error counts
    assert got == [0, 1, 2]


async def test_an_opened_thing_fails_when_it_is_opened(trade, faults):
    with faults.at("Bank.session", times=1):
        with pytest.raises(InjectedFault):
            async with trade.get(Bank).session():
                pass
        async with trade.get(Bank).session() as session:
            assert session == "open"


async def test_a_callable_part_and_its_special_methods_are_passed_through(trade, faults):
    with faults.at("Clearing.__call__", times=1):
        clearing = trade.get(Clearing)
        with pytest.raises(InjectedFault):
            await clearing(3)
        assert await clearing(3) == 3
        assert len(clearing) == 3
        async with clearing as entered:
            assert entered == "entered"
        assert clearing.left


async def test_what_stands_there_is_an_instance_and_looks_the_same(trade, faults):
    real = trade.get(Bank)
    with faults.at("Bank.charge", optional=True):
        bank = trade.get(Bank)
        assert bank is not real
        assert isinstance(bank, Bank)
        assert bank.__class__ is Bank
        assert bank.__doc__ == Bank.__doc__
        assert (bank.name, bank.limit) == ("the bank", 10)
        assert inspect.iscoroutinefunction(bank.charge)
        assert inspect.signature(bank.charge) == inspect.signature(real.charge)
        assert bank.charge.__doc__ == "Charge it."
        bank.limit = 20
        assert bank.limit == 20
        with pytest.raises(AttributeError):
            _ = bank.misspelt


async def test_a_factory_gives_a_new_object_each_time(trade, faults):
    with faults.at("desk.__call__", times=1):
        first, second = trade.get("desk"), trade.get("desk")
        assert first.bank is second.bank
        with pytest.raises(InjectedFault):
            await first(1)
        first.own = True
        assert not hasattr(second, "own")


async def test_a_mock_in_the_place_of_the_part_is_struck_and_asked(trade):
    bank = create_autospec(Bank, instance=True)
    bank.charge.return_value = 7
    trade.override(Bank, bank)
    with Faults(trade) as faults, faults.at("Bank.charge", error=[ConnectionError, None]):
        with pytest.raises(ConnectionError):
            await trade.get(Bank).charge(1)
        assert await trade.get(Bank).charge(2) == 7

    bank.charge.assert_awaited_once_with(2)
    assert trade.get(Bank) is bank


async def test_what_is_overridden_within_is_given_back_in_order(trade):
    real = trade.get(Bank)
    with Faults(trade) as faults:
        mock = AsyncMock(spec=Bank)
        faults.at("Bank.charge", optional=True)
        with trade.override(Bank, mock):
            assert trade.get(Bank) is mock
        assert isinstance(trade.get(Bank), Bank)

    assert type(trade.get(Bank)) is type(real)


async def test_a_cancellation_can_be_injected(trade, faults):
    cancelled = asyncio.CancelledError
    with faults.at("Bank.charge", error=cancelled), pytest.raises(cancelled):
        await trade.get(Bank).charge(1)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("Bnak.charge", "no part is called or provides 'Bnak'. Did you mean 'Bank'"),
        ("Bank.chrge", "Bank has no method 'chrge'. Did you mean 'charge'"),
        ("Bank.limit", "Bank has no method 'limit'"),
        ("TaskRepo.save", "Did you mean 'TaskRepository'"),
        ("Branch.charge", "north and south provide Branch; say which"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(faults, target, hint):
    with pytest.raises(FaultRefused, match=hint):
        faults.at(target)


def test_a_call_that_is_not_async_cannot_be_delayed(faults):
    with pytest.raises(FaultRefused, match="balance is not async"):
        faults.at("Bank.balance", delay=1)
