"""What workflows and orchestrators give back."""

from dataclasses import dataclass, field

from vespera.domain.ids import ReportId, TaskId
from vespera.domain.progress import Progress
from vespera.domain.quick import quick
from vespera.domain.task import FINISHED, TaskOutcome, TaskStatus
from vespera.domain.verification import Finding


@quick
@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What came of a call, and how the task stands.

    ``success`` says whether the call did what it was asked to; ``error`` says why not, and names
    the field or the id. ``status`` compares with text: ``result.status == "completed"``.
    ``progress`` is what the handler said last, where the status was asked for. ``paused`` says that
    somebody has paused the task; ``waits_for`` (of ``get_task_status``), why a task that is pending
    or waiting does not run at this moment: what is paused, awaited, or at its limit. ``findings``
    are those by which the proof gate refused the completion. ``created``: this call has stored the
    task; False, if it was there already, or the call creates none. It does not count for equality.
    ``retried`` (of ``retry_task``) are the others that are pending again with the task;
    ``still_cancelled``, those that were cancelled because it had failed, and still are.
    """

    success: bool
    error: str | None = None
    task_id: TaskId | None = None
    status: TaskStatus | None = None
    title: str = ""
    specialist_type: str = ""
    outcome: TaskOutcome | None = None
    findings: tuple[Finding, ...] = ()
    report_id: ReportId | None = None
    attempt: int = 0
    failures: int = 0
    progress: Progress | None = None
    paused: bool = False
    waits_for: str = ""
    created: bool = field(default=False, compare=False)
    retried: tuple[TaskId, ...] = ()
    still_cancelled: tuple[TaskId, ...] = ()

    @property
    def completed(self) -> bool:
        """Whether the task is signed off."""
        return self.status is TaskStatus.COMPLETED

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the task."""
        return self.status in FINISHED

    @property
    def result(self) -> object:
        """What the specialist handed back; None before that."""
        return self.outcome.result if self.outcome else None
