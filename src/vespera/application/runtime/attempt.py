"""One attempt at one task: from the claim to what came of it, all of it recorded."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from vespera.application.ports.codec import Codec
from vespera.application.ports.events import ProgressRepository
from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.application.runtime.children import Children, ChildWork
from vespera.application.runtime.compensation import Compensation, Ending
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.failures import called_off, failure_of
from vespera.application.runtime.file_notes import FileWork
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.reporting import ProgressReport
from vespera.application.runtime.sign_off import Signed, SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.step_calls import StepCalls
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import Supervision, interrupted
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.application.runtime.waits import Waits, WaitWork
from vespera.domain.errors import (
    CrashLimitReached,
    LeaseLost,
    NonDeterministicTask,
    StorageError,
    UnreadableValue,
)
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OwnerId
from vespera.domain.step import Heartbeat, StepRecord
from vespera.domain.task import Completion, Task, TaskStatus

logger = logging.getLogger("vespera")
PASS_ON = (LeaseLost, StorageError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What one attempt is made of."""

    task: Task
    context: TaskContext
    log: StepLog
    files: TaskFiles
    compensation: Compensation
    presence: Presence
    report: ProgressReport

    @property
    def as_it_stands(self) -> Task:
        """The task, with what the attempt has added to it."""
        log, task = self.log, self.task
        if (log.spawned, log.undoable) == (task.spawned, task.undoable):
            return task
        return replace(task, spawned=log.spawned, undoable=log.undoable)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Runs the handler of a claimed task and stores the outcome, the failure, or the next try."""

    tasks: TaskRepository
    steps: StepRepository
    specialists: Specialists
    sign_off: SignOff
    codec: Codec
    outcomes: Outcomes
    supervision: Supervision
    files: FileWork
    progress: ProgressRepository
    waits: WaitWork
    children: ChildWork
    lease: timedelta
    crash_limit: int | None

    async def run(self, task: Task, owner: OwnerId, presence: Presence) -> Signed:
        """Work on ``task``, which ``owner`` holds, until the attempt has an end.

        Args:
            task: claimed.
            owner: who holds it.
            presence: is told while the handler only waits; and at a step's end, if the task is
                to pause, to break it off.

        Returns:
            The task as it is stored now: completed, executed, failed, cancelled, pending (to be
            tried again), or assigned (nobody here does tasks of its type).

        Raises:
            LeaseLost, StaleTask: another worker has the task; nothing of the end was stored.
            StorageError: the end could not be stored; the task runs again when its lease is over.
            asyncio.CancelledError: passed on; nothing of the end was stored.
        """
        if task.cancelling is not None and not task.undoable:
            return Signed(await self._save(task.cancel(called_off(task.cancelling), self._now())))
        if not self.specialists.knows(task.specialist_type):
            return Signed(await self._save(task.assign(self._now())))
        if self.crash_limit is not None and task.crashes >= self.crash_limit:
            return Signed(await self._given_up(task))
        try:
            attempt = await self._prepared(task, owner, presence)
        except UnreadableValue as error:
            return Signed(await self._failed(task, error))
        return await self._carried_out(attempt)

    async def _carried_out(self, attempt: _Attempt) -> Signed:
        try:
            returned = await self._called(attempt)
            outcome = self.outcomes.encode(returned)
        except asyncio.CancelledError:
            if attempt.presence.calling_off is None:
                raise
            running = asyncio.current_task()
            while running is not None and running.cancelling():
                running.uncancel()  # it is this cancellation that is carried out now
            return await self._rewound(attempt)
        except PASS_ON:
            raise
        except BaseException as error:  # noqa: BLE001  # the boundary to the specialist; recorded
            return await self._broken_off(attempt, error)
        task = attempt.as_it_stands
        if task.completion is Completion.AUTO:
            return await self.sign_off.complete(task, outcome, untouched=not attempt.files.touched)
        return Signed(await self._save(task.execute(outcome, self._now())))

    async def _prepared(self, task: Task, owner: OwnerId, presence: Presence) -> _Attempt:
        records, operations, beats = await self._history(task)
        log = StepLog(
            task=task,
            owner=owner,
            records=records,
            steps=self.steps,
            codec=self.codec,
            clock=self.supervision.clock,
            lease=self.lease,
            beats=beats,
            pause=presence.pause,
        )
        report = ProgressReport(log.fence, progress=self.progress, clock=self.supervision.clock)
        files = TaskFiles(fence=log.fence, recorded=operations, work=self.files)
        compensation = Compensation(log=log, codec=self.codec, supervision=self.supervision)
        presence.calling_off = task.cancelling or presence.calling_off
        log.rewinding = task.cancelling is not None or compensation.begun is not None
        waits = Waits(task_id=task.id, log=log, presence=presence, work=self.waits)
        context = TaskContext(
            task=task,
            payload=cast("Mapping[str, object]", self.codec.decode(task.payload)),
            steps=StepCalls(
                log=log,
                supervision=self.supervision,
                presence=presence,
                compensation=compensation,
            ),
            files=files,
            waits=waits,
            children=Children(task=task, log=log, waits=waits, work=self.children),
            supervision=self.supervision,
            tasks=self.tasks,
            outcomes=self.outcomes,
            report=report,
        )
        return _Attempt(
            task=task,
            context=context,
            log=log,
            files=files,
            compensation=compensation,
            presence=presence,
            report=report,
        )

    async def _called(self, attempt: _Attempt) -> object:
        task, presence = attempt.task, attempt.presence
        what, handler = (
            f"Task {task.id!r}",
            self.specialists.handler(task.specialist_type, task.handler_version),
        )
        try:
            returned = await self.supervision.limited(
                what,
                partial(self.supervision.value, what, partial(handler, attempt.context)),
                task.timeout,
                rested=lambda: presence.rested,
            )
        finally:
            presence.over()
            await attempt.report.close()
        if attempt.log.lost:
            raise LeaseLost
        attempt.log.check()
        return returned

    async def _history(
        self, task: Task
    ) -> tuple[Sequence[StepRecord], Sequence[FileOperation], Sequence[Heartbeat]]:
        if task.attempt == 1 and task.forked_from is None:
            return (), (), ()
        records = await self.steps.of_task(task.id)
        operations = await self.files.operations.of_task(task.id)
        return records, operations, await self.steps.beats_of(task.id)

    async def _given_up(self, task: Task) -> Task:
        """A task that kills whoever works on it fails, so that all others can be worked on."""
        error = CrashLimitReached(
            f"Task {task.id!r} ({task.title}) was under way {task.crashes} times when its worker"
            " died or fell silent, and no step of it was recorded in between; its handler was not"
            " called again. Find out what it does to the process, and create it anew."
        )
        logger.error("%s", error)
        return await self._save(task.fail(failure_of(error), self._now()))

    async def _broken_off(self, attempt: _Attempt, error: BaseException) -> Signed:
        task = attempt.as_it_stands
        if interrupted():
            logger.warning("Task %s raised while it was being stopped.", task.id, exc_info=error)
            raise asyncio.CancelledError from error
        if attempt.log.rewinding:
            return await self._rewound(attempt)
        if self._tries_again(task, error) or not attempt.compensation:
            return Signed(await self._failed(task, error))
        return await self._undone(attempt, Ending(TaskStatus.FAILED, failure_of(error)))

    async def _rewound(self, attempt: _Attempt) -> Signed:
        """It was called off, in this attempt or before; or it was being undone already."""
        failure = called_off(attempt.presence.calling_off or "")
        return await self._undone(attempt, Ending(TaskStatus.CANCELLED, failure))

    async def _undone(self, attempt: _Attempt, ending: Ending) -> Signed:
        """Undo what the steps have done, and end the task as that was begun."""
        ending = await attempt.compensation.carry_out(ending)
        task, now = attempt.as_it_stands, self._now()
        if ending.status is TaskStatus.CANCELLED:
            return Signed(await self._save(task.cancel(ending.failure, now)))
        return Signed(await self._save(task.fail(ending.failure, now)))

    def _tries_again(self, task: Task, error: BaseException) -> bool:
        nondeterministic = isinstance(error, NonDeterministicTask)
        return not nondeterministic and task.retry.allows(error, task.failures + 1)

    async def _failed(self, task: Task, error: BaseException) -> Task:
        now, failures, failure = self._now(), task.failures + 1, failure_of(error)
        if not self._tries_again(task, error):
            return await self._save(task.fail(failure, now))
        wait = timedelta(seconds=task.retry.wait(failures, self.supervision.chance()))
        return await self._save(task.try_again(failure, now + wait, now))

    async def _save(self, task: Task) -> Task:
        await self.tasks.save(task)
        return task

    def _now(self) -> datetime:
        return self.supervision.clock.now()
