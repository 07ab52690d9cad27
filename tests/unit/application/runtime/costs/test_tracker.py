"""A tracker alone: what is noted is kept, whatever becomes of the operation."""

import asyncio
import logging
from decimal import Decimal
from types import SimpleNamespace

import pytest

from vespera import Budget, CostTracker, Estimate, Price
from vespera.application.runtime.costs.memory_ledger import MemoryLedger
from vespera.domain.cost import Costs
from vespera.domain.errors import BudgetExceeded, DatabaseFull, InvalidRequest, UnknownPrice

pytestmark = pytest.mark.virtual_time
PRICES = {"small": Price(1, 10), "large": Price(100, 1000)}


async def test_what_an_operation_costs_is_told_when_it_is_over():
    tracker = CostTracker(prices=PRICES)
    async with tracker.track_operation("ask", model="small") as operation:
        await asyncio.sleep(1.5)
        operation.add_costs(input_tokens=1000)
        operation.add_costs(output_tokens=100)
        assert (await tracker.total()).untold == 1

    assert await tracker.total() == Costs(
        calls=1,
        input_tokens=1000,
        output_tokens=100,
        money={"USD": Decimal("0.002")},
        seconds=1.5,
    )
    assert operation.costs == await tracker.total()
    assert operation.name == "ask"


async def test_logging_keeps_it_at_once_and_the_end_adds_nothing():
    tracker = CostTracker(prices=PRICES)
    async with tracker.track_operation() as operation:
        costs = await operation.log_costs(model="small", input_tokens=1000)
        assert costs == await tracker.total()
        await asyncio.sleep(5)

    assert (await tracker.total()).seconds == 0


async def test_what_is_noted_after_logging_is_kept_at_the_end():
    tracker = CostTracker()
    async with tracker.track_operation() as operation:
        await operation.log_costs(input_tokens=1)
        operation.add_costs(input_tokens=2)
        await asyncio.sleep(5)

    assert await tracker.total() == Costs(calls=1, input_tokens=3, seconds=5)


@pytest.mark.parametrize("error", [ValueError("down"), asyncio.CancelledError()])
async def test_one_that_fails_or_is_cancelled_costs_what_was_noted(error):
    tracker = CostTracker()
    with pytest.raises(type(error)):
        async with tracker.track_operation() as operation:
            operation.add_costs(money="0.5", currency="EUR")
            raise error

    assert (await tracker.total()).money == {"EUR": Decimal("0.5")}


async def test_an_operation_without_costs_is_counted():
    tracker = CostTracker()
    async with tracker.track_operation():
        pass

    assert await tracker.total() == Costs(calls=1)


async def test_the_tracker_itself_can_be_entered_also_side_by_side():
    tracker = CostTracker()

    async def call(number):
        async with tracker as outer, tracker as inner:
            await asyncio.sleep(10 - number)
            outer.add_costs(input_tokens=number)
            inner.add_costs(output_tokens=1)

    await asyncio.gather(*[call(number) for number in range(5)])

    assert (await tracker.total()).input_tokens == 10
    assert (await tracker.total()).calls == 10
    assert (await tracker.total()).untold == 0


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 3, "completion_tokens": 4},
        {"input_tokens": 3, "output_tokens": 4, "prompt_tokens": None},
        SimpleNamespace(prompt_tokens=3, completion_tokens=4),
        SimpleNamespace(input_tokens=3, output_tokens=4),
    ],
)
async def test_tokens_are_taken_as_providers_tell_them(usage):
    async with CostTracker() as operation:
        costs = await operation.log_costs(usage=usage)

    assert (costs.input_tokens, costs.output_tokens) == (3, 4)


async def test_what_is_over_can_be_logged_without_a_block():
    tracker = CostTracker(prices=PRICES)

    costs = await tracker.log_costs("draw", model="large", output_tokens=1000, seconds=3)
    assert costs.money == {"USD": Decimal(1)}
    for _ in range(2):
        await tracker.log_costs("draw", money=1, key="invoice 7")

    report = await tracker.report()
    assert report.by_operation()["draw"].money == {"USD": Decimal(2)}
    assert report.by_model()["large"].seconds == 3
    assert report.total == report.own


