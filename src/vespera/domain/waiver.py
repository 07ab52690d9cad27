"""Somebody answers for what could not be proven."""

from dataclasses import dataclass
from datetime import datetime

from vespera.domain.file_operation import OperationKind, PathState, UnknownState
from vespera.domain.ids import OperationId, TaskId, WaiverId
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Waived


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A finding that is let pass because somebody (``by``) says why it may (``reason``).

    It is of the finding as it was: of the same verdict and the same states. What has changed since,
    at the path or in what is known of it, nobody has answered for. A revoked waiver is kept.
    """

    id: WaiverId
    task_id: TaskId
    operation_id: OperationId | None
    kind: OperationKind
    path: str
    verdict: Verdict
    before: PathState
    after: PathState
    now: tuple[PathState, ...]
    by: str
    reason: str
    waived_at: datetime
    revoked_by: str | None = None
    revoked_at: datetime | None = None

    @property
    def revoked(self) -> bool:
        """Whether it does not hold any more."""
        return self.revoked_at is not None

    @property
    def mark(self) -> Waived:
        """What a finding that it lets pass says of it."""
        return Waived(self.id, self.by, self.reason)

    def is_of(self, finding: Finding) -> bool:
        """Whether it holds for this finding."""
        return not self.revoked and _seen_in(self) == _seen_in(finding)


def why_not_waivable(finding: Finding) -> str:
    """Why nobody can answer for this finding; empty if somebody can."""
    if finding.passes:
        return f"it is {finding.verdict}; there is nothing to waive"
    if finding.task_id is None:
        return "it is of no task, so that it keeps none from its completion"
    if finding.verdict is Verdict.UNDECLARED and isinstance(finding.after, UnknownState):
        return f"nobody can answer for {finding.after.reason}; declare or allow them"
    return ""


def _seen_in(known: Finding | Waiver) -> tuple[object, ...]:
    """What makes a finding the one that it is."""
    whose = known.task_id, known.operation_id, known.path
    return *whose, known.verdict, known.before, known.after, known.now
