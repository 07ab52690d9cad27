"""Which tasks are stored anew, and which are there already under their dedup key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.dedup import DedupKey, dedup_key_of
from vespera.domain.ids import TaskId
from vespera.domain.task import Task, TaskRequest


class Arrival(NamedTuple):
    """A task that is ``asked`` for, and the ``task`` that it is: this one, or one under way.

    A new task comes ``behind`` the one of its key that has begun.
    """

    asked: Task
    request: TaskRequest
    task: Task
    behind: TaskId | None = None

    @property
    def new(self) -> bool:
        """Whether it is stored anew."""
        return self.task is self.asked

    @property
    def debounces(self) -> bool:
        """Whether it changes the task that is there."""
        return not self.new and self.request.debounce is not None


@dataclass(frozen=True, slots=True)
class Deduplication:
    """First ``choose``, then ``store`` in a unit of work; on ``DuplicateRow``, ``StaleTask`` or
    ``TaskNotFound`` (of one that it was to come behind) things have changed: choose again.
    """

    tasks: TaskRepository

    async def choose(self, asked: Sequence[tuple[Task, TaskRequest]]) -> list[Arrival]:
        """What each of them is, given what is under way, and those before it."""
        keys = {key for _, request in asked if (key := dedup_key_of(request)) is not None}
        if not keys:
            return [Arrival(task, request, task) for task, request in asked]
        known = dict(await self.tasks.under_way(keys))
        return [_arrival(task, request, known) for task, request in asked]

    async def store(self, arrivals: Sequence[Arrival]) -> None:
        """Write what is new, in the unit of work that is open.

        Raises (here, or at the end of the unit):
            DuplicateRow, StaleTask, TaskNotFound: as for ``TaskRepository.add`` and ``debounce``.
        """
        for arrival in arrivals:
            request = arrival.request
            if arrival.new:
                awaited = [*map(TaskId, request.depends_on)]
                behind = [arrival.behind] if arrival.behind else []
                await self.tasks.add(arrival.asked, awaited + behind)
            elif arrival.debounces:
                at_most = request.debounce_at_most
                within = None if at_most is None else timedelta(seconds=at_most)
                await self.tasks.debounce(arrival.task.id, arrival.asked, within=within)


def _arrival(task: Task, request: TaskRequest, known: dict[DedupKey, Task]) -> Arrival:
    key = dedup_key_of(request)
    other = None if key is None else known.get(key)
    if key is None or other is None or (request.debounce is not None and other.begun):
        if key is not None:
            known[key] = task
        return Arrival(task, request, task, other.id if other else None)
    return Arrival(task, request, other)
