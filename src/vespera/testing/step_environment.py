"""One specialist, or one step function, alone: no database, no worker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import SignalRepository, TaskRepository
from vespera.application.runtime.children import Children
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.costs.tracker import CostTracker
from vespera.application.runtime.equipment import AttemptWork, Equipment
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.application.runtime.waits import WaitWork
from vespera.domain.ids import OwnerId, SignalId, TaskId
from vespera.domain.progress import Progress
from vespera.domain.retry import RetryPolicy
from vespera.domain.signal import Signal
from vespera.domain.step import StepRecord
from vespera.domain.task import Task, TaskOutcome, TaskStatus
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.threads import Threads
from vespera.testing.clock import VirtualClock
from vespera.testing.errors import TestingError
from vespera.testing.loop_clock import clock_of_this_loop
from vespera.testing.one_task import (
    Dependencies,
    MissingChildren,
    MissingResources,
    MissingWorkspace,
    ProgressOfOneTask,
    SignalsOfOneTask,
    StepsOfOneTask,
)

_OWNER = OwnerId("the test")
_LEASE = timedelta(days=3650)
_PAYLOAD_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step as it was recorded: what it gave, or what its error said."""

    name: str
    occurrence: int
    value: object = None
    error: str | None = None


class StepEnvironment:
    """Runs a specialist with a ``TaskContext``, attempt by attempt, and shows what it recorded.

        environment = StepEnvironment(payload={"order": 7})
        assert (await environment.run(Checkout(payment=payment))).result == "paid"
        assert environment.values == {"charge": "ch_1"}

    What is recorded lasts from one ``run`` to the next, as in the engine: a second run replays
    what succeeded, and calls again what failed. Values and results are stored and read back, so
    that what cannot be stored is refused here too. Waits between retries, and the durable ones of
    ``task.sleep``, take no time.

    Attributes:
        clock: the clock; the event loop's own under ``virtual_time``.
        costs: the tracker behind ``task.costs``, in memory.
    """

    def __init__(
        self,
        *,
        payload: Mapping[str, object] | None = None,
        title: str = "Test Task",
        description: str = "",
        specialist_type: str = "generic",
        task_id: str = "task",
        recorded: Mapping[str, object] | None = None,
        dependencies: Mapping[str, TaskOutcome] | None = None,
        files: object = None,
        clock: VirtualClock | None = None,
    ) -> None:
        """Describe the task.

        Args:
            payload: what the specialist finds as ``task.payload``.
            title: as ``task.title``.
            description: as ``task.description``.
            specialist_type: as ``task.specialist_type``.
            task_id: as ``task.id``.
            recorded: steps, by name, that an earlier attempt has recorded, and what they gave.
            dependencies: what ``task.dependencies()`` gives, by id.
            files: what stands in for ``task.files``, as ``AsyncMock(spec=TaskFiles)``; there is no
                workspace here.
            clock: the clock, if several parts of the test share one.

        Raises:
            UnstorableValue, PayloadTooLarge: the payload or a recorded value cannot be stored.
        """
        self._codec: Codec = MsgspecCodec(_PAYLOAD_LIMIT)
        self._outcomes = Outcomes(self._codec)
        self.costs = CostTracker()
        self._files: Any = MissingWorkspace() if files is None else files
        self._dependencies = dict(dependencies or {})
        self.clock = clock or clock_of_this_loop()
        self._task = Task(
            id=TaskId(task_id),
            title=title,
            description=description,
            specialist_type=specialist_type,
            payload=self._codec.encode(dict(payload or {}), what="payload"),
            created_at=self.clock.now(),
            updated_at=self.clock.now(),
            status=TaskStatus.RUNNING,
            owner=_OWNER,
        )
        self._notices = Notices()
        self._signals = SignalsOfOneTask()
        self._steps = StepsOfOneTask(self._signals)
        self._said = ProgressOfOneTask()
        for name, value in (recorded or {}).items():
            self._steps.put(self._record_of(name, value))
        self._under_way: asyncio.Task[object] | None = None
        self._threads = Threads(name="vespera-step")
        self.clock.watch(lambda: self._threads.in_flight)

    @property
    def attempt(self) -> int:
        """How many runs have begun."""
        return self._task.attempt

    @property
    def steps(self) -> Sequence[RecordedStep]:
        """What is recorded, in that order."""
        return tuple(map(self._shown, self._steps.records))

    @property
    def values(self) -> Mapping[str, object]:
        """What the steps gave that succeeded, by name; the last occurrence of each."""
        finished = {(r.name, r.occurrence) for r in self._steps.records if not r.open}
        steps = [step for step in self.steps if (step.name, step.occurrence) in finished]
        return {step.name: step.value for step in steps if step.error is None}

    @property
    def progress(self) -> Progress | None:
        """The last that was stored of what the specialist said by ``task.progress``."""
        return self._said.newest

    async def run(self, specialist: object) -> TaskOutcome:
        """One attempt: call the specialist (an object with ``execute``, or a function).

        Returns:
            Its outcome, as it would be stored: ``outcome.result`` is what it returned, unless it
            returned a ``TaskOutcome``.

        Raises:
            Exception: what it raised; steps that failed are called again by the next run.
            NonDeterministicTask: it did not ask for steps that earlier runs had recorded.
            asyncio.CancelledError: it was cancelled; the next run goes on where this one was.
        """
        registry = Specialists(catalogue=dict)
        registry.register(self._task.specialist_type, specialist)
        handler = registry.handler(self._task.specialist_type)
        return await self._attempt(handler)

    async def step(
        self,
        function: Callable[..., Any],
        /,
        *args: object,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
        **kwargs: object,
    ) -> object:
        """One step alone: call the function as ``task.step`` does, and give what is recorded.

        What other functions of this environment have recorded does not matter to it.

        Raises:
            StepFailed: the last call raised or took too long, or its value cannot be stored.
        """
        name = getattr(function, "__name__", "step")

        async def only_this(task: TaskContext) -> object:
            call = partial(function, *args, **kwargs)
            return await task.step(
                name,
                call,
                retry=retry,
                timeout=timeout,
                heartbeat_timeout=heartbeat_timeout,
                in_thread=in_thread,
            )

        return (await self._attempt(only_this, is_whole=False)).result

    def signal(self, name: str, payload: object = None) -> None:
        """Send what ``task.wait_for_signal(name)`` waits for, before the run or while it waits.

        Raises:
            UnstorableValue, PayloadTooLarge: the payload cannot be stored.
        """
        self._signals.sent.append(
            Signal(
                id=SignalId(str(len(self._signals.sent))),
                task_id=self._task.id,
                name=name,
                payload=self._codec.encode(payload, what="payload"),
                sent_at=self.clock.now(),
            )
        )
        self._notices.news(self._task.id)

    def cancel(self) -> None:
        """Cancel the run that is under way, as the engine does; also from within a step.

        Raises:
            TestingError: nothing is under way.
        """
        if self._under_way is None:
            raise TestingError("cancel(): no run is under way.")
        self._under_way.cancel()

    async def _attempt(
        self, handler: Callable[[TaskContext], Any], *, is_whole: bool = True
    ) -> TaskOutcome:
        if self._under_way is not None:
            raise TestingError("A run is under way already; an attempt runs alone.")
        self._task = replace(self._task, attempt=self.attempt + 1)
        log = self._log()
        self._under_way = asyncio.ensure_future(self._carry_out(handler, log))
        try:
            async with self.clock.running():
                returned = await self._under_way
            if is_whole:
                log.check()
            return self._outcomes.decode(self._outcomes.encode(returned))
        except Exception:
            self._task = replace(self._task, failures=self._task.failures + 1)
            raise
        finally:
            self._under_way.cancel()
            self._under_way = None
            await self._threads.stop()

    async def _carry_out(self, handler: Callable[[TaskContext], Any], log: StepLog) -> object:
        equipment = self._equipment(log)
        supervision, what = equipment.work.supervision, f"Task {self._task.id!r}"
        call = partial(supervision.value, what, partial(handler, TaskContext(equipment)))
        try:
            return await supervision.limited(what, call, None)
        finally:
            await equipment.report.close()

    def _equipment(self, log: StepLog) -> Equipment:
        tasks = cast("TaskRepository", Dependencies(self._task, self._dependencies, self._outcomes))
        nothing: Any = None  # files and children are given below
        refusing: Any = MissingResources
        work = AttemptWork(
            tasks=tasks,
            codec=self._codec,
            outcomes=self._outcomes,
            supervision=Supervision(clock=self.clock, chance=lambda: 0.5, threads=self._threads),
            files=nothing,
            progress=self._said,
            waits=self._wait_work(tasks),
            children=nothing,
            resources=refusing,
            costs=lambda: self.costs,
        )
        presence = Presence(self.clock)
        equipment = Equipment(task=self._task, log=log, presence=presence, work=work)
        equipment.files = cast("TaskFiles", self._files)
        equipment.children = cast("Children", MissingChildren())
        return equipment

    def _wait_work(self, tasks: TaskRepository) -> WaitWork:
        return WaitWork(
            tasks=tasks,
            signals=cast("SignalRepository", self._signals),
            notices=self._notices,
            codec=self._codec,
            clock=self.clock,
            linger=None,
        )

    def _log(self) -> StepLog:
        return StepLog(
            task=self._task,
            owner=_OWNER,
            records=self._steps.records,
            beats=self._steps.beats,
            steps=self._steps,
            codec=self._codec,
            clock=self.clock,
            lease=_LEASE,
        )

    def _record_of(self, name: str, value: object) -> StepRecord:
        return StepRecord(
            task_id=self._task.id,
            name=name,
            occurrence=1,
            seq=len(self._steps.records) + 1,
            epoch=0,
            value=self._codec.encode(value, what=f"step {name!r}"),
            error=None,
            recorded_at=self.clock.now(),
        )

    def _shown(self, record: StepRecord) -> RecordedStep:
        if record.error is not None:
            message, _kinds = cast("tuple[str, object]", self._codec.decode(record.error))
            return RecordedStep(record.name, record.occurrence, error=message)
        value = self._codec.decode(record.value or b"null")
        return RecordedStep(record.name, record.occurrence, value)
