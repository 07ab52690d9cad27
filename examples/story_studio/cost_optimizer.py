"""What a story costs: by each call to a service, in tokens and, with prices, in money."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from vespera import CostTracker

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent on a story; ``money`` by currency."""

    calls: int
    tokens: int
    money: Mapping[str, Decimal] = field(default_factory=dict)

    def __str__(self) -> str:
        """For people: ``3 calls, 512 tokens, 0.0012 USD``."""
        sums = [f"{amount.normalize():f} {currency}" for currency, amount in self.money.items()]
        return ", ".join([f"{self.calls} calls", f"{self.tokens:,} tokens", *sums])


class CostOptimizer:
    """Sees to it that no call goes by unnoticed; a budget of the tracker refuses it beforehand."""

    def __init__(
        self, *, tracker: CostTracker | None = None, models: Mapping[str, str] | None = None
    ) -> None:
        """Note what is spent in ``tracker``; by default in one of its own, in memory.

        Args:
            tracker: has the prices and the budgets.
            models: whose price counts, by the name of the operation.
        """
        self._tracker = tracker or CostTracker()
        self._models = models or {}

    @asynccontextmanager
    async def track_costs(self, name: str = "story") -> AsyncIterator[Any]:
        """An operation for a block, whose ``log_costs(usage=...)`` notes what it cost.

        Raises:
            BudgetExceeded: it was not begun, as a budget does not allow it.
            UnknownPrice: it was not begun, as there are prices, and none of its model.
        """
        async with self._tracker.track_operation(name, model=self._models.get(name)) as operation:
            yield operation

    async def with_cost_tracking(self, name: str, operation: Callable[[], Awaitable[T]]) -> T:
        """What ``operation`` gives; its ``usage`` is noted, if it tells of any."""
        async with self.track_costs(name) as tracked:
            result = await operation()
            usage = result.get("usage") if isinstance(result, Mapping) else None
            await tracked.log_costs(usage=usage or None)
            return result

    async def spent(self, task_id: str | None = None) -> Spent:
        """What was spent on a task, or in all."""
        total = await self._tracker.total(task_id)
        return Spent(calls=total.calls, tokens=total.tokens, money=dict(total.money))
