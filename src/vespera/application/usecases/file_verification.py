"""Find out whether what was recorded of files is so."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    TaskRepository,
)
from vespera.application.usecases.excusing import Excusing
from vespera.application.usecases.families import Families
from vespera.application.usecases.file_results import VerifyOperationResult, VerifyTaskResult
from vespera.application.usecases.file_statements import checked_id
from vespera.application.usecases.workspace_surveys import Surveyed, WorkspaceSurveys
from vespera.domain.carried import directories_of, goals_of
from vespera.domain.errors import InvalidRequest, RequestError
from vespera.domain.file_operation import FileOperation, OperationKind, Phase, is_act
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.manifest import Manifest
from vespera.domain.rollback_plan import taken_back
from vespera.domain.task import GOING_ON, Task, TaskStatus
from vespera.domain.verification import Finding, Report, judge, refusal_of, withdrawn
from vespera.domain.witness import witnessed


class FileVerification:
    """Judges recorded operations by what is on the disk."""

    def __init__(
        self,
        *,
        operations: FileOperationRepository,
        reports: ReportRepository,
        files: FileStore,
        clock: Clock,
        new_id: Callable[[], str],
        excusing: Excusing,
        tasks: TaskRepository,
        surveys: WorkspaceSurveys,
        families: Families,
    ) -> None:
        self._operations = operations
        self._reports = reports
        self._files = files
        self._clock = clock
        self._new_id = new_id
        self._excusing = excusing
        self._tasks = tasks
        self._surveys = surveys
        self._families = families

    async def verify_operation(self, operation_id: str) -> VerifyOperationResult:
        """Judge one operation among all that were recorded on its path. Changes nothing.

        An unknown id gives ``success=False`` and an ``error`` that names it.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            known = OperationId(checked_id(operation_id, "operation_id"))
            finding = await self.finding_of(known)
        except RequestError as refusal:
            return VerifyOperationResult(
                success=False, operation_id=operation_id, error=str(refusal)
            )
        return VerifyOperationResult(
            success=True,
            operation_id=known,
            verified=finding.passes,
            verdict=finding.verdict,
            reason=finding.reason,
            file_path=finding.path,
            destination=finding.destination,
            before=finding.before,
            after=finding.after,
        )

    async def finding_of(self, operation_id: OperationId) -> Finding:
        """The finding on one operation, judged as ``verify_operation`` does.

        Raises:
            OperationNotFound: there is none of this id.
            InvalidRequest: it is an allowance, of which there is nothing to find.
        """
        operation = await self._operations.get(operation_id)
        if not is_act(operation) and operation.phase is not Phase.REFUSED:
            what = "an allowance" if operation.kind is OperationKind.SCOPE else "what failed"
            told = f"{operation_id!r} is {what} ({operation.path!r}); it claims nothing"
            raise InvalidRequest(told, field="operation_id")
        [finding] = await self._excusing.excused(await self._judged([operation]))
        return finding

    async def verify_task(self, task_id: str) -> VerifyTaskResult:
        """Judge all operations of a task, and of those that it has spawned, and store the report;
        nothing else is changed.

        The report tells of the moment of verification, not of any time after it. A task without
        operations is verified.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            task = TaskId(checked_id(task_id, "task_id"))
        except RequestError as refusal:
            return VerifyTaskResult(success=False, error=str(refusal))
        return await self._stored(await self.examine(task))

    async def verify_all(self) -> VerifyTaskResult:
        """Judge every recorded operation, of every task and of none, refused attempts to leave the
        workspace among them. Nothing is written.

        Raises:
            StorageError: the database cannot do its work.
        """
        judged = await self._judge_paths(await self._operations.all_paths())
        refused = [refusal_of(attempt) for attempt in await self._operations.refused()]
        report = await self._report(None, [*judged.values(), *refused])
        return VerifyTaskResult(success=True, verified=report.verified, report=report)

    async def examine(
        self, task_id: TaskId, *, survey: bool = True, task: Task | None = None
    ) -> Report:
        """Judge all operations of a task as ``verify_task`` does, without storing the report.

        Args:
            task_id: any id under which operations may have been recorded.
            survey: compare the workspace with the snapshot before the task, if it has one.
            task: the task of this id, if it has just been read.
        """
        if task is None:
            task = (await self._tasks.find([task_id])).get(task_id)
        descendants = await self._families.descendants_of(task)
        kin = [task_id, *(child.id for child in descendants)]
        surveyed = await self._surveys.of(task, kin) if survey else Surveyed()
        own = await self._operations.of_task(task_id)
        recorded = [*own, *await self._operations_of(descendants)]
        judged = await self._judged(sorted(recorded, key=attrgetter("id")))
        if task is not None and task.status is TaskStatus.EXECUTED:
            judged = await self._without_what_was_taken_back(judged, recorded)
        report = await self._report(task_id, [*judged, *surveyed.findings])
        return replace(report, operations=len(own), survey=surveyed.survey)

    async def _without_what_was_taken_back(
        self, judged: Sequence[Finding], recorded: Sequence[FileOperation]
    ) -> Sequence[Finding]:
        """A task that is rolled back before its completion has nothing to show for its work; nor
        for that of its children.
        """
        paths = {path for one in recorded if is_act(one) for path in one.paths}
        gone = taken_back(await self._operations.on_paths(paths)) if paths else ()
        return [withdrawn(one) if one.operation_id in gone else one for one in judged]

    async def _operations_of(self, descendants: Sequence[Task]) -> Sequence[FileOperation]:
        """Those of descendants that are under way are judged at their own gates, when they are
        done with what they have announced.
        """
        ended = [child.id for child in descendants if child.status not in GOING_ON]
        return [one for child in ended for one in await self._operations.of_task(child)]

    async def _judged(self, operations: Sequence[FileOperation]) -> Sequence[Finding]:
        """The findings on these operations, in their order; an allowance has none."""
        acts = list(filter(is_act, operations))
        late = {one.task_id for one in acts if one.phase is Phase.CLAIM and one.task_id}
        witnesses = await self._surveys.baselines_of(late) if late else ()
        judged = await self._judge_paths({path for one in acts for path in one.paths}, witnesses)
        return [
            refusal_of(one) if one.phase is Phase.REFUSED else judged[one.id]
            for one in operations
            if is_act(one) or one.phase is Phase.REFUSED
        ]

    async def _judge_paths(
        self, paths: Collection[str], witnesses: Sequence[Manifest] = ()
    ) -> Mapping[OperationId, Finding]:
        """Findings on everybody's operations on these paths, in the order of recording;
        ``witnesses`` tell what was there before claims that nobody had announced.

        The disk is observed before the operations are read: every declared change that the
        observation can show is then among them, as intents are recorded before the act.
        """
        ordered = sorted(paths)
        if not ordered:
            return {}
        found = dict(zip(ordered, await self._files.observe(ordered), strict=True))
        operations = await self._operations.on_paths([*ordered, *directories_of(ordered)])
        if further := set(goals_of(operations)).difference(ordered):
            return await self._judge_paths(further.union(ordered), witnesses)
        for manifest in witnesses:
            operations = witnessed(operations, manifest)
        judged = judge(operations, found)
        return {finding.operation_id: finding for finding in judged if finding.operation_id}

    async def _report(self, task_id: TaskId | None, findings: Collection[Finding]) -> Report:
        return Report(
            id=ReportId(self._new_id()),
            task_id=task_id,
            findings=tuple(await self._excusing.excused(findings)),
            verified_at=self._clock.now(),
            policy=await self._excusing.policy_of(task_id),
        )

    async def _stored(self, report: Report) -> VerifyTaskResult:
        await self._reports.add(report)
        return VerifyTaskResult(success=True, verified=report.verified, report=report)