async def test_prices_may_be_plain_data():
    prices = {"small": {"input": "1", "output": 10, "call": "0.5", "currency": "EUR"}}
    async with CostTracker(prices=prices) as operation:
        costs = await operation.log_costs(model="small", input_tokens=10**6)

    assert costs.money == {"EUR": Decimal("1.5")}


async def test_money_that_is_given_wins_over_the_price():
    async with CostTracker(prices=PRICES) as operation:
        costs = await operation.log_costs(model="small", input_tokens=10**6, money="0.25")

    assert costs.money == {"USD": Decimal("0.25")}


async def test_a_price_that_is_not_known_is_told_before_and_noted_after(caplog):
    tracker = CostTracker(prices=PRICES)
    with pytest.raises(UnknownPrice, match=r"'smal' costs; prices are known of 'small'\.$"):
        tracker.track_operation(model="smal")
    with pytest.raises(UnknownPrice, match="'large', 'small'"):
        tracker.track_operation(model="x")

    with caplog.at_level(logging.WARNING):
        costs = await tracker.log_costs(model="smal", input_tokens=7)
    assert (costs.input_tokens, costs.money) == (7, {})
    assert "The price of 'smal' is not known" in caplog.text


async def test_without_prices_any_model_will_do():
    async with CostTracker().track_operation(model="whatever") as operation:
        operation.add_costs(input_tokens=7)

    assert operation.costs.money == {}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"input_tokens": -1}, "input_tokens"),
        ({"output_tokens": 10**12 + 1}, "output_tokens"),
        ({"output_tokens": float("nan")}, "output_tokens"),
        ({"money": -1}, "money"),
        ({"money": float("nan")}, "money"),
        ({"money": "1e30"}, "money"),
        ({"money": 1, "currency": "?"}, "currency"),
        ({"usage": {"prompt_tokens": -1}}, "usage.prompt_tokens"),
        ({"usage": {"completion_tokens": "4"}}, "usage.completion_tokens"),
        ({"usage": {"total_tokens": -1}}, "usage.total_tokens"),
        ({"model": ""}, "model"),
        ({"money": 1, "currency": "EUR"}, "currency: the operation's costs are in USD"),
        ({"input_tokens": 10**12}, "input_tokens"),
        ({"money": 999_999}, "money"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_noted(more, named):
    tracker = CostTracker()
    async with tracker.track_operation() as operation:
        operation.add_costs(input_tokens=1, money=2)
        with pytest.raises(InvalidRequest, match=named):
            operation.add_costs(**more)
        with pytest.raises(InvalidRequest, match=named):
            await operation.log_costs(**more)

    assert await tracker.total() == Costs(calls=1, input_tokens=1, money={"USD": Decimal(2)})


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda t: t.track_operation(""), "name"),
        (lambda t: t.track_operation(model=""), "model"),
        (lambda t: t.track_operation(estimate=7), "estimate"),
        (lambda t: t.track_operation(budget=7), "budget"),
        (lambda _: CostTracker(prices={"small": 1}), "prices"),
        (lambda _: CostTracker(prices=[]), "prices"),
        (lambda _: CostTracker(prices={7: Price(1)}), "prices"),
        (lambda _: CostTracker(prices={"a": {"in": 1}}), r"prices\['a'\].in: unknown field"),
        (lambda _: CostTracker(prices={"a": {"input": -1}}), "price.input"),
        (lambda _: CostTracker(budget=1), "budget"),
    ],
)
async def test_bad_arguments_are_refused(ask, named):
    with pytest.raises(InvalidRequest, match=named):
        ask(CostTracker())


