"""Which budgets an operation of a task is charged to."""

from collections.abc import Mapping, Sequence

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.budget import Budget, CostScope, ScopedBudget, budgets_of_types
from vespera.domain.flow import ALL_TYPES
from vespera.domain.ids import TaskId
from vespera.domain.task import Task


class TaskBudgets:
    """Those of the task's own type, and of its ancestors' types, if they reach as far."""

    def __init__(self, *, tasks: TaskRepository, budgets: Mapping[str, Budget]) -> None:
        """``budgets``: by specialist type, and ``"*"`` for all others.

        Raises:
            InvalidRequest: they are no budgets.
        """
        self._tasks, self._budgets = tasks, budgets_of_types(budgets)

    async def of(self, task_id: TaskId | None) -> Sequence[ScopedBudget]:
        """All that a task's operations are charged to, its own at the front."""
        if not self._budgets or task_id is None:
            return ()
        found: list[ScopedBudget] = []
        next_id: TaskId | None = task_id
        while next_id is not None:
            task = (await self._tasks.find([next_id])).get(next_id)
            if task is None:
                break
            found += self._scoped(task, is_own=task.id == task_id)
            next_id = task.parent_id
        return found

    def _scoped(self, task: Task, *, is_own: bool) -> Sequence[ScopedBudget]:
        budget = self._budgets.get(task.specialist_type, self._budgets.get(ALL_TYPES))
        if budget is None or (budget.reach == "task" and not is_own):
            return ()
        return [ScopedBudget(CostScope(task_id=task.id, tree=budget.reach == "tree"), budget)]
