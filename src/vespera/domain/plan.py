"""In which order tasks can be created, and whether they can ever run."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from vespera.domain.errors import DependencyCycle
from vespera.domain.task import TaskRequest


def in_order(requests: Sequence[TaskRequest]) -> list[int]:
    """Positions in ``requests``, those first that others among them wait for by ``task_id``.

    Raises:
        DependencyCycle: they wait for each other, or one for itself; names the ids along the way.
    """
    position = {r.task_id: i for i, r in enumerate(requests) if r.task_id is not None}
    if position.keys().isdisjoint(d for r in requests for d in r.depends_on):
        return list(range(len(requests)))
    waits = {
        i: [position[d] for d in r.depends_on if d in position] for i, r in enumerate(requests)
    }
    try:
        return list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        around: list[int] = error.args[1]
        path = [requests[i].task_id or "" for i in reversed(around)]
        raise DependencyCycle(path) from None
