"""What stands behind a ``StepEnvironment``: as much of a database as one task needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vespera.application.runtime.outcomes import Outcomes
from vespera.domain.errors import LeaseLost
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.progress import Progress
from vespera.domain.signal import Signal
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.domain.task import Task, TaskOutcome
from vespera.testing.errors import TestingError


class SignalsOfOneTask:
    """As much of a ``SignalRepository`` as a wait asks for."""

    def __init__(self) -> None:
        self.sent: list[Signal] = []
        self.received: set[SignalId] = set()

    async def oldest(self, task_id: TaskId, name: str) -> Signal | None:
        """The first of this name that was not received."""
        waiting = (s for s in self.sent if s.name == name and s.id not in self.received)
        return next(waiting, None)


class StepsOfOneTask:
    """A ``StepRepository`` of one task, which somebody holds all the time."""

    def __init__(self, signals: SignalsOfOneTask) -> None:
        self._signals = signals
        self._records: dict[int, StepRecord] = {}
        self._beats: dict[tuple[str, int], Heartbeat] = {}
        self._attempt = 0

    @property
    def records(self) -> Sequence[StepRecord]:
        """What is recorded, in that order."""
        return [self._records[seq] for seq in sorted(self._records)]

    @property
    def beats(self) -> Sequence[Heartbeat]:
        """The last heartbeat of each step."""
        return [*self._beats.values()]

    def put(self, step: StepRecord) -> None:
        """Record it, whoever says so."""
        self._records[step.seq] = step

    async def of_task(self, task_id: TaskId) -> Sequence[StepRecord]:
        """All records."""
        return self.records

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        received: SignalId | None = None,
        child: Task | None = None,
        depends_on: Sequence[TaskId] = (),
        undoable: bool = False,
    ) -> bool:
        """Record it, unless a later attempt has recorded something."""
        if fence.attempt < self._attempt:
            raise LeaseLost
        self._attempt = fence.attempt
        self.put(step)
        if received is not None:
            self._signals.received.add(received)
        return False

    async def suspend(
        self, wait: StepRecord | None, fence: Fence, *, wake_at: datetime | None, now: datetime
    ) -> None:
        """Record the wait, if it is new."""
        if wait is not None:
            await self.record(wait, fence)

    async def beats_of(self, task_id: TaskId) -> Sequence[Heartbeat]:
        """The last heartbeat of each step."""
        return self.beats

    async def beat(self, beat: Heartbeat, fence: Fence, *, lease_until: datetime) -> None:
        """Keep it."""
        self._beats[beat.name, beat.occurrence] = beat


class ProgressOfOneTask:
    """A ``ProgressRepository`` of one task."""

    def __init__(self) -> None:
        self.newest: Progress | None = None

    async def record(self, progress: Progress, fence: Fence) -> None:
        """Keep it."""
        self.newest = progress

    async def of_task(self, task_id: TaskId) -> Progress | None:
        """What was kept."""
        return self.newest


class Dependencies:
    """As much of a ``TaskRepository`` as a ``TaskContext`` asks for."""

    def __init__(self, task: Task, outcomes: Mapping[str, TaskOutcome], stored: Outcomes) -> None:
        self._task = task
        self._done = [
            replace(task, id=TaskId(name), outcome=stored.encode(outcome))
            for name, outcome in outcomes.items()
        ]

    async def get(self, task_id: TaskId) -> Task:
        """The task itself."""
        return self._task

    async def dependencies_of(self, task_id: TaskId) -> Sequence[Task]:
        """The tasks that were given."""
        return self._done


class MissingChildren:
    """In the place of what ``task.spawn`` needs."""

    async def spawn(self, name: str, *_: object) -> object:
        """Refuse it."""
        raise TestingError(
            f"task.spawn({name!r}): a StepEnvironment has no worker that would run a child. Test"
            " this with AsyncTestBase."
        )


class MissingResources:
    """In the place of the manager behind ``task.resources``."""

    async def reclaim_of(self, task_id: str) -> None:
        """Refuse it."""
        raise TestingError(
            "task.resources: a StepEnvironment has no database that resources are recorded in. Test"
            " this with AsyncTestBase."
        )


class MissingWorkspace:
    """In the place of ``task.files``."""

    def __getattr__(self, name: str) -> object:
        raise TestingError(
            f"task.files.{name}: a StepEnvironment has no workspace. Give"
            " files=AsyncMock(spec=TaskFiles), or test this with AsyncTestBase."
        )