async def test_bad_costs_cannot_be_logged():
    tracker = CostTracker()
    for bad in ({"seconds": -1}, {"key": ""}, {"name": ""}):
        with pytest.raises(InvalidRequest, match=next(iter(bad))):
            await tracker.log_costs(**bad)

    assert await tracker.total() == Costs()


async def test_an_operation_is_under_way_in_its_block_only():
    operation = CostTracker().track_operation()
    with pytest.raises(InvalidRequest, match="is not under way"):
        operation.add_costs()
    assert operation.costs == Costs()
    async with operation:
        pass
    with pytest.raises(InvalidRequest, match="is not under way"):
        await operation.log_costs()
    with pytest.raises(InvalidRequest, match="is entered once"):
        async with operation:
            pass


# ------------------------------------------------------------------------------------- budgets


async def test_when_the_budget_is_spent_nothing_is_begun():
    tracker, called = CostTracker(budget=Budget(tokens=10)), []
    for _ in range(2):
        async with tracker.track_operation("ask") as operation:
            called.append("ask")
            operation.add_costs(input_tokens=5)

    with pytest.raises(BudgetExceeded, match=r"10 of 10 tokens") as raised:
        async with tracker.track_operation("ask"):
            called.append("never")

    assert called == ["ask", "ask"]
    assert (raised.value.limit, raised.value.scope) == ("tokens", "everything")
    assert (await tracker.total()).calls == 2


async def test_an_estimate_that_is_too_high_is_refused_before_anything_is_spent():
    tracker = CostTracker(prices=PRICES, budget=Budget(money="0.01"))

    with pytest.raises(BudgetExceeded, match=r"0 of 0\.01 USD .* estimated at 0\.02"):
        async with tracker.track_operation(model="small", estimate=Estimate(output_tokens=2000)):
            pass
    async with tracker.track_operation(model="small", estimate=Estimate(output_tokens=1000)):
        pass


async def test_those_who_begin_at_once_do_not_overdraw_it_together():
    tracker = CostTracker(budget=Budget(tokens=100))
    estimate = Estimate(input_tokens=30, money=1, currency="USD")

    async def ask():
        async with tracker.track_operation(estimate=estimate) as operation:
            await asyncio.sleep(1)
            operation.add_costs(input_tokens=30)

    results = await asyncio.gather(*[ask() for _ in range(5)], return_exceptions=True)

    assert [type(each) for each in results].count(BudgetExceeded) == 2
    assert (await tracker.total()).tokens == 90


async def test_what_was_reserved_and_not_used_is_free_again():
    tracker = CostTracker(budget=Budget(tokens=100))
    for _ in range(5):
        async with tracker.track_operation(estimate=Estimate(output_tokens=90)) as operation:
            operation.add_costs(output_tokens=2)

    assert (await tracker.total()).tokens == 10


async def test_a_budget_can_be_for_one_kind_of_operation():
    tracker, twice = CostTracker(), Budget(calls=2)
    for name in ("draw", "draw", "speak"):
        async with tracker.track_operation(name, budget=twice):
            pass

    with pytest.raises(BudgetExceeded, match="'draw'"):
        async with tracker.track_operation("draw", budget=twice):
            pass


async def test_it_can_be_asked_whether_an_operation_could_begin():
    tracker = CostTracker(prices=PRICES, budget=Budget(tokens=10))

    assert (await tracker.check_budget(estimate=Estimate(input_tokens=10))).success
    refused = await tracker.check_budget(estimate=Estimate(input_tokens=11))
    assert not refused.success
    assert "estimated at 11" in refused.error
    assert "'smal'" in (await tracker.check_budget(model="smal")).error
    assert "name" in (await tracker.check_budget("")).error
    assert (await tracker.total()).calls == 0


# -------------------------------------------------------------------------------- in a trouble


class Troubled(MemoryLedger):
    """Keeps nothing once there is ``trouble``, and lets others go first."""

    def __init__(self):
        super().__init__()
        self.trouble = None

    async def begin(self, entry, budgets):
        await super().begin(entry, budgets)
        await asyncio.sleep(1)

    async def settle(self, entry):
        await asyncio.sleep(1)
        if self.trouble:
            raise self.trouble
        await super().settle(entry)


