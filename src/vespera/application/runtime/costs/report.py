"""What was spent, in sums."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vespera.domain.cost import CostGroup, Costs
from vespera.domain.ids import TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """What was spent, and by whom.

    Attributes:
        total: all of it; of a task with its children, and theirs.
        own: what the task itself spent; of no task: the same as the total.
        groups: the sums by task, step, operation and model.
    """

    total: Costs = field(default_factory=Costs)
    own: Costs = field(default_factory=Costs)
    groups: Sequence[CostGroup] = ()

    def by_task(self) -> Mapping[str, Costs]:
        """What each task itself spent; "" stands for what is of no task."""
        return _summed(self.groups, lambda group: group.task_id or "")

    def by_step(self, task_id: str) -> Mapping[str, Costs]:
        """What the steps of a task cost, by name; "" stands for what was in no step."""
        own = [group for group in self.groups if group.task_id == task_id]
        return _summed(own, lambda group: group.step)

    def by_operation(self) -> Mapping[str, Costs]:
        """What operations cost, by name."""
        return _summed(self.groups, lambda group: group.operation)

    def by_model(self) -> Mapping[str, Costs]:
        """What models cost; "" stands for operations that have named none."""
        return _summed(self.groups, lambda group: group.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCheck:
    """Whether an operation could begin now; ``error`` says why not."""

    success: bool
    error: str | None = None


def report_of(groups: Sequence[CostGroup], task_id: TaskId | None = None) -> CostReport:
    """The report on these; ``own`` is what this task spent, or everything if none is given."""
    own = [group for group in groups if task_id in {None, group.task_id}]
    return CostReport(total=Costs.of(groups), own=Costs.of(own), groups=groups)


def _summed(groups: Iterable[CostGroup], key: Callable[[CostGroup], str]) -> Mapping[str, Costs]:
    found: dict[str, Costs] = {}
    for group in groups:
        found[key(group)] = found.get(key(group), Costs()).plus(group)
    return found
