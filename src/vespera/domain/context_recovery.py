"""What whoever takes a task over has to know of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vespera.domain.changed_file import ChangedFile
from vespera.domain.file_operation import (
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.net_changes import NetChange
from vespera.domain.snapshot import Snapshot
from vespera.domain.task import Task
from vespera.domain.undeclared import Accounted
from vespera.domain.verification import Finding, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleInput:
    """A file that the task has read, and that has another content now than when it was read last,
    by somebody else's doing.
    """

    operation_id: OperationId
    path: str
    read: PathState
    now: PathState


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePoint:
    """A file operation that can be taken back: what was at its path before is known, and content,
    where it had any, is kept.
    """

    operation: FileOperation
    before: PathState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline:
    """A recorded step: ``stands`` is "done", "failed", or what it waits for."""

    name: str
    occurrence: int
    stands: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredContext:
    """All that is known of a task at one moment, for whoever takes it over.

    Attributes:
        task_id: the task, or the name that operations were recorded under.
        seen_at: when the disk was looked at.
        task: as it is stored; None: there is none of this id.
        summary, next_action: what its specialist handed back, if it got so far.
        operations: how many file operations it has recorded.
        open_intents: announced changes of files that did not come to be: probably what was under
            way when it broke off.
        changes: what it changed, all in all.
        undeclared: what has changed in the workspace since the task's first snapshot and was
            declared by nobody, or may have; None: nobody has looked for that.
        why_not_looked: why; else empty.
        failing: the findings that keep it from being completed.
        stale: what it had read and is another now.
        snapshots: that were taken for the task, the oldest first.
        restore_points: the operations that can be taken back, the oldest first.
        not_examined: paths that nobody looked at, each with the reason.
        children: the tasks that it has spawned.
        steps: what is remembered of its steps, in the order of recording.
    """

    task_id: TaskId
    seen_at: datetime
    task: Task | None = None
    summary: str = ""
    next_action: str = ""
    operations: int = 0
    open_intents: Sequence[Finding] = ()
    changes: Sequence[ChangedFile] = ()
    undeclared: Sequence[Accounted] | None = None
    why_not_looked: str = ""
    failing: Sequence[Finding] = ()
    stale: Sequence[StaleInput] = ()
    snapshots: Sequence[Snapshot] = ()
    restore_points: Sequence[RestorePoint] = ()
    not_examined: Sequence[tuple[str, str]] = ()
    children: Sequence[Task] = ()
    steps: Sequence[StepOutline] = ()


def open_intents(findings: Collection[Finding], intents: Collection[OperationId]) -> list[Finding]:
    """Those of the findings that tell of an announced change that did not come to be."""
    return [
        finding
        for finding in findings
        if finding.operation_id in intents
        and not finding.passes
        and finding.kind is not OperationKind.READ
    ]


def stale_inputs(
    operations: Sequence[FileOperation],
    found: Mapping[str, PathState],
    changes: Collection[NetChange],
) -> Sequence[StaleInput]:
    """What the task has read and is another now, in the order of reading.

    Only the last reading of a path counts, and not what the task itself has put there since. What
    cannot be seen now is no proof that it changed.

    Args:
        operations: the task's own, oldest first.
        found: what is at their paths now.
        changes: what the task changed.
    """
    own = {net.change.path for net in changes if net.as_left}
    last = {one.path: one for one in operations if _reads(one)}
    return [
        StaleInput(operation_id=one.id, path=path, read=_read(one), now=found[path])
        for path, one in last.items()
        if path not in own and path in found and _is_another(_read(one), found[path])
    ]


def restorable(
    operations: Sequence[FileOperation],
    findings: Sequence[Finding],
    kept: Collection[str],
) -> Sequence[RestorePoint]:
    """The operations that changed something and can be taken back.

    Args:
        operations: the task's own, oldest first.
        findings: on these, in the same order.
        kept: the digests of the contents that are to be had.
    """
    pairs = zip(operations, findings, strict=True)
    changing = [(one, f.before) for one, f in pairs if _changed(one, f)]
    return [
        RestorePoint(operation=one, before=before)
        for one, before in changing
        if not isinstance(before, UnknownState) and needed_content(one, before) in {None, *kept}
    ]


def needed_content(operation: FileOperation, before: PathState) -> str | None:
    """The digest of what has to be put back in order to take the operation back, if anything."""
    there = operation.destination
    replaced = before if there is None else there.before
    if isinstance(replaced, FileState) and operation.kind is not OperationKind.CHMOD:
        return replaced.digest
    return None


def recovery_info(report: Report, intents: Collection[OperationId]) -> Mapping[str, object]:
    """The state of a task's files as plain JSON values; ``intents`` are those never closed."""
    files: dict[str, list[Mapping[str, object]]] = {}
    for finding in report.findings:
        files.setdefault(finding.path, []).append(finding_form(finding))
    return {
        "task_id": report.task_id,
        "verified_at": report.verified_at.isoformat(),
        "total_operations": len(report.findings),
        "all_verified": report.verified,
        "open_intents": [
            finding_form(finding) for finding in open_intents(report.findings, intents)
        ],
        "files_affected": files,
        "failed_verifications": [
            {**finding_form(finding), "next_action": finding.remedy} for finding in report.refused
        ],
    }


def finding_form(finding: Finding) -> Mapping[str, object]:
    """A finding in plain JSON values, without its states."""
    return {
        "operation_id": finding.operation_id,
        "file_path": finding.path,
        "destination": finding.destination,
        "kind": finding.kind.value,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
    }


def _reads(operation: FileOperation) -> bool:
    return operation.kind is OperationKind.READ


def _read(operation: FileOperation) -> PathState:
    return operation.after if operation.phase is Phase.CLAIM else operation.before


def _is_another(read: PathState, now: PathState) -> bool:
    if not isinstance(read, FileState) or isinstance(now, UnknownState):
        return False
    return not isinstance(now, FileState) or now.digest != read.digest


def _changed(operation: FileOperation, finding: Finding) -> bool:
    if _reads(operation) or operation.kind is OperationKind.COPY:
        return False
    return finding.before != finding.after or operation.destination is not None
