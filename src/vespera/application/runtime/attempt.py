"""One attempt at one task: from the claim to what came of it, all of it recorded."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.compensation import Ending
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.equipment import AttemptWork, Equipment
from vespera.application.runtime.failures import called_off, failure_of, tell_retry
from vespera.application.runtime.outdated_files import without_outdated
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.rewinding import Rewind
from vespera.application.runtime.sign_off import Signed, SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import COUNTS_ARE_RIGHT, interrupted
from vespera.application.usecases.task_baselines import TaskBaselines
from vespera.domain.errors import (
    CrashLimitReached,
    FileUnreadable,
    LeaseLost,
    NonDeterministicTask,
    StorageError,
    UnreadableValue,
)
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OwnerId
from vespera.domain.step import UNDOING, Heartbeat, StepRecord
from vespera.domain.task import Completion, Task, TaskStatus

logger = logging.getLogger("vespera")
PASS_ON = (LeaseLost, StorageError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Runs the handler of a claimed task and stores the outcome, the failure, or the next try."""

    work: AttemptWork
    steps: StepRepository
    specialists: Specialists
    sign_off: SignOff
    baselines: TaskBaselines
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
            return Signed(await self._assigned(task))
        if self.crash_limit is not None and task.crashes >= self.crash_limit:
            return Signed(await self._given_up(task))
        try:
            equipment = await self._prepared(task, owner, presence)
            context = TaskContext(equipment)
        except UnreadableValue as error:
            return Signed(await self._failed(task, error))
        return await self._carried_out(context, equipment)

    async def _carried_out(self, context: TaskContext, equipment: Equipment) -> Signed:
        try:
            if equipment.log.rewinding:
                equipment.log.rewind(_this_task().cancel)
            else:
                await self.baselines.ensure(equipment.task)
            returned = await self._called(context, equipment)
            outcome = self.work.outcomes.encode(returned)
        except asyncio.CancelledError:
            if not _is_called_off(equipment):
                raise
            return await self._called_off(equipment)
        except PASS_ON:
            raise
        except BaseException as error:  # noqa: BLE001  # the boundary to the specialist; recorded
            return await self._broken_off(equipment, error)
        task = _as_it_stands(equipment)
        if task.completion is Completion.AUTO:
            return await self.sign_off.complete(task, outcome, untouched=equipment.untouched)
        return Signed(await self._save(task.execute(outcome, self._now())))

    async def _assigned(self, task: Task) -> Task:
        """It is handed to an outside worker, who may begin at once."""
        try:
            await self.baselines.ensure(task)
        except FileUnreadable as error:
            return await self._failed(task, error)
        return await self._save(task.assign(self._now()))

    async def _prepared(self, task: Task, owner: OwnerId, presence: Presence) -> Equipment:
        records, operations, beats = await self._history(task)
        log = StepLog(
            task=task,
            owner=owner,
            records=records,
            steps=self.steps,
            codec=self.work.codec,
            clock=self.work.supervision.clock,
            lease=self.lease,
            beats=beats,
            pause=presence.pause,
        )
        log.rewinding = task.cancelling is not None or log.find(UNDOING) is not None
        if operations and not log.rewinding:
            operations = await without_outdated(
                task, operations, fence=log.fence, work=self.work.files
            )
        return Equipment(
            task=task, log=log, presence=presence, work=self.work, operations=operations
        )

    async def _called(self, context: TaskContext, equipment: Equipment) -> object:
        task, presence, supervision = equipment.task, equipment.presence, self.work.supervision
        what = f"Task {task.id!r}"
        handler = self.specialists.handler(task.specialist_type, task.handler_version)
        try:
            returned = await supervision.limited(
                what,
                partial(supervision.value, what, partial(handler, context)),
                task.timeout,
                rested=presence.rested,
            )
        finally:
            presence.over()
            equipment.log.leave()
            await equipment.report.close()
        if equipment.log.lost:
            raise LeaseLost
        if equipment.log.rewound:
            raise Rewind
        await equipment.settle()
        return returned

    async def _history(
        self, task: Task
    ) -> tuple[Sequence[StepRecord], Sequence[FileOperation], Sequence[Heartbeat]]:
        if task.attempt == 1 and task.forked_from is None:
            return (), (), ()
        records = await self.steps.of_task(task.id)
        operations = await self.work.files.operations.of_task(task.id)
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

    async def _broken_off(self, equipment: Equipment, error: BaseException) -> Signed:
        task = _as_it_stands(equipment)
        if interrupted() and (equipment.presence.is_stopped or COUNTS_ARE_RIGHT):
            logger.warning("Task %s raised while it was being stopped.", task.id, exc_info=error)
            if _is_called_off(equipment):
                return await self._called_off(equipment)
            raise asyncio.CancelledError from error
        if equipment.log.rewinding:
            return await self._called_off(equipment)
        if self._tries_again(task, error):
            return Signed(await self._failed(task, error))
        return await self._undone(equipment, Ending(TaskStatus.FAILED, failure_of(error)))

    async def _called_off(self, equipment: Equipment) -> Signed:
        """It was called off, in this attempt or before, or it was being undone already; and its
        handler has cleaned up.
        """
        running = _this_task()
        while running.cancelling():
            running.uncancel()  # it is this cancellation that is carried out now
        reason = equipment.task.cancelling or equipment.presence.calling_off
        failure = called_off(reason or "")
        return await self._undone(equipment, Ending(TaskStatus.CANCELLED, failure))

    async def _undone(self, equipment: Equipment, ending: Ending) -> Signed:
        """Undo what the steps have done, and end the task as that was begun."""
        ending = await equipment.compensation.carry_out(ending)
        task, now = _as_it_stands(equipment), self._now()
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
        seconds = task.retry.wait(failures, self.work.supervision.chance())
        again = await self._save(task.try_again(failure, now + timedelta(seconds=seconds), now))
        tell_retry(f"Task {task.id}", error, task.retry, failures=failures, seconds=seconds)
        return again

    async def _save(self, task: Task) -> Task:
        await self.work.tasks.save(task)
        return task

    def _now(self) -> datetime:
        return self.work.supervision.clock.now()


def _this_task() -> "asyncio.Task[object]":
    return cast("asyncio.Task[object]", asyncio.current_task())


def _is_called_off(equipment: Equipment) -> bool:
    """Whether the handler was cancelled for good, and not only let go of."""
    presence = equipment.presence
    if presence.calling_off is not None:
        return True
    return equipment.log.rewound and not presence.is_stopped


def _as_it_stands(equipment: Equipment) -> Task:
    """The task, with what the attempt has added to it."""
    log, task = equipment.log, equipment.task
    if (log.spawned, log.undoable) == (task.spawned, task.undoable):
        return task
    return replace(task, spawned=log.spawned, undoable=log.undoable)
