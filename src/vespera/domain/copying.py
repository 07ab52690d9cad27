"""What becomes of a task's costs in a copy of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from vespera.domain.cost import CostEntry
from vespera.domain.derived import Derived, turn_of_costs
from vespera.domain.task import Task


def costs_of_copy(
    costs: Sequence[CostEntry], old: Task, new: Task, new_id: Callable[[], str]
) -> tuple[CostEntry, ...]:
    """The costs of ``old`` as those of ``new``, under ids of their own. What the handler has logged
    outside of steps gets the ids by which the copy will know it, and not log it again.
    """
    before, after = Derived(old), Derived(new)
    renamed: dict[str, str] = {}
    for cost in costs:  # as many turns of a name as it could have had
        turn = turn_of_costs(cost.operation)
        renamed[before.uuid(turn)] = after.uuid(turn)
    return tuple(
        replace(cost, id=renamed.get(cost.id) or new_id(), task_id=new.id) for cost in costs
    )