async def test_one_who_is_cancelled_at_the_end_has_told_its_costs():
    tracker = CostTracker(ledger=(ledger := Troubled()))

    async def ask():
        async with tracker.track_operation() as operation:
            operation.add_costs(input_tokens=7)

    asking = asyncio.create_task(ask())
    await asyncio.sleep(1.5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert [entry.input_tokens for entry in ledger._entries.values()] == [7]
    assert [entry.state for entry in ledger._entries.values()] == ["done"]


async def test_one_who_is_cancelled_before_it_has_begun_is_not_open():
    tracker = CostTracker(ledger=(ledger := Troubled()))

    async def ask():
        async with tracker.track_operation(estimate=Estimate(input_tokens=9)):
            pytest.fail("entered")

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    [entry] = ledger._entries.values()
    assert (entry.state, entry.input_tokens) == ("failed", 0)


async def test_costs_that_cannot_be_kept_are_told():
    tracker = CostTracker(ledger=(ledger := Troubled()))
    with pytest.raises(DatabaseFull, match="full"):
        async with tracker.track_operation():
            ledger.trouble = DatabaseFull("full")


async def test_an_error_of_the_operation_is_raised_with_a_note_of_what_is_not_kept(caplog):
    tracker = CostTracker(ledger=(ledger := Troubled()))
    with pytest.raises(ValueError, match="down") as raised:
        async with tracker.track_operation("ask"):
            ledger.trouble = DatabaseFull("full")
            raise ValueError("down")

    assert raised.value.__notes__ == ["What 'ask' cost is not recorded: full"]
    assert "is not recorded: full" in caplog.text


async def test_a_key_is_never_the_id_of_another_operation():
    tracker = CostTracker()
    await tracker.log_costs("first", money=1)
    await tracker.log_costs("second", money=1, key="number 1")
    await tracker.log_costs("third", money=1, key="3")
    async with tracker.track_operation("fourth"):
        pass

    assert (await tracker.total()).money == {"USD": Decimal(3)}


async def test_a_tracker_is_left_in_another_asyncio_task_than_it_was_entered_in():
    tracker = CostTracker()
    operation = await asyncio.create_task(tracker.__aenter__())
    operation.add_costs(money=1)
    await asyncio.create_task(tracker.__aexit__(None, None, None))

    assert (await tracker.total()).money == {"USD": Decimal(1)}
    with pytest.raises(InvalidRequest, match="tracker: this asyncio task has not entered it"):
        await tracker.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"total_tokens": 30}, (30, 0)),
        (SimpleNamespace(total_tokens=30), (30, 0)),
        ({"prompt_tokens": 10, "total_tokens": 30}, (10, 20)),
        ({"completion_tokens": 10, "total_tokens": 30}, (20, 10)),
        ({"prompt_tokens": 10, "completion_tokens": None, "total_tokens": 7}, (10, 0)),
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 99}, (1, 2)),
        ({"input_tokens": 4}, (4, 0)),
        ({}, (0, 0)),
    ],
    ids=str,
)
async def test_what_is_told_only_of_both_together_is_counted(usage, tokens):
    costs = await CostTracker().log_costs(usage=usage)

    assert (costs.input_tokens, costs.output_tokens) == tokens


@pytest.mark.parametrize("usage", [5, "prompt_tokens", [1], object()])
async def test_usage_that_cannot_tell_of_tokens_is_refused(usage):
    tracker = CostTracker()
    with pytest.raises(InvalidRequest, match=r"usage: must be a mapping or an object"):
        await tracker.log_costs(usage=usage)

    assert await tracker.total() == Costs()


@pytest.mark.parametrize("currency", [5, "", "US D"])
def test_the_currency_of_an_estimate_is_one(currency):
    with pytest.raises(InvalidRequest, match=r"estimate.currency: must be the name"):
        Estimate(money=1, currency=currency)
