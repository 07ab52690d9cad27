"""Money, tokens and time as values; what makes no sense is refused."""

from decimal import Decimal

import pytest

from vespera.domain.cost import (
    CostGroup,
    Costs,
    Estimate,
    Price,
    currency_of,
    money_of,
    name_of,
    tokens_of,
)
from vespera.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("1.50", "1.5"),
        (0.1, "0.1"),
        (1, "1"),
        (Decimal("0.1234567891"), "0.123456789"),
        ("0.0000000005", "0"),
        ("0.0000000015", "0.000000002"),
        (1_000_000, "1000000"),
        ("-0", "0"),
    ],
)
def test_money_is_exact_to_the_ninth_place(given: object, amount: str) -> None:
    assert f"{money_of(given, 'money'):f}" == amount


@pytest.mark.parametrize(
    "given",
    [
        *(-1, "-0.01", float("nan"), "NaN", "sNaN", float("inf"), "-Infinity", 1_000_001, 10**400),
        *("1e400", "a lot", "", True, None, [1], 1 + 0j),
    ],
)
def test_what_is_no_amount_of_money_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^money: "):
        money_of(given, "money")


@pytest.mark.parametrize("given", [-1, 1.0, float("nan"), True, "1", None, 10**12 + 1])
def test_what_is_no_number_of_tokens_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^input_tokens: must be a whole number"):
        tokens_of(given, "input_tokens")


@pytest.mark.parametrize("given", ["", "  ", "x" * 201, 7, None, "\udcff"])
def test_what_is_no_name_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^name: "):
        name_of(given, "name")


@pytest.mark.parametrize("given", ["", "US$", "x" * 11, 7, None])
def test_what_is_no_currency_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^currency: must be the name"):
        currency_of(given, "currency")


def test_a_price_is_for_a_million_tokens_and_for_each_call() -> None:
    price = Price("2.50", 10, call=0.01)

    assert price.of(1000, 100) == Decimal("0.0135")
    assert price.currency == "USD"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": -1}, "price.input"),
        ({"output": "x"}, "price.output"),
        ({"call": float("nan")}, "price.call"),
        ({"currency": ""}, "price.currency"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(fields: dict, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        Price(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input_tokens": -1}, "estimate.input_tokens"),
        ({"output_tokens": 1.5}, "estimate.output_tokens"),
        ({"money": -1}, "estimate.money"),
        ({"money": 1}, "estimate.currency"),
        ({"seconds": -1}, "estimate.seconds"),
        ({"seconds": float("inf")}, "estimate.seconds"),
    ],
)
def test_an_estimate_that_makes_no_sense_is_refused(fields: dict, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        Estimate(**fields)


def test_costs_are_summed_up_and_what_is_open_is_counted_apart() -> None:
    groups = [
        CostGroup(operation="a", calls=2, input_tokens=1, output_tokens=2, seconds=1.5),
        CostGroup(operation="a", calls=1, money=Decimal("0.1"), currency="USD"),
        CostGroup(operation="b", calls=1, money=Decimal("0.2"), currency="USD"),
        CostGroup(operation="b", calls=1, money=Decimal(3), currency="EUR"),
        CostGroup(operation="b", is_open=True, calls=4, input_tokens=99, currency="USD"),
    ]

    costs = Costs.of(groups)
    assert costs == Costs(
        calls=9,
        input_tokens=1,
        output_tokens=2,
        money={"USD": Decimal("0.3"), "EUR": Decimal(3)},
        seconds=1.5,
        untold=4,
    )
    assert costs.tokens == 3
