"""Let a task that has ended run again."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import (
    FileOperationRepository,
    StepRepository,
    TaskRepository,
)
from vespera.application.ports.revivals import Revivals
from vespera.application.runtime.notices import Notices
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.dedup import dedup_key_of
from vespera.domain.errors import NotRetryable, StaleTask
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.revival import (
    Revived,
    falls_with,
    is_retryable,
    revived,
    was_cancelled_with_another,
)
from vespera.domain.rollback_plan import taken_back
from vespera.domain.task import ENDED_BADLY, ParentEnd, Task

MOST_TRIES = 5
UNDONE = ("it was undone", ("Undone",))
"""The failure that stands in the place of a result which was undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The task as it stands now; the ``others`` that are pending again with it; and those that
    ``stay`` cancelled, though they were cancelled because it had failed.
    """

    task: Task
    others: Sequence[TaskId] = ()
    stay: Sequence[TaskId] = ()


@dataclass(slots=True)
class _Party:
    """Who runs again, parents before their children, and who does not."""

    members: dict[TaskId, Task] = field(default_factory=dict)
    stay: dict[TaskId, Task] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTaskUseCase:
    """Sets ended tasks pending, with those that fell with them; each time in one transaction."""

    tasks: TaskRepository
    steps: StepRepository
    revivals: Revivals
    operations: FileOperationRepository
    tracking: TrackFileOperationsUseCase
    notices: Notices
    codec: Codec
    clock: Clock

    async def retry(self, task_id: TaskId, reason: str, *, dependents: bool) -> Retried:
        """Let the task run again, from where it failed.

        Raises:
            TaskNotFound, NotRetryable: it cannot be; nothing was changed.
            StaleTask: others change it again and again.
        """
        for _ in range(MOST_TRIES):
            party = await self._party(await self._retryable(task_id), dependents=dependents)
            members = list(party.members.values())
            await self._check_keys(members)
            plans = [await self._plan(member) for member in members]
            try:
                await self.revivals.revive(plans, reason=reason, now=self.clock.now())
            except StaleTask:
                continue
            self.notices.all()
            task = await self.tasks.get(task_id)
            others = [member.id for member in members if member.id != task_id]
            return Retried(task=task, others=others, stay=list(party.stay))
        raise StaleTask

    async def _retryable(self, task_id: TaskId) -> Task:
        task = await self.tasks.get(task_id)
        named = f"Task {task.id!r} ({task.title})"
        if not is_retryable(task):
            raise NotRetryable(
                f"{named} is {task.status}; only a task that has failed or is cancelled, or whose"
                " completion the proof gate has refused, can be retried."
            )
        parent = await self._ended_parent(task)
        if parent is not None:
            raise NotRetryable(
                f"{named} goes with its parent {parent.id!r} ({parent.title}), which is"
                f" {parent.status}; retry that one, or create the task anew."
            )
        return task

    async def _check_keys(self, members: Collection[Task]) -> None:
        """Nobody runs again beside a task that has taken its place."""
        for task in members:
            key = dedup_key_of(task)
            found = {} if key is None or not task.finished else await self.tasks.under_way([key])
            for other in found.values():
                raise NotRetryable(
                    f"Task {task.id!r} ({task.title}) has the dedup_key {task.dedup_key!r} of task"
                    f" {other.id!r}, which is under way in its place."
                )

    async def _ended_parent(self, task: Task) -> Task | None:
        if task.parent_id is None or task.on_parent_end is not ParentEnd.CANCEL:
            return None
        parent = await self.tasks.get(task.parent_id)
        return parent if parent.finished else None

    async def _party(self, task: Task, *, dependents: bool) -> _Party:
        party = _Party({task.id: task})
        await self._spread([task.id], self._fallen_children, party.members)
        fallen: dict[TaskId, Task] = dict(party.members)
        await self._spread(list(fallen), self._cancelled_dependents, fallen)
        party.stay = {key: fallen[key] for key in fallen if key not in party.members}
        if dependents:
            await self._take_along(party)
        return party

    @staticmethod
    async def _spread(
        first: Sequence[TaskId],
        further: Callable[[Collection[TaskId]], Awaitable[Sequence[Task]]],
        found: dict[TaskId, Task],
    ) -> None:
        """Add who comes with the ``first``, also through others."""
        front = first
        while front:
            new = [task for task in await further(front) if task.id not in found]
            found.update((task.id, task) for task in new)
            front = [task.id for task in new]

    async def _fallen_children(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        fallen = [task for task in await self.revivals.children_of(task_ids) if falls_with(task)]
        for task in fallen:
            if task.owner is not None:
                raise NotRetryable(
                    f"The child {task.id!r} ({task.title}) is still being called off; try again in"
                    " a moment."
                )
        return fallen

    async def _cancelled_dependents(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        found = await self.revivals.dependents_of(task_ids)
        return [task for task in found if was_cancelled_with_another(task)]

    async def _take_along(self, party: _Party) -> None:
        """Those that wait for nothing else that has failed, and whose parents have not ended."""
        coming = {
            key: task for key, task in party.stay.items() if not await self._ended_parent(task)
        }
        while lost := await self._doomed(coming, {*party.members, *coming}):
            for key in set(lost):
                del coming[key]
        party.members.update(coming)
        party.stay = {key: task for key, task in party.stay.items() if key not in coming}

    async def _doomed(
        self, task_ids: Collection[TaskId], coming: Collection[TaskId]
    ) -> Sequence[TaskId]:
        """Which of the tasks wait for one that has ended badly and does not come along."""
        return [
            task_id
            for task_id in task_ids
            for dependency in await self.tasks.dependencies_of(task_id)
            if dependency.status in ENDED_BADLY and dependency.id not in coming
        ]

    async def _plan(self, task: Task) -> Revived:
        if not task.attempt:
            return Revived(task=task)
        records = await self.steps.of_task(task.id)
        operations = await self.operations.of_task(task.id)
        refused = await self._refused(task, operations) if operations else ()
        undone = self.codec.encode(UNDONE, what="error of an undone step")
        return revived(task, records, operations, refused=refused, undone=undone)

    async def _refused(
        self, task: Task, operations: Sequence[FileOperation]
    ) -> Collection[OperationId]:
        """What the proof gate would refuse once more, as nothing would do it again; and what was
        rolled back.
        """
        paths = {path for operation in operations for path in operation.paths}
        gone = taken_back(await self.operations.on_paths(paths))
        if task.report_id is None:
            return gone
        report = await self.tracking.examine(task.id, survey=False, task=task)
        return {*gone, *(one.operation_id for one in report.refused if one.operation_id)}
