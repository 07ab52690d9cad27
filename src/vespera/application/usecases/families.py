"""What belongs to a task because it has spawned it."""

from collections.abc import Sequence

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.ids import TaskId
from vespera.domain.search import LARGEST_PAGE, TaskOrder, TaskSearch
from vespera.domain.task import Task


class Families:
    """Finds descendants. A task that has spawned none is not asked about."""

    def __init__(self, *, tasks: TaskRepository) -> None:
        self._tasks = tasks

    async def descendants_of(self, task: Task | None) -> Sequence[Task]:
        """The task's children, theirs, and so on."""
        found: dict[TaskId, Task] = {}
        parents = [task] if task is not None and task.spawned else []
        while parents:
            children = [child for one in parents for child in await self._children_of(one)]
            found.update((child.id, child) for child in children)
            parents = [child for child in children if child.spawned]
        return list(found.values())

    async def _children_of(self, task: Task) -> Sequence[Task]:
        search = TaskSearch(parent_id=task.id, order=TaskOrder.OLDEST, limit=LARGEST_PAGE)
        return await self._tasks.search(search)
