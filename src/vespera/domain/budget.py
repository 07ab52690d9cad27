"""How much operations may cost, and why one may not begin."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from vespera.domain.cost import (
    SMALLEST,
    CostEntry,
    CostGroup,
    currency_of,
    money_of,
    tokens_of,
)
from vespera.domain.errors import BudgetExceeded, InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, number_of, whole_number_of

MICROSECOND: Final = 0.000001
REACHES: Final = ("tree", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What operations may cost together; None: any amount. One limit is given at least.

    Attributes:
        calls: how many operations.
        tokens: in and out.
        money: of this ``currency``; costs in another one are refused, as they cannot be compared.
        seconds: how long operations take, one after the other.
        reach: ``"tree"``: of a task and of all that it has spawned, and so on; ``"task"``: of it
            alone.
    """

    calls: int | None = None
    tokens: int | None = None
    money: Decimal | str | float | None = None
    currency: str = "USD"
    seconds: float | None = None
    reach: Literal["tree", "task"] = "tree"

    def __post_init__(self) -> None:
        """Check the values; keep the money as Decimal.

        Raises:
            InvalidRequest: a value makes no sense, or nothing is limited; the error names it.
        """
        limits = (self.calls, self.tokens, self.money, self.seconds)
        if all(limit is None for limit in limits):
            raise InvalidRequest("limit calls, tokens, money or seconds", field="budget")
        if self.calls is not None:
            whole_number_of(self.calls, "budget.calls", least=0, most=LARGEST_WHOLE)
        if self.tokens is not None:
            tokens_of(self.tokens, "budget.tokens")
        if self.money is not None:
            object.__setattr__(self, "money", money_of(self.money, "budget.money"))
        if self.seconds is not None:
            number_of(self.seconds, "budget.seconds", least=0, most=TEN_YEARS)
        currency_of(self.currency, "budget.currency")
        if self.reach not in REACHES:
            raise InvalidRequest(f"must be one of {', '.join(REACHES)}", field="budget.reach")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostScope:
    """Which costs are meant: of a task, alone or with its ``tree``; of no task, if it is None; of
    one ``operation`` only; or simply ``everything``.
    """

    task_id: TaskId | None = None
    tree: bool = False
    operation: str | None = None
    everything: bool = False

    def __str__(self) -> str:
        whose = "task " + repr(self.task_id) if self.task_id else "what is of no task"
        whose = "everything" if self.everything else whose
        what = f" for {self.operation!r}" if self.operation is not None else ""
        return f"{whose}{' and its children' if self.tree else ''}{what}"


@dataclass(frozen=True, slots=True)
class ScopedBudget:
    """A budget, and of what it is."""

    scope: CostScope
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What is charged to a budget: what was spent, and what is reserved for what is under way."""

    calls: int = 0
    tokens: int = 0
    money: Decimal = Decimal(0)
    seconds: float = 0.0
    foreign: int = 0

    @classmethod
    def to(cls, budget: Budget, groups: Iterable[CostGroup]) -> "Charge":
        """What these groups are charged as; ``foreign``: how many are in another currency."""
        found = list(groups)
        own = [one for one in found if one.currency == budget.currency]
        return cls(
            calls=sum(one.calls for one in found),
            tokens=sum(one.input_tokens + one.output_tokens for one in found),
            money=sum((one.money for one in own), Decimal(0)),
            seconds=sum(one.seconds for one in found),
            foreign=sum(one.calls for one in found if one.currency not in {"", budget.currency}),
        )

    @classmethod
    def of(cls, budget: Budget, entry: CostEntry) -> "Charge":
        """The least that an operation needs to begin: its estimate, and never nothing."""
        is_foreign = entry.currency not in {"", budget.currency}
        return cls(
            calls=1,
            tokens=max(entry.input_tokens + entry.output_tokens, 1),
            money=SMALLEST if is_foreign else max(entry.money, SMALLEST),
            seconds=max(entry.seconds, MICROSECOND),
            foreign=int(is_foreign),
        )


def budgets_of_types(given: object) -> Mapping[str, Budget]:
    """What a container says of specialist types, and of ``"*"``, all others.

    Raises:
        InvalidRequest: it is no mapping of types to budgets.
    """
    if not isinstance(given, Mapping) or not all(
        isinstance(kind, str) and isinstance(budget, Budget) for kind, budget in given.items()
    ):
        told = "must be a mapping of specialist types to Budgets, as {'coder': Budget(money=1)}"
        raise InvalidRequest(told, field="budgets")
    return dict(given)


def refusal_of(
    scoped: ScopedBudget, groups: Sequence[CostGroup], entry: CostEntry
) -> BudgetExceeded | None:
    """Why the operation may not begin; None if it may."""
    budget = scoped.budget
    spent, needs = Charge.to(budget, groups), Charge.of(budget, entry)
    if budget.money is not None and spent.foreign + needs.foreign:
        told = f"there are costs in other currencies than {budget.currency}"
        return _refused(scoped, entry, "money", f"{told}, which cannot be compared")
    for limit, unit in _LIMITS.items():
        most, used, more = (getattr(each, limit) for each in (budget, spent, needs))
        if most is not None and used + more > most:
            unit_shown = budget.currency if limit == "money" else unit
            left = f"{_shown(used)} of {_shown(most)} {unit_shown} are spent or reserved"
            needed = f", and it is estimated at {_shown(more)}" if _is_told(limit, more) else ""
            return _refused(scoped, entry, limit, left + needed)
    return None


def _refused(scoped: ScopedBudget, entry: CostEntry, limit: str, why: str) -> BudgetExceeded:
    scope = str(scoped.scope)
    return BudgetExceeded(
        f"Operation {entry.operation!r} was not begun, the budget of {scope} does not allow it:"
        f" {why}. Raise the budget, or do without.",
        scope=scope,
        limit=limit,
    )


def _is_told(limit: str, needs: float | Decimal) -> bool:
    """Whether somebody has given an estimate."""
    return limit != "calls" and needs not in {1, SMALLEST, MICROSECOND}


def _shown(amount: float | Decimal) -> str:
    text = f"{amount:,}" if isinstance(amount, int) else f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_LIMITS: Final = {"calls": "calls", "tokens": "tokens", "money": "", "seconds": "s"}
