"""The resources of one attempt at a task."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from vespera.application.runtime.resources.manager import AsyncResourceManager
from vespera.application.runtime.resources.session import DEFAULT_TYPE, Resource, ResourceSession
from vespera.domain.ids import TaskId


class TaskResources:
    """What a handler holds for a while: ``async with task.resources.create_session() as session:``.

    A resource lives as long as the block in this process. It is no step: a replay acquires another
    one, and what was in the first one is gone. Let steps give what is to be remembered, and
    ``task.files`` keep what is to stay. What an attempt that died has left is released before the
    next one acquires anything.
    """

    def __init__(self, task_id: TaskId, manager: Callable[[], AsyncResourceManager]) -> None:
        self._task_id, self._manager = task_id, manager
        self._has_reclaimed = False

    @asynccontextmanager
    async def create_session(self) -> AsyncIterator[ResourceSession]:
        """A session for this task; see ``AsyncResourceManager.create_session``."""
        manager = self._manager()
        await self._reclaim(manager)
        async with manager.create_session(task_id=self._task_id) as session:
            yield session

    @asynccontextmanager
    async def create_resource(
        self,
        *,
        resource_type: str = DEFAULT_TYPE,
        configuration: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Resource]:
        """One resource for this task; see ``AsyncResourceManager.create_resource``."""
        async with self.create_session() as session:
            yield await session.create_resource(
                resource_type=resource_type, configuration=configuration
            )

    async def _reclaim(self, manager: AsyncResourceManager) -> None:
        if not self._has_reclaimed:
            await manager.reclaim_of(self._task_id)
            self._has_reclaimed = True
