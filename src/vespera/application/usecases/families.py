"""What belongs to a task because it has spawned it."""

from collections.abc import Sequence

from vespera.application.ports.revivals import Revivals
from vespera.domain.ids import TaskId
from vespera.domain.task import Task


class Families:
    """Finds descendants. A task that has spawned none is not asked about."""

    def __init__(self, *, revivals: Revivals) -> None:
        self._revivals = revivals

    async def descendants_of(self, task: Task | None) -> Sequence[Task]:
        """The task's children, theirs, and so on."""
        found: dict[TaskId, Task] = {}
        parents = [task.id] if task is not None and task.spawned else []
        while parents:
            children = await self._revivals.children_of(parents)
            new = [child for child in children if child.id not in found]
            found.update((child.id, child) for child in new)
            parents = [child.id for child in new if child.spawned]
        return list(found.values())
