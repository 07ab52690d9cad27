"""The reading side: what is known of tasks, in a form that people can be shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vespera.application.ports.persistence import (
    SignalRepository,
    StepRepository,
    TaskRepository,
)
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.signal import Signal
from vespera.domain.step import StepRecord
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Finding

UNDER_WAY = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some tasks in the order of their ids; ``more`` says that others follow; ``waits`` are those
    that have begun and not ended, also of tasks whose worker has stopped.
    """

    tasks: Sequence[Task]
    more: bool
    waits: Mapping[TaskId, Sequence[StepRecord]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDetails:
    """One recorded step. ``value`` is its result in plain JSON types, or what its error says.

    A wait that has not ended ``awaits`` something, and ends by itself at ``wake_at``.
    """

    name: str
    occurrence: int
    failed: bool
    value: object
    awaits: str | None = None
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDetails:
    """What was sent to a task; ``payload`` in plain JSON types."""

    id: str
    name: str
    sent_at: datetime
    received_at: datetime | None
    payload: object


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
    signals: Sequence[SignalDetails] = ()


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
        signals: SignalRepository,
        tracking: TrackFileOperationsUseCase,
        plain: Callable[[bytes], object],
    ) -> None:
        self._tasks, self._steps, self._signals = tasks, steps, signals
        self._tracking, self._plain = tracking, plain

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
        begun = [task.id for task in found[:limit] if task.status in UNDER_WAY and task.attempt]
        waits = {task_id: await self._open_waits(task_id) for task_id in begun}
        waits = {task_id: each for task_id, each in waits.items() if each}
        return TaskPage(tasks=found[:limit], more=len(found) > limit, waits=waits)

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
            signals=[self._signal(each) for each in await self._signals.of_task(task_id)],
        )
        return InspectTaskResult(success=True, details=details)

    async def _open_waits(self, task_id: TaskId) -> Sequence[StepRecord]:
        return [record for record in await self._steps.of_task(task_id) if record.open]

    def _signal(self, signal: Signal) -> SignalDetails:
        return SignalDetails(
            id=signal.id,
            name=signal.name,
            sent_at=signal.sent_at,
            received_at=signal.received_at,
            payload=self._plain(signal.payload),
        )

    def _step(self, record: StepRecord) -> StepDetails:
        stored = record.value if record.error is None else record.error
        return StepDetails(
            name=record.name,
            occurrence=record.occurrence,
            failed=record.failed,
            value=None if stored is None else self._plain(stored),
            awaits=record.awaits,
            wake_at=record.wake_at,
        )
