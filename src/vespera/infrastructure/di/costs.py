"""What operations cost, and what they may."""

from collections.abc import Mapping

from vespera.application.ports.costs import CostLedger
from vespera.application.runtime.costs.budgets import TaskBudgets
from vespera.application.runtime.costs.tracker import CostTracker
from vespera.domain.budget import Budget
from vespera.domain.cost import Price
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import Provider, providers
from vespera.infrastructure.persistence.cost_ledger import SqlCostLedger


class CostParts(Adapters):
    """The cost tracker. A subclass says what models cost, and what tasks may:
    ``prices = providers.Object({"small": Price("0.15", "0.60")})``,
    ``budgets = providers.Object({"coder": Budget(money="1.50"), "*": Budget(tokens=100_000)})``.
    """

    prices: providers.Provider[Mapping[str, Price | Mapping[str, object]]] = providers.Object({})
    budgets: providers.Provider[Mapping[str, Budget]] = providers.Object({})
    cost_ledger: Provider[CostLedger] = providers.Singleton(SqlCostLedger, Adapters.database)
    task_budgets = providers.Singleton(TaskBudgets, tasks=Adapters.tasks, budgets=budgets)
    cost_tracker = providers.Singleton(
        CostTracker,
        prices=prices,
        ledger=cost_ledger,
        budgets_of=task_budgets.provided.of,
        new_id=Adapters.new_id,
        now=Adapters.clock.provided.now,
    )
