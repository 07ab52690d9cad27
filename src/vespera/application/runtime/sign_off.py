"""The proof gate: no task completes on a claim that the disk does not bear out."""

from dataclasses import dataclass, replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import ReportRepository, TaskRepository, UnitOfWork
from vespera.application.usecases.task_baselines import TaskBaselines
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import StaleTask
from vespera.domain.task import Task, TaskFailure, TaskStatus
from vespera.domain.verification import Finding, Report

MOST_LOOKS = 5
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Signed:
    """The task at the end of an attempt, and the findings that speak against its completion.

    ``released``: the attempt was broken off on purpose; the task goes on some other time.
    """

    task: Task
    refused: tuple[Finding, ...] = ()
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Completes a task if, and only if, everything it says of files is so, or what is not is
    tolerated by the policy, or waived.

    The look at the disk happens outside any transaction; the completing transaction holds only if
    no operation was recorded meanwhile, and stores the id of the report that was the ground.
    """

    tasks: TaskRepository
    reports: ReportRepository
    unit_of_work: UnitOfWork
    tracking: TrackFileOperationsUseCase
    baselines: TaskBaselines
    clock: Clock

    async def complete(self, task: Task, outcome: bytes, *, untouched: bool = False) -> Signed:
        """Sign the task off, or keep it with the refusal recorded (status ``executed``, or
        ``assigned`` as before).

        Args:
            task: running, executed or assigned, as it was read.
            outcome: encoded.
            untouched: no file operation is known; the look is left out unless the store objects,
                a snapshot was to be taken before the task began, or it has spawned others.

        Raises:
            StaleTask: somebody else changed the task.
        """
        for look in range(MOST_LOOKS):
            report = None
            if look or not untouched or self._must_look(task):
                report = await self.tracking.examine(task.id, task=task)
                if not report.approved:
                    return await self._refuse(task, outcome, report)
            try:
                return Signed(await self._sign(task, outcome, report))
            except StaleTask:
                current = await self.tasks.get(task.id)
                if current.version != task.version:
                    raise
        raise StaleTask(
            f"Task {task.id!r} cannot be signed off: file operations are recorded for it all the"
            " time. Stop whoever records them and complete it again."
        )

    def _must_look(self, task: Task) -> bool:
        """Whether there may be something to find that the task itself does not say."""
        return task.spawned or self.baselines.are_of(task.specialist_type)

    async def _sign(self, task: Task, outcome: bytes, report: Report | None) -> Task:
        if report is None or not (report.findings or report.operations or report.survey):
            done = task.complete(outcome, None, self.clock.now())
            await self.tasks.complete(done, operations=0)
            return done
        done = task.complete(outcome, report.id, self.clock.now())
        async with self.unit_of_work():
            await self.reports.add(report)
            await self.tasks.complete(done, operations=report.operations)
        return done

    async def _refuse(self, task: Task, outcome: bytes, report: Report) -> Signed:
        refused = tuple(report.refused)
        refusal = TaskFailure(error_types=("UnprovenCompletion",), message=_in_words(report))
        now = self.clock.now()
        if task.status is TaskStatus.RUNNING:
            kept = task.execute(outcome, now, refusal)
        else:
            kept = task.refuse(refusal, now)
        kept = replace(kept, report_id=report.id)
        async with self.unit_of_work():
            await self.reports.add(report)
            await self.tasks.save(kept)
        return Signed(kept, refused)


def _in_words(report: Report) -> str:
    refused = report.refused
    named = [f"{f.path!r} ({f.kind}): {f.verdict}, {f.reason}" for f in refused[:MOST_NAMED]]
    more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
    return (
        f"{_counted(report)}: {'; '.join(named)}{more}."
        " Put the files right and complete the task again."
    )


def _counted(report: Report) -> str:
    unproven = [finding for finding in report.refused if finding.operation_id]
    unsaid = len(report.refused) - len(unproven)
    parts = []
    if unproven:
        said = len(report.operation_ids)
        parts.append(f"{len(unproven)} of {said} file operations are not proven")
    if unsaid:
        parts.append(f"{unsaid} finding{'' if unsaid == 1 else 's'} on undeclared changes")
    return " and ".join(parts)
