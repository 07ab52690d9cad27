"""What the gate finds in the workspace beside what was said of it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from vespera.domain.by_type import ByType, by_type_of
from vespera.domain.changes import Change
from vespera.domain.effects import name_of
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    OperationKind,
    PathState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import TaskId
from vespera.domain.undeclared import Account, Accounted
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding

WORKSPACE = "."
"""Stands for the whole workspace, where a finding needs a path."""

MOST_TOLD = 1000
MOST_CANDIDATES = 10


class SnapshotTasks(StrEnum):
    """Whether a snapshot is taken before a task begins and compared at its gate. ``FULL``: the gate
    reads every file, whatever the file system says of it.
    """

    OFF = "off"
    AROUND = "around"
    FULL = "full"


def snapshot_tasks_of(given: object, field: str) -> SnapshotTasks:
    """The setting of this name.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return SnapshotTasks(given)  # type: ignore[arg-type]  # anything may be given
    except ValueError:
        known = ", ".join(map(repr, map(str, SnapshotTasks)))
        raise InvalidRequest(f"must be one of {known}, not {given!r}", field=field) from None


def snapshot_tasks_by_type(given: object) -> ByType[SnapshotTasks]:
    """The setting ``snapshot_tasks``: one value, or a mapping from specialist types to values.

    Raises:
        InvalidRequest: it makes no sense; the error names the place.
    """
    return by_type_of(given, "snapshot_tasks", snapshot_tasks_of, SnapshotTasks.OFF)


def unwitnessed(task_id: TaskId, reason: str) -> Finding:
    """The finding that nobody knows what has changed without having been declared."""
    unknown = UnknownState(reason)
    return Finding(
        operation_id=None,
        task_id=task_id,
        kind=OperationKind.READ,
        path=WORKSPACE,
        verdict=Verdict.UNVERIFIABLE,
        reason=f"what else has changed is not known: {reason}",
        before=NOT_OBSERVED,
        after=unknown,
        now=(unknown,),
    )


def undeclared_findings(
    accounted: Iterable[Accounted], *, task_id: TaskId, candidates: Sequence[TaskId]
) -> Sequence[Finding]:
    """A finding for each change that nobody declared, and one for all that are too many to tell.

    Nobody is said to have made them: ``candidates`` are other tasks that were at work as well.
    """
    found = [one.change for one in accounted if one.account is Account.UNDECLARED]
    others = tuple(candidates[:MOST_CANDIDATES])
    findings = [_undeclared(change, task_id, others) for change in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        rest = UnknownState(f"{len(found) - MOST_TOLD:,} more changes, not told one by one")
        findings.append(_undeclared(Change(WORKSPACE, NOT_OBSERVED, rest), task_id, others))
    return findings


def _undeclared(change: Change, task_id: TaskId, candidates: tuple[TaskId, ...]) -> Finding:
    verdict, reason = _judged(change)
    at_work = f"; also at work were {', '.join(candidates)}" if candidates else ""
    return Finding(
        operation_id=None,
        task_id=task_id,
        kind=_kind_of(change),
        path=change.path,
        verdict=verdict,
        reason=reason + at_work,
        before=change.before,
        after=change.after,
        now=(change.after,),
        candidates=candidates,
    )


def _judged(change: Change) -> tuple[Verdict, str]:
    match change:
        case Change(path=path, after=UnknownState(reason)) if path == WORKSPACE:
            return Verdict.UNDECLARED, f"there are {reason}"
        case Change(before=before, after=UnknownState(reason)):
            told = f"there was {name_of(before)}; what is there now is not known: {reason}"
            return Verdict.UNVERIFIABLE, told
        case _:
            was, now = name_of(change.before), name_of(change.after)
            return Verdict.UNDECLARED, f"nobody declared it: there was {was}, now there is {now}"


def _kind_of(change: Change) -> OperationKind:
    """As what it would have been declared."""
    match change.before, change.after:
        case Absent(), came:
            return _kind_of_arrival(came)
        case DirectoryState(), Absent():
            return OperationKind.RMDIR
        case _, Absent():
            return OperationKind.DELETE
        case _:
            return OperationKind.MODIFY


def _kind_of_arrival(state: PathState) -> OperationKind:
    match state:
        case DirectoryState():
            return OperationKind.MKDIR
        case SymlinkState():
            return OperationKind.SYMLINK
        case _:
            return OperationKind.CREATE
