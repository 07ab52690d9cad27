"""New tasks: stored once for each idempotency key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import TaskRepository, UnitOfWork
from vespera.domain.errors import DuplicateRow, InvalidRequest, KeyReused, TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.plan import in_order
from vespera.domain.task import OnFailedDependency, Task, TaskRequest

MOST_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """Stores tasks."""

    tasks: TaskRepository
    unit_of_work: UnitOfWork
    codec: Codec

    async def add(self, tasks: Sequence[Task], requests: Sequence[TaskRequest]) -> list[Task]:
        """Store the tasks in one transaction; gives, in their place, those that are there already
        under the same idempotency key.

        Raises:
            RequestError: they cannot be stored as asked; nothing was.
            GatedType: a task is running, but its type is limited or paused.
        """
        order = in_order(requests)
        keys = {task.idempotency_key for task in tasks if task.idempotency_key}
        for _ in range(MOST_TRIES):
            known = dict(await self.tasks.find_by_keys(keys)) if keys else {}
            chosen = [self._same(task, known) for task in tasks]
            new = [(tasks[i], requests[i]) for i in order if chosen[i] is tasks[i]]
            try:
                await self._insert(new)
            except DuplicateRow:
                await self._check_ids([task.id for task, _ in new])
            else:
                return await self._as_stored(chosen, requests)
        raise InvalidRequest("is being created by others again and again", field="idempotency_key")

    async def _as_stored(self, tasks: list[Task], requests: Sequence[TaskRequest]) -> list[Task]:
        """Some may have been cancelled at once, as what they wait for has failed."""
        cancel = OnFailedDependency.CANCEL
        if not any(r.depends_on and r.on_failed_dependency is cancel for r in requests):
            return tasks
        stored = await self.tasks.find([task.id for task in tasks])
        return [stored[task.id] for task in tasks]

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

    async def _insert(self, new: Sequence[tuple[Task, TaskRequest]]) -> None:
        try:
            async with self.unit_of_work():
                for task, request in new:
                    await self.tasks.add(task, [TaskId(d) for d in request.depends_on])
        except TaskNotFound as error:
            awaited = any(error.task_id in request.depends_on for _, request in new)
            field = "depends_on" if awaited else "parent_id"
            raise InvalidRequest(str(error), field=field) from error

    async def _check_ids(self, task_ids: Sequence[TaskId]) -> None:
        for task_id in await self.tasks.find(task_ids):
            raise InvalidRequest(f"{task_id!r} is taken by another task", field="task_id")
