"""Costs for as long as their tracker lives."""

from collections.abc import Sequence

from vespera.domain.budget import CostScope, ScopedBudget, refusal_of
from vespera.domain.cost import CostEntry, CostGroup, group_of


class MemoryLedger:
    """The ledger of a tracker that stands alone: nothing of it is durable."""

    def __init__(self) -> None:
        self._entries: dict[str, CostEntry] = {}

    async def begin(self, entry: CostEntry, budgets: Sequence[ScopedBudget]) -> None:
        """See ``CostLedger.begin``."""
        for scoped in budgets:
            refusal = refusal_of(scoped, await self.groups(scoped.scope), entry)
            if refusal is not None:
                raise refusal
        self._entries[entry.id] = entry

    async def settle(self, entry: CostEntry) -> None:
        """See ``CostLedger.settle``."""
        self._entries[entry.id] = entry

    async def add(self, entry: CostEntry) -> bool:
        """See ``CostLedger.add``."""
        return self._entries.setdefault(entry.id, entry) is entry

    async def groups(self, scope: CostScope) -> Sequence[CostGroup]:
        """See ``CostLedger.groups``; each operation is a group. There are no tasks here."""
        return [
            group_of(entry)
            for entry in self._entries.values()
            if scope.operation in {None, entry.operation}
        ]
