"""New tasks: one for each idempotency key, and one at a time for each dedup key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import TaskRepository, UnitOfWork
from vespera.application.runtime.deduplication import Arrival, Deduplication
from vespera.domain.errors import (
    DuplicateRow,
    InvalidRequest,
    KeyReused,
    StaleTask,
    TaskNotFound,
)
from vespera.domain.plan import in_order
from vespera.domain.task import OnFailedDependency, Task, TaskRequest

MOST_TRIES: Final = 5


class Stored(NamedTuple):
    """A task that was asked for, as it is stored; ``created`` by this call or before."""

    task: Task
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """Stores tasks."""

    tasks: TaskRepository
    unit_of_work: UnitOfWork
    codec: Codec
    deduplication: Deduplication

    async def add(self, tasks: Sequence[Task], requests: Sequence[TaskRequest]) -> list[Stored]:
        """Store the tasks in one transaction; gives, in their place, those that are there already
        under the same idempotency key, or under way under the same dedup key.

        Raises:
            RequestError: they cannot be stored as asked; nothing was.
            GatedType: a task is running, but its type is limited or paused.
        """
        order = in_order(requests)
        keys = {task.idempotency_key for task in tasks if task.idempotency_key}
        for _ in range(MOST_TRIES):
            known = dict(await self.tasks.find_by_keys(keys)) if keys else {}
            chosen = [self._same(task, known) for task in tasks]
            new = [i for i in order if chosen[i] is tasks[i]]
            arrivals = await self.deduplication.choose([(tasks[i], requests[i]) for i in new])
            try:
                await self._store(arrivals)
            except (DuplicateRow, StaleTask):
                await self._check_ids([a.asked for a in arrivals if a.new])
            else:
                return await self._as_stored(chosen, dict(zip(new, arrivals, strict=True)))
        field = "idempotency_key" if keys else "dedup_key"
        raise InvalidRequest("is being created by others again and again", field=field)

    async def _as_stored(self, chosen: list[Task], arrivals: dict[int, Arrival]) -> list[Stored]:
        """Some are not as they were asked for: they have been cancelled at once, as what they wait
        for has failed, or have taken over what is new.
        """
        found = [
            Stored(arrivals[i].task, arrivals[i].new) if i in arrivals else Stored(task, False)
            for i, task in enumerate(chosen)
        ]
        if not any(map(_is_changed, arrivals.values())):
            return found
        stored = await self.tasks.find([task.id for task, _ in found])
        return [Stored(stored[task.id], created) for task, created in found]

    def _same(self, task: Task, known: dict[str, Task]) -> Task:
        """The task that is known under the same key, or this one."""
        key = task.idempotency_key
        if key is None:
            return task
        other = known.setdefault(key, task)
        if other is not task and not (
            other.request_digest == task.request_digest
            and self.codec.same(other.payload, task.payload)
        ):
            raise KeyReused(key, other.id)
        return other

    async def _store(self, arrivals: Sequence[Arrival]) -> None:
        try:
            async with self.unit_of_work():
                await self.deduplication.store(arrivals)
        except TaskNotFound as error:
            if any(error.task_id in {a.behind, a.task.id} for a in arrivals):
                raise StaleTask from error  # it has ended, and is purged already
            awaited = any(error.task_id in a.request.depends_on for a in arrivals)
            field = "depends_on" if awaited else "parent_id"
            raise InvalidRequest(str(error), field=field) from error

    async def _check_ids(self, asked: Sequence[Task]) -> None:
        """Refuse ids that others have. One of the same key is no other: it was stored meanwhile."""
        stored = await self.tasks.find([task.id for task in asked])
        for task in asked:
            found, key = stored.get(task.id), task.idempotency_key
            if found is not None and (key is None or found.idempotency_key != key):
                raise InvalidRequest(f"{task.id!r} is taken by another task", field="task_id")


def _is_changed(arrival: Arrival) -> bool:
    request = arrival.request
    cancel = OnFailedDependency.CANCEL
    may_be_doomed = bool(request.depends_on) and request.on_failed_dependency is cancel
    return may_be_doomed or arrival.debounces
