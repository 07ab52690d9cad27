"""What the user has said of prices, and what an operation costs by them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from vespera.domain.cost import (
    NOTHING,
    CostEntry,
    Estimate,
    Price,
    currency_of,
    money_of,
    name_of,
    tokens_of,
)
from vespera.domain.errors import InvalidRequest, UnknownPrice

logger = logging.getLogger("vespera")
_IN, _OUT = ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")
_BOTH = ("total_tokens",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What is added to an operation's costs. Money that is not given is computed from the price of
    the model, if that is known.

    ``usage``: what a provider says of tokens, as a mapping or an object with ``input_tokens`` and
    ``output_tokens``, or ``prompt_tokens`` and ``completion_tokens``. Where one of them is missing,
    it is what is left of ``total_tokens``; if both are, all of that goes in.
    """

    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    usage: object = None
    money: Decimal | str | float | None = None
    currency: str | None = None


class Pricing:
    """Prices by model, as plain data: each a ``Price``, or a mapping of its fields."""

    def __init__(self, prices: Mapping[str, Price | Mapping[str, object]]) -> None:
        """Check the values.

        Raises:
            InvalidRequest: it is no mapping of models to prices.
        """
        given: object = prices
        if not isinstance(given, Mapping):
            told = "must be a mapping of models to prices, as {'gpt': Price('2.50', '10')}"
            raise InvalidRequest(told, field="prices")
        self.prices = {
            name_of(model, "prices"): Price.given(price, f"prices[{model!r}]")
            for model, price in given.items()
        }

    def require(self, model: str | None) -> str:
        """The model's name, whose price is known, if any price is.

        Raises:
            UnknownPrice: it is not; near names are told.
            InvalidRequest: it is no name.
        """
        if model is None:
            return ""
        known = name_of(model, "model")
        if self.prices and known not in self.prices:
            near = get_close_matches(known, self.prices) or sorted(self.prices)
            raise UnknownPrice(
                f"Nobody has said what the model {known!r} costs; prices are known of"
                f" {', '.join(map(repr, near))}."
            )
        return known

    def reserved(self, entry: CostEntry, estimate: Estimate) -> CostEntry:
        """The entry with what is reserved for it."""
        money, currency = Decimal(estimate.money), estimate.currency or ""
        price = self.prices.get(entry.model)
        if price is not None and not money:
            money = price.of(estimate.input_tokens, estimate.output_tokens)
            currency = price.currency
        return replace(
            entry,
            input_tokens=estimate.input_tokens,
            output_tokens=estimate.output_tokens,
            money=money_of(money, "estimate.money"),
            currency=currency,
            seconds=estimate.seconds,
        )

    def charged(self, entry: CostEntry, spending: Spending) -> CostEntry:
        """The entry with this added to its costs.

        Raises:
            InvalidRequest: a number is negative, none or too large, or the currency is another one
                than before; nothing is added.
        """
        more_in, more_out = _tokens_of(spending)
        model = entry.model if spending.model is None else name_of(spending.model, "model")
        money, currency = self._money_of(model, spending, more_in, more_out)
        if currency and entry.currency not in {"", currency}:
            told = f"the operation's costs are in {entry.currency}; begin another for {currency}"
            raise InvalidRequest(told, field="currency")
        return replace(
            entry,
            model=model,
            input_tokens=tokens_of(entry.input_tokens + more_in, "input_tokens"),
            output_tokens=tokens_of(entry.output_tokens + more_out, "output_tokens"),
            money=money_of(entry.money + money, "money"),
            currency=currency or entry.currency,
        )

    def _money_of(
        self, model: str, spending: Spending, tokens_in: int, tokens_out: int
    ) -> tuple[Decimal, str]:
        if spending.money is not None:
            given = "USD" if spending.currency is None else spending.currency
            return money_of(spending.money, "money"), currency_of(given, "currency")
        price = self.prices.get(model)
        if price is not None and (tokens_in or tokens_out):
            return price.of(tokens_in, tokens_out), price.currency
        if self.prices and model and tokens_in + tokens_out:
            logger.warning("The price of %r is not known; its money is not kept.", model)
        return NOTHING, ""


def _tokens_of(spending: Spending) -> tuple[int, int]:
    _check_usage(spending.usage)
    used_in, used_out = (_used(spending.usage, names) for names in (_IN, _OUT))
    if used_in is None or used_out is None:
        both = _used(spending.usage, _BOTH) or 0
        if used_in is None:
            used_in = max(both - (used_out or 0), 0)
        used_out = max(both - used_in, 0) if used_out is None else used_out
    more_in = tokens_of(spending.input_tokens, "input_tokens")
    more_out = tokens_of(spending.output_tokens, "output_tokens")
    return more_in + used_in, more_out + used_out


def _check_usage(usage: object) -> None:
    """Refuse what says nothing of tokens, and would be counted as none.

    Raises:
        InvalidRequest: it is neither a mapping nor an object with one of the names.
    """
    if usage is None or isinstance(usage, Mapping):
        return
    if not any(hasattr(usage, name) for name in _IN + _OUT + _BOTH):
        told = f"must be a mapping or an object with {' or '.join(_IN)}, not {type(usage).__name__}"
        raise InvalidRequest(told, field="usage")


def _used(usage: Any, names: tuple[str, ...]) -> int | None:
    for name in names:
        found = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
        if found is not None:
            return tokens_of(found, f"usage.{name}")
    return None
