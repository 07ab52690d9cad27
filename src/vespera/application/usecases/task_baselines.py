"""The snapshot that is taken before a task begins."""

from collections.abc import Callable

from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.by_type import ByType
from vespera.domain.errors import FileUnreadable
from vespera.domain.surveying import SnapshotTasks
from vespera.domain.task import Task

LABEL = "before the task began"


class TaskBaselines:
    """Takes one for each task of the types that are to have one, before its first attempt.

    It is durable before the handler is called, and is kept over all attempts: what an attempt did
    that died or failed has happened to the workspace all the same. So a snapshot that somebody had
    taken for the task before is its baseline, too.
    """

    def __init__(
        self,
        *,
        snapshots: SnapshotRepository,
        snapshot_workspace: Callable[[], SnapshotWorkspaceUseCase],
        wanted: ByType[SnapshotTasks],
    ) -> None:
        """``snapshot_workspace`` is asked for when the first snapshot is to be taken."""
        self._snapshots, self._snapshot_workspace = snapshots, snapshot_workspace
        self._wanted = wanted

    def are_of(self, specialist_type: str) -> bool:
        """Whether tasks of this type have one."""
        return self._wanted.of(specialist_type) is not SnapshotTasks.OFF

    async def ensure(self, task: Task) -> None:
        """Take the snapshot, if the task is to have one and has none; durable when it returns.

        Raises:
            FileUnreadable: the workspace cannot be scanned; the task must not begin.
            StorageError: the database cannot do its work.
        """
        if not self.are_of(task.specialist_type) or await self._snapshots.oldest_of(task.id):
            return
        taken = await self._snapshot_workspace().take(task.id, LABEL)
        if not taken.success:
            told = f"No snapshot could be taken before task {task.id!r} begins: {taken.error}"
            raise FileUnreadable(told)
