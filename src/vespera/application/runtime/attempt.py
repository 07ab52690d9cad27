"""One attempt at one task: from the claim to what came of it, all of it recorded."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.failures import failure_of
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.sign_off import Signed, SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import Supervision, interrupted
from vespera.application.runtime.tracked_files import FileWork, TaskFiles
from vespera.domain.errors import CrashLimitReached, LeaseLost, NonDeterministicTask, StorageError
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OwnerId
from vespera.domain.step import Heartbeat, StepRecord
from vespera.domain.task import Completion, Task

logger = logging.getLogger("vespera")
PASS_ON = (LeaseLost, StorageError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)


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
    lease: timedelta
    crash_limit: int | None

    async def run(self, task: Task, owner: OwnerId) -> Signed:
        """Work on ``task``, which ``owner`` holds, until the attempt has an end.

        Returns:
            The task as it is stored now: completed, executed, failed, pending (to be tried
            again), or assigned (nobody here does tasks of its type).

        Raises:
            LeaseLost, StaleTask: another worker has the task; nothing of the end was stored.
            StorageError: the end could not be stored; the task runs again when its lease is over.
            asyncio.CancelledError: passed on; nothing of the end was stored.
        """
        if not self.specialists.knows(task.specialist_type):
            return Signed(await self._save(task.assign(self._now())))
        if self.crash_limit is not None and task.crashes >= self.crash_limit:
            return Signed(await self._given_up(task))
        try:
            returned, untouched = await self._work(task, owner)
            outcome = self.outcomes.encode(returned)
        except PASS_ON:
            raise
        except BaseException as error:  # the boundary to the specialist; recorded whole
            if interrupted():
                logger.warning(
                    "Task %s raised while it was being stopped.", task.id, exc_info=error
                )
                raise asyncio.CancelledError from error
            return Signed(await self._failed(task, error))
        if task.completion is Completion.AUTO:
            return await self.sign_off.complete(task, outcome, untouched=untouched)
        return Signed(await self._save(task.execute(outcome, self._now())))

    async def _work(self, task: Task, owner: OwnerId) -> tuple[object, bool]:
        handler = self.specialists.handler(task.specialist_type)
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
        )
        files = TaskFiles(fence=log.fence, recorded=operations, work=self.files)
        context = TaskContext(
            task=task,
            payload=cast("Mapping[str, object]", self.codec.decode(task.payload)),
            log=log,
            files=files,
            supervision=self.supervision,
            tasks=self.tasks,
            outcomes=self.outcomes,
        )
        returned = await self.supervision.limited(
            f"Task {task.id!r}", partial(handler, context), task.timeout
        )
        if log.lost:
            raise LeaseLost
        log.check()
        return returned, not files.touched

    async def _history(
        self, task: Task
    ) -> tuple[Sequence[StepRecord], Sequence[FileOperation], Sequence[Heartbeat]]:
        if task.attempt == 1:
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

    async def _failed(self, task: Task, error: BaseException) -> Task:
        now, failures = self._now(), task.failures + 1
        failure = failure_of(error)
        retry = task.retry
        if isinstance(error, NonDeterministicTask) or not retry.allows(error, failures):
            return await self._save(task.fail(failure, now))
        wait = timedelta(seconds=retry.wait(failures, self.supervision.chance()))
        return await self._save(task.try_again(failure, now + wait, now))

    async def _save(self, task: Task) -> Task:
        await self.tasks.save(task)
        return task

    def _now(self) -> datetime:
        return self.supervision.clock.now()
