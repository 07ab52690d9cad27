"""What operations cost: tokens, money, time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.retry import TEN_YEARS, number_of, whole_number_of

MOST_TOKENS: Final = 10**12
MOST_MONEY: Final = Decimal(1_000_000)
SMALLEST: Final = Decimal("0.000000001")
"""Money is kept to the ninth place; what is computed from prices is rounded half to even."""

A_MILLION: Final = Decimal(1_000_000)
NOTHING: Final = Decimal(0)
LONGEST_NAME = 200
LONGEST_CURRENCY = 10


class CostState(StrEnum):
    """``OPEN``: the operation has begun, and nobody has told what it cost: it is under way, or its
    process is dead.
    """

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs: money for a million tokens in, for a million out, and for each call."""

    input: Decimal | str | float = NOTHING
    output: Decimal | str | float = NOTHING
    call: Decimal | str | float = NOTHING
    currency: str = "USD"

    def __post_init__(self) -> None:
        """Keep all as Decimal.

        Raises:
            InvalidRequest: a value is negative, no number, or too large; the error names it.
        """
        for name in ("input", "output", "call"):
            object.__setattr__(self, name, money_of(getattr(self, name), f"price.{name}"))
        object.__setattr__(self, "currency", currency_of(self.currency, "price.currency"))

    @classmethod
    def given(cls, value: object, field: str) -> "Price":
        """The price that is given as itself, or as a mapping of its fields.

        Raises:
            InvalidRequest: it is something else, or a field is unknown; the error names ``field``.
        """
        if isinstance(value, Price):
            return value
        if not isinstance(value, Mapping):
            told = "must be a Price, or a mapping as {'input': '2.50', 'output': '10'}"
            raise InvalidRequest(told, field=field)
        known = [each.name for each in fields(cls)]
        for name in value:
            if name not in known:
                told = f"unknown field; known are {', '.join(known)}"
                raise InvalidRequest(told, field=f"{field}.{name}")
        return cls(**value)

    def of(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What one call costs."""
        tokens = Decimal(self.input) * input_tokens + Decimal(self.output) * output_tokens
        return rounded(tokens / A_MILLION + Decimal(self.call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an operation will cost at most, as far as it is known before. If the price of its model
    is known, tokens give the money.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    money: Decimal | str | float = NOTHING
    currency: str | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidRequest: one makes no sense; the error names it.
        """
        tokens_of(self.input_tokens, "estimate.input_tokens")
        tokens_of(self.output_tokens, "estimate.output_tokens")
        object.__setattr__(self, "money", money_of(self.money, "estimate.money"))
        if self.money and self.currency is None:
            raise InvalidRequest("money needs a currency", field="estimate.currency")
        if self.currency is not None:
            currency_of(self.currency, "estimate.currency")
        number_of(self.seconds, "estimate.seconds", least=0, most=TEN_YEARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEntry:
    """One operation and what it cost; while it is open, what is reserved for it.

    ``step`` and ``occurrence``: the step of the task in which it was done; "" and 0: in none.
    """

    id: str
    operation: str
    state: CostState
    began_at: datetime | None = None
    task_id: TaskId | None = None
    attempt: int = 0
    step: str = ""
    occurrence: int = 0
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    money: Decimal = NOTHING
    currency: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGroup:
    """Operations that differ in nothing but what they cost, summed up."""

    operation: str
    is_open: bool = False
    task_id: TaskId | None = None
    step: str = ""
    occurrence: int = 0
    model: str = ""
    currency: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: Decimal = NOTHING
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What operations cost together.

    Attributes:
        calls: how many there were, those that failed and those that are open included.
        input_tokens, output_tokens: of those whose costs are told.
        money: by currency.
        seconds: how long they took, one after the other.
        untold: how many are open: under way, or begun by a process that has died since. What
            these have cost is not in the sums.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: Mapping[str, Decimal] = field(default_factory=dict)
    seconds: float = 0.0
    untold: int = 0

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    def plus(self, group: CostGroup) -> "Costs":
        """With another group's."""
        if group.is_open:
            return replace(self, calls=self.calls + group.calls, untold=self.untold + group.calls)
        money = dict(self.money)
        if group.currency:
            money[group.currency] = rounded(money.get(group.currency, NOTHING) + group.money)
        return Costs(
            calls=self.calls + group.calls,
            input_tokens=self.input_tokens + group.input_tokens,
            output_tokens=self.output_tokens + group.output_tokens,
            money=money,
            seconds=self.seconds + group.seconds,
            untold=self.untold,
        )

    @classmethod
    def of(cls, groups: Iterable[CostGroup]) -> "Costs":
        """The sum."""
        total = cls()
        for group in groups:
            total = total.plus(group)
        return total


def group_of(entry: CostEntry) -> CostGroup:
    """The group of one entry."""
    return CostGroup(
        operation=entry.operation,
        is_open=entry.state is CostState.OPEN,
        task_id=entry.task_id,
        step=entry.step,
        occurrence=entry.occurrence,
        model=entry.model,
        currency=entry.currency,
        calls=1,
        input_tokens=entry.input_tokens,
        output_tokens=entry.output_tokens,
        money=entry.money,
        seconds=entry.seconds,
    )


def tokens_of(given: object, field: str) -> int:
    """A number of tokens, from 0 to 10^12.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return whole_number_of(given, field, least=0, most=MOST_TOKENS)


def money_of(given: object, field: str) -> Decimal:
    """An amount of money, from 0 to a million, with nine places at most; a float means the number
    that it prints as.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if isinstance(given, bool) or not isinstance(given, Decimal | str | int | float):
        kind = type(given).__name__
        raise InvalidRequest(
            f"must be a Decimal, a number or a text of one, not {kind}", field=field
        )
    try:
        amount = Decimal(str(given) if isinstance(given, float) else given)
    except InvalidOperation:
        raise InvalidRequest(f"{given!r} is no number", field=field) from None
    if not amount.is_finite() or not NOTHING <= amount <= MOST_MONEY:
        raise InvalidRequest(f"must be from 0 to {MOST_MONEY:,}, not {given}", field=field)
    return rounded(amount)


def currency_of(given: object, field: str) -> str:
    """The name of a currency, as "USD".

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if not isinstance(given, str) or not given.isalnum() or len(given) > LONGEST_CURRENCY:
        raise InvalidRequest(
            f"must be the name of a currency, as 'USD', not {given!r}", field=field
        )
    return given


def name_of(given: object, field: str) -> str:
    """The name of an operation or a model.

    Raises:
        InvalidRequest: it is blank, too long, or no text; the error names ``field``.
    """
    if not isinstance(given, str) or not given.strip() or len(given) > LONGEST_NAME:
        told = f"must be text that is not blank, of at most {LONGEST_NAME} characters"
        raise InvalidRequest(told, field=field)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("has a lone surrogate, which cannot be stored", field=field) from None
    return given


def rounded(amount: Decimal) -> Decimal:
    """To the ninth place, half to even, without zeros at the end."""
    return amount.quantize(SMALLEST, ROUND_HALF_EVEN).normalize() + NOTHING
