"""One task from the request to the proven completion."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.events import ProgressRepository
from vespera.application.ports.persistence import (
    ReportRepository,
    StepRepository,
    TaskRepository,
    UnitOfWork,
)
from vespera.application.runtime.deduplication import Deduplication
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.failures import called_off
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.intake import Intake
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.schedule_book import ScheduleBook
from vespera.application.runtime.settling import Settling
from vespera.application.runtime.sign_off import Signed, SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.worker import Worker
from vespera.application.usecases.task_baselines import TaskBaselines
from vespera.application.workflows.creation import MOST_TRIES, Creation, Stored
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import (
    EngineStopped,
    GatedType,
    IllegalTransition,
    PayloadError,
    RequestError,
    StaleTask,
    UnreadableValue,
)
from vespera.domain.ids import TaskId
from vespera.domain.request import (
    Given,
    parse_outcome,
    parse_request,
    task_id_of,
    text_of,
)
from vespera.domain.step import waits_in_words
from vespera.domain.task import GOING_ON, Completion, Task, TaskOutcome, TaskRequest, TaskStatus
from vespera.domain.verification import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """The runtime that workflows and orchestrators drive, the same for all of them."""

    tasks: TaskRepository
    steps: StepRepository
    reports: ReportRepository
    unit_of_work: UnitOfWork
    engine: Engine
    worker: Worker
    settling: Settling
    flow: Flow
    schedule_book: ScheduleBook
    sign_off: SignOff
    baselines: TaskBaselines
    specialists: Specialists
    notices: Notices
    outcomes: Outcomes
    codec: Codec
    clock: Clock
    progress: ProgressRepository
    intake: Intake


class TaskExecutionWorkflow:
    """Creates a task, has it done, and signs it off.

    Requests come as a mapping, as keywords, or as a ``TaskRequest``. A request that cannot be met
    is a result with ``success=False``; nothing is stored then. A database that fails raises
    ``StorageError``. What a successful call returned is on disk (with ``durability="full"``).
    """

    def __init__(self, *, machinery: Machinery) -> None:
        self._m = machinery
        self._creation = Creation(
            tasks=machinery.tasks,
            unit_of_work=machinery.unit_of_work,
            codec=machinery.codec,
            deduplication=Deduplication(machinery.tasks),
        )

    async def create_task(self, request: Given = None, /, **fields: object) -> TaskResult:
        """Store a new task. Someone runs it later: ``execute_task``, or a worker.

        The same ``idempotency_key`` with the same request gives the task that is there already, and
        so does the same ``dedup_key`` while a task of the type is not finished; ``created`` tells.

        Args:
            request: a mapping or a ``TaskRequest``; its fields are those of ``TaskRequest``.
            fields: the same as keywords; they win over ``request``.
        """
        return (await self._create([(request, fields)]))[0]

    async def execute_task(self, task_id: str) -> TaskResult:
        """Do the task's work now, its retries included, and keep the outcome for the sign-off.

        Joins the task if it is running. A task that is executed already is not run again. A type
        that no specialist does is handed to an outside worker: status ``assigned``.
        """
        try:
            task = await self._m.tasks.get(task_id_of(task_id))
        except RequestError as error:
            return TaskResult(success=False, error=str(error))
        if task.status in {TaskStatus.EXECUTED, TaskStatus.COMPLETED}:
            return self._result(task)
        if task.status is TaskStatus.PENDING and task.blockers:
            why = await self._m.settling.dead_ends(task) or "it waits for tasks not completed yet"
            return self._result(task, error=f"Task {task.id!r} cannot run: {why}.")
        try:
            signed = await self._execute(task.id)
        except EngineStopped as error:
            return self._result(task, error=str(error))
        if signed.task.status is TaskStatus.ASSIGNED:
            return self._result(signed.task)
        return await self._of(signed)

    async def complete_task(
        self,
        task_id: str,
        completion: TaskOutcome | Mapping[str, object] | None = None,
        /,
        **fields: object,
    ) -> TaskResult:
        """Sign off a task that is executed or assigned, if its file operations are proven.

        Args:
            task_id: which task.
            completion: ``summary``, ``artifacts``, ``next_action``, ``result``; what is not given
                stays as the specialist handed it back. Artifacts are references, not claims.
            fields: the same as keywords.
        """
        for _ in range(MOST_TRIES):
            try:
                return await self._complete(task_id_of(task_id), completion, fields)
            except StaleTask:
                continue
            except (RequestError, PayloadError, IllegalTransition) as error:
                return await self._refusal(task_id, error)
        return await self._refusal(task_id, StaleTask())

    async def get_task_status(self, task_id: str) -> TaskResult:
        """How the task stands. ``success`` says that there is such a task; see ``status``."""
        try:
            task = await self._m.tasks.get(task_id_of(task_id))
        except RequestError as error:
            return TaskResult(success=False, error=str(error))
        result = self._result(task, findings=await self._refused(task))
        why = str(task.error) if task.error else await self._m.settling.dead_ends(task)
        progress = await self._m.progress.of_task(task.id)
        waits_for = await self._waits_for(task)
        return replace(result, error=why or result.error, progress=progress, waits_for=waits_for)

    async def cancel_task(self, task_id: str, reason: str = "") -> TaskResult:
        """Call the task off. A running handler is cancelled at its next await and cleans up first;
        one that finishes all the same has its way. Then the steps that have an ``undo`` are undone.
        A task that has failed, and whose steps are being undone, fails.
        """
        for _ in range(MOST_TRIES):
            try:
                text_of(reason, "reason")
                task = await self._m.tasks.get(task_id_of(task_id))
                signed = await self._m.engine.cancel(task.id, reason)
                stopped = signed.task if signed else await self._call_off(task, reason)
            except StaleTask:
                continue
            except (RequestError, IllegalTransition) as error:
                return await self._refusal(task_id, error)
            if stopped.status is TaskStatus.CANCELLED:
                return self._result(stopped)
            if not stopped.finished and stopped.status is not TaskStatus.EXECUTED:
                return self._result(stopped, error=await self._why_not(stopped))
            return self._result(stopped, error=f"Task {task_id!r} was {stopped.status} before.")
        return await self._refusal(task_id, StaleTask())

    async def run(self, request: Given = None, /, **fields: object) -> TaskResult:
        """Create, execute and complete a task; returns when nothing more will come of it.

        A task whose dependencies are not completed yet waits for them, and so does one
        for its turn where its type has limits. One that is paused is left as it is, and the result
        says so. If this call is cancelled, the task is pending again and goes on at the next
        chance; ``cancel_task`` calls it off.
        """
        try:
            parsed = parse_request(request, {**fields, "completion": Completion.AUTO})
            task, created = await self._begin(self._m.intake.task(parsed), parsed)
        except (RequestError, PayloadError) as error:
            return TaskResult(success=False, error=str(error))
        try:
            return await self._of(await self._finish(task), created=created)
        except EngineStopped as error:
            return self._result(task, error=str(error), created=created)

    execute_complete_task_lifecycle = run

    async def _create(
        self, given: Sequence[tuple[Given, Mapping[str, object]]]
    ) -> list[TaskResult]:
        """Create all of the tasks, or none."""
        try:
            requests = [parse_request(request, fields) for request, fields in given]
            stored = await self._creation.add(
                [self._m.intake.task(request) for request in requests], requests
            )
        except (RequestError, PayloadError) as error:
            return [TaskResult(success=False, error=str(error)) for _ in given]
        self._m.notices.work()
        return [self._result(task, created=created) for task, created in stored]

    async def _begin(self, task: Task, request: TaskRequest) -> Stored:
        """Store the task; in the same transaction claim it, if it can run at once."""
        m = self._m
        await m.flow.declare()
        given = task
        if not request.depends_on and not self._delay(task):
            task = self._at_once(task)
        try:
            stored = (await self._creation.add([task], [request]))[0]
        except GatedType:  # since another process has put a gate there
            stored = (await self._creation.add([given], [request]))[0]
        except asyncio.CancelledError as error:
            await m.engine.disown(task.id, error)
            raise
        if stored.task is task and task.status is TaskStatus.RUNNING:
            m.engine.begin(task, kept=False)
        return stored

    def _at_once(self, task: Task) -> Task:
        m = self._m
        if not m.specialists.knows(task.specialist_type):
            has_baseline = m.baselines.are_of(task.specialist_type)  # an attempt takes it
            return task if has_baseline else task.assign(m.clock.now())
        return task if m.flow.has_gate(task.specialist_type) else m.engine.held(task)

    async def _finish(self, task: Task) -> Signed:
        """Bring a task that ``run`` created, now or earlier, as far as it will go."""
        if task.status is TaskStatus.PENDING:
            signed = await self._work_off(task.id)
        elif task.status in GOING_ON:
            signed = await self._execute(task.id)
        else:
            signed = Signed(task)
        if signed.task.status is TaskStatus.EXECUTED and not signed.refused:
            signed = await self._m.sign_off.complete(signed.task, signed.task.outcome or b"")
            await self._m.engine.tell(signed.task)
        return signed

    async def _work_off(self, task_id: TaskId) -> Signed:
        """A task that could not begin at once."""
        task = await self._m.tasks.get(task_id)
        if task.blockers:
            async with self._m.worker.engaged():
                return Signed(await self._m.settling.worked(task_id))
        await self._until_due(task)
        return await self._execute(task_id)

    async def _execute(self, task_id: TaskId) -> Signed:
        """Run the task here, or wait for whoever runs it; again after each retry's wait."""
        engine = self._m.engine
        while True:
            if task_id not in engine.running:
                claimed = await engine.claim(task_id)
                if claimed is None:
                    async with self._m.worker.engaged():
                        return Signed(await self._m.settling.worked(task_id))
                engine.begin(claimed, kept=False)
            signed = await engine.join(task_id)
            if signed.released or signed.task.status not in GOING_ON:
                return signed
            await self._until_due(signed.task)

    async def _until_due(self, task: Task) -> None:
        """Wait for the moment, or until somebody else does something with the task."""
        while task.status is TaskStatus.PENDING and (delay := self._delay(task)):
            await self._m.settling.pause(task.id, delay)
            task = await self._m.tasks.get(task.id)

    def _delay(self, task: Task) -> float:
        """Seconds until the task is due; 0 if it is."""
        if task.run_after is None:
            return 0.0
        return max((task.run_after - self._m.clock.now()).total_seconds(), 0.0)

    async def _complete(
        self,
        task_id: TaskId,
        completion: TaskOutcome | Mapping[str, object] | None,
        fields: Mapping[str, object],
    ) -> TaskResult:
        task = await self._m.tasks.get(task_id)
        base = self._m.outcomes.decode(task.outcome) if task.outcome else TaskOutcome()
        said = parse_outcome(completion, fields, base)
        if task.status is TaskStatus.COMPLETED and said == base:
            return self._result(task)
        if task.status not in {TaskStatus.EXECUTED, TaskStatus.ASSIGNED}:
            raise IllegalTransition(task.id, task.status, TaskStatus.COMPLETED)
        outcome = self._m.outcomes.encode(said)
        signed = await self._m.sign_off.complete(task, outcome)
        await self._m.engine.tell(signed.task)
        return await self._of(signed)

    async def _call_off(self, task: Task, reason: str) -> Task:
        if task.undoable and task.status in GOING_ON:
            await self._m.tasks.call_off(task.id, reason)
            return (await self._execute(task.id)).task
        cancelled = task.cancel(called_off(reason), self._m.clock.now())
        if self._m.engine.started and task.owner == self._m.engine.owner:
            self._m.engine.called_off.add(task)  # it is claimed here, and about to begin
        await self._m.tasks.save(cancelled)
        await self._m.engine.tell(cancelled)
        return cancelled

    async def _of(self, signed: Signed, *, created: bool = False) -> TaskResult:
        """The result of work that was to come to its end."""
        task = signed.task
        done = task.status in {TaskStatus.COMPLETED, TaskStatus.EXECUTED} and not signed.refused
        error = None if done and not task.error else await self._why_not(task)
        findings = signed.refused or await self._refused(task)
        return self._result(task, error=error, findings=findings, created=created)

    async def _why_not(self, task: Task) -> str:
        if task.status is TaskStatus.ASSIGNED:
            return (
                f"{self._m.specialists.told_missing(task.specialist_type)}; task {task.id!r} is"
                " assigned to an outside worker, who ends it with complete_task."
            )
        if task.error and not task.paused:
            return str(task.error)
        if why := await self._m.settling.dead_ends(task):
            return f"Task {task.id!r} cannot run: {why}."
        if why := await self._m.flow.pauses(task):
            return f"Task {task.id!r} does not run: {why}."
        return f"Task {task.id!r} was interrupted; it is {task.status} and goes on later."

    async def _waits_for(self, task: Task) -> str:
        if task.status is not TaskStatus.WAITING:
            return await self._m.flow.keeps_waiting(task)
        return waits_in_words(await self._m.steps.of_task(task.id))

    async def _refused(self, task: Task) -> tuple[Finding, ...]:
        if task.report_id is None or not task.error:
            return ()
        report = await self._m.reports.get(task.report_id)
        return tuple(report.refused) if report else ()

    async def _refusal(self, task_id: object, error: Exception) -> TaskResult:
        ids = [TaskId(task_id)] if isinstance(task_id, str) else []
        for task in (await self._m.tasks.find(ids)).values():
            return self._result(task, error=str(error))
        return TaskResult(success=False, error=str(error))

    def _result(
        self,
        task: Task,
        *,
        error: str | None = None,
        findings: tuple[Finding, ...] = (),
        created: bool = False,
    ) -> TaskResult:
        outcome = None
        if task.outcome is not None:
            try:
                outcome = self._m.outcomes.decode(task.outcome)
            except UnreadableValue as unreadable:
                error = error or str(unreadable)
        return TaskResult(
            success=error is None,
            error=error,
            task_id=task.id,
            status=task.status,
            title=task.title,
            specialist_type=task.specialist_type,
            outcome=outcome,
            findings=findings,
            report_id=task.report_id,
            attempt=task.attempt,
            failures=task.failures,
            paused=task.paused,
            created=created,
        )
