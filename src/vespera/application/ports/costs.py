"""What is kept of costs."""

from collections.abc import Sequence
from typing import Protocol

from vespera.domain.budget import CostScope, ScopedBudget
from vespera.domain.cost import CostEntry, CostGroup


class CostLedger(Protocol):
    """Operations and what they cost. Each write is a transaction of its own, also inside a unit of
    work, and durable when it returns. None is fenced: what was spent is spent, whoever holds the
    task.
    """

    async def begin(self, entry: CostEntry, budgets: Sequence[ScopedBudget]) -> None:
        """Keep an operation that is about to begin, with what is reserved for it, if all budgets
        allow it; nobody else begins one in between.

        Raises:
            BudgetExceeded: one does not; nothing was kept.
            DuplicateRow: the id exists already.
        """
        ...

    async def settle(self, entry: CostEntry) -> None:
        """Keep what an operation has cost, in place of what is kept of it."""
        ...

    async def add(self, entry: CostEntry) -> bool:
        """Keep an operation that is over, once; gives False if its id was kept before, and nothing
        changes then.
        """
        ...

    async def groups(self, scope: CostScope) -> Sequence[CostGroup]:
        """What the operations of this scope cost, summed up where they differ in nothing else; by
        task, and then in the order in which the first of each began.
        """
        ...
