"""The reading side: what is known of tasks, in a form that people can be shown."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict

from vespera.application.ports.costs import CostLedger
from vespera.application.ports.events import ProgressRepository
from vespera.application.ports.persistence import (
    SignalRepository,
    StepRepository,
    TaskRepository,
)
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.budget import CostScope
from vespera.domain.cost import CostGroup
from vespera.domain.errors import InvalidRequest, TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.progress import Progress
from vespera.domain.search import cursor_of, parse_search
from vespera.domain.signal import Signal
from vespera.domain.step import StepRecord
from vespera.domain.task import GOING_ON, Task
from vespera.domain.verification import Finding


class TaskFilter(TypedDict, total=False):
    """What tasks may be looked for by; the fields of ``TaskSearch`` as callers give them."""

    status: str | Collection[str] | None
    specialist_type: str | None
    parent_id: str | None
    created_after: datetime | None
    created_before: datetime | None
    updated_after: datetime | None
    updated_before: datetime | None
    title_contains: str | None
    failed_with: str | None
    order: str
    limit: int
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some of the tasks that were looked for, in order, or why there are none.

    ``next`` is what ``after`` takes to go on behind them; None: there are no others. ``waits`` are
    those that have begun and not ended, also of tasks whose worker has stopped.
    """

    success: bool = True
    error: str | None = None
    tasks: Sequence[Task] = ()
    next: str | None = None
    waits: Mapping[TaskId, Sequence[StepRecord]] = field(default_factory=dict)

    @property
    def more(self) -> bool:
        """Whether others follow."""
        return self.next is not None


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
    ``waits_for`` says why a pending task does not run at this moment. ``costs`` are those of the
    task and of its children, and of theirs.
    """

    task: Task
    payload: object
    outcome: object
    steps: Sequence[StepDetails]
    dependencies: Sequence[Task]
    findings: Sequence[Finding]
    progress: Progress | None = None
    waits_for: str = ""
    signals: Sequence[SignalDetails] = ()
    costs: Sequence[CostGroup] = ()


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
        progress: ProgressRepository,
        costs: CostLedger,
        plain: Callable[[bytes], object],
    ) -> None:
        self._tasks, self._steps, self._signals = tasks, steps, signals
        self._tracking, self._progress, self._plain = tracking, progress, plain
        self._costs = costs

    async def search_tasks(self, given: Mapping[str, object]) -> TaskPage:
        """One page of the tasks that are as asked; ``success`` is False if that makes no sense.

        Args:
            given: fields of ``TaskSearch``; ``status`` is one status or several, ``after`` the
                ``next`` of the page before.
        """
        try:
            search = parse_search(given)
        except InvalidRequest as error:
            return TaskPage(success=False, error=str(error))
        found = await self._tasks.search(replace(search, limit=search.limit + 1))
        page, more = found[: search.limit], len(found) > search.limit
        waits = {task.id: await self._open_waits(task) for task in page}
        return TaskPage(
            tasks=page,
            next=cursor_of(page[-1]) if more else None,
            waits={task_id: each for task_id, each in waits.items() if each},
        )

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
            progress=await self._progress.of_task(task_id),
            findings=(await self._tracking.examine(task_id, survey=False, task=task)).findings,
            signals=[self._signal(each) for each in await self._signals.of_task(task_id)],
            costs=await self._costs.groups(CostScope(task_id=task_id, tree=True)),
        )
        return InspectTaskResult(success=True, details=details)

    async def _open_waits(self, task: Task) -> Sequence[StepRecord]:
        if task.status not in GOING_ON or not task.attempt:
            return ()
        return [record for record in await self._steps.of_task(task.id) if record.open]

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
