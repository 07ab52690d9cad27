"""In which order tasks can be created, and whether they can ever run."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from vespera.domain.errors import DependencyCycle, InvalidRequest
from vespera.domain.task import TaskRequest


def in_order(requests: Sequence[TaskRequest]) -> list[int]:
    """Positions in ``requests``, those first that others among them wait for by ``task_id``.

    Raises:
        InvalidRequest: two of them have the same ``task_id`` and are not, by their idempotency
            key, the same.
        DependencyCycle: they wait for each other, or one for itself; names the ids along the way.
    """
    if len(requests) == 1 and not requests[0].depends_on:
        return [0]
    position = _positions(requests)
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


def _positions(requests: Sequence[TaskRequest]) -> dict[str, int]:
    positions: dict[str, int] = {}
    for i, request in enumerate(requests):
        if request.task_id is None:
            continue
        first = positions.setdefault(request.task_id, i)
        keys = {requests[first].idempotency_key, request.idempotency_key}
        if first != i and (None in keys or len(keys) > 1):
            raise InvalidRequest(f"{request.task_id!r} is given twice", field="task_id")
    return positions
