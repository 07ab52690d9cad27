"""The reading side: what is known of tasks, in a form that people can be shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.step import StepRecord
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some tasks in the order of their ids; ``more`` says that others follow."""

    tasks: Sequence[Task]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDetails:
    """One recorded step. ``value`` is its result in plain JSON types, or what its error says."""

    name: str
    occurrence: int
    failed: bool
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetails:
    """All that is known of one task; payload, outcome and step values in plain JSON types.

    ``outcome`` is what the specialist handed back: summary, artifacts, next action, result.
    ``findings`` are the verdicts on its file operations, judged against the disk as it is now.
    ``waits_for`` says why a pending task does not run at this moment.
    """

    task: Task
    payload: object
    outcome: object
    steps: Sequence[StepDetails]
    dependencies: Sequence[Task]
    findings: Sequence[Finding]
    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectTaskResult:
    """The details, or why there are none."""

    success: bool
    error: str | None = None
    details: TaskDetails | None = None


class InspectTasksUseCase:
    """Look at tasks without touching them: nothing is written, nothing is run."""

    def __init__(
        self,
        *,
        tasks: TaskRepository,
        steps: StepRepository,
        tracking: TrackFileOperationsUseCase,
        plain: Callable[[bytes], object],
    ) -> None:
        self._tasks, self._steps, self._tracking = tasks, steps, tracking
        self._plain = plain

    async def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        specialist_type: str | None = None,
        after: TaskId | None = None,
        limit: int = 100,
    ) -> TaskPage:
        """Up to ``limit`` tasks, oldest first, beginning behind the task ``after``."""
        found = await self._tasks.page(
            status=status, specialist_type=specialist_type, after=after, limit=limit + 1
        )
        return TaskPage(tasks=found[:limit], more=len(found) > limit)

    async def show_task(self, task_id: TaskId) -> InspectTaskResult:
        """All that is known of the task; ``success`` is False if there is no such task."""
        try:
            task = await self._tasks.get(task_id)
        except TaskNotFound as error:
            return InspectTaskResult(success=False, error=str(error))
        details = TaskDetails(
            task=task,
            payload=self._plain(task.payload),
            outcome=None if task.outcome is None else self._plain(task.outcome),
            steps=[self._step(record) for record in await self._steps.of_task(task_id)],
            dependencies=await self._tasks.dependencies_of(task_id),
            findings=(await self._tracking.examine(task_id)).findings,
        )
        return InspectTaskResult(success=True, details=details)

    def _step(self, record: StepRecord) -> StepDetails:
        stored = record.value if record.error is None else record.error
        return StepDetails(
            name=record.name,
            occurrence=record.occurrence,
            failed=record.failed,
            value=None if stored is None else self._plain(stored),
        )
