"""Whether what was said of files is so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import assert_never

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, ReportId, TaskId


class Verdict(StrEnum):
    """What a verification found of one operation. Only the first two let a task complete."""

    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    NO_EFFECT = "no_effect"
    REFUTED = "refuted"
    CHANGED_SINCE = "changed_since"
    INTERFERED = "interfered"
    UNVERIFIABLE = "unverifiable"


PASSING = frozenset({Verdict.VERIFIED, Verdict.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on one operation, in words (``reason``) and with both states."""

    operation_id: OperationId
    task_id: TaskId | None
    kind: OperationKind
    path: str
    verdict: Verdict
    reason: str
    before: PathState
    after: PathState

    @property
    def passes(self) -> bool:
        """Whether the strict policy lets it through."""
        return self.verdict in PASSING

    @property
    def remedy(self) -> str:
        """What to do next so that the task can be completed; empty if nothing is to be done."""
        return _remedy(self.verdict, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings on all operations of a task, as of ``verified_at``."""

    id: ReportId
    task_id: TaskId | None
    findings: tuple[Finding, ...]
    verified_at: datetime

    @property
    def verified(self) -> bool:
        """Whether every finding passes."""
        return all(finding.passes for finding in self.findings)

    @property
    def refused(self) -> Sequence[Finding]:
        """The findings that do not pass."""
        return [finding for finding in self.findings if not finding.passes]


def judge(chain: Sequence[FileOperation], found: PathState) -> list[Finding]:
    """Judge all operations recorded on one path, oldest first, against what is there now.

    Every operation gets one finding, in the order given. The chain is read as a line of
    observations: an intent was observed before its act, a claim after it, and ``found`` comes
    last. An act is proven by the observations around it, whoever made them. A change between two
    observations that no operation declares is told; what nobody could observe proves nothing.
    """
    acts = _acts(chain, found)
    facts = [
        _interference(previous, act) or _fact(act)
        for previous, act in zip([None, *acts], acts, strict=False)
    ]
    compared = _compare_with_disk(acts, facts, found)
    return [_finding(act, *fact) for act, fact in zip(acts, compared, strict=True)]


_Fact = tuple[Verdict, str]


@dataclass(frozen=True, slots=True)
class _Act:
    """What is known of the path right before and after one operation was carried out.

    ``after`` is None where another act followed before anybody looked. ``steady`` is False for a
    reading made while an announced change was still to come: what it saw need not have lasted.
    """

    operation: FileOperation
    before: PathState
    after: PathState | None
    steady: bool = True

    @property
    def reads(self) -> bool:
        return self.operation.kind is OperationKind.READ

    @property
    def changes(self) -> bool:
        return _known(self.before) and _known(self.after) and self.before != self.after


def _known(state: PathState | None) -> bool:
    return state is not None and not isinstance(state, UnknownState)


def _acts(chain: Sequence[FileOperation], found: PathState) -> list[_Act]:
    acts: list[_Act] = []
    change: _Act | None = None
    pending: FileOperation | None = None
    for index, operation in enumerate(chain):
        if operation.kind is OperationKind.READ:
            seen = _seen(operation)
            if pending and _shows_effect(seen, pending):
                pending = None
            act = _Act(operation, seen, seen, steady=pending is None)
        else:
            before = _before(operation, change, acts[-1] if acts else None)
            change = act = _Act(operation, before, _after(chain, index, found))
            pending = operation if operation.phase is Phase.INTENT else None
        acts.append(act)
    return acts


def _seen(reading: FileOperation) -> PathState:
    return reading.after if reading.phase is Phase.CLAIM else reading.before


def _shows_effect(seen: PathState, intent: FileOperation) -> bool:
    return _known(seen) and seen != intent.before


def _before(operation: FileOperation, change: _Act | None, previous: _Act | None) -> PathState:
    if operation.phase is not Phase.CLAIM:
        return operation.before
    if change and _closes(operation, change.operation):
        return change.before
    if previous and previous.steady and previous.after is not None:
        return previous.after
    return NOT_OBSERVED


def _after(chain: Sequence[FileOperation], index: int, found: PathState) -> PathState | None:
    operation = chain[index]
    if operation.phase is not Phase.INTENT:
        return operation.after
    for later in islice(chain, index + 1, None):
        if later.kind is OperationKind.READ:
            if _shows_effect(_seen(later), operation):
                return _seen(later)
        elif later.phase is Phase.CLAIM:
            return later.after if _closes(later, operation) else None
        else:
            return later.before
    return found


def _closes(claim: FileOperation, intent: FileOperation) -> bool:
    """Whether the claim says that this very intent was carried out."""
    same = (claim.kind, claim.task_id) == (intent.kind, intent.task_id)
    return same and intent.phase is Phase.INTENT


def _interference(previous: _Act | None, act: _Act) -> _Fact | None:
    """What happened to the path between two operations without being declared."""
    observed = act.reads or act.operation.phase is not Phase.CLAIM
    if previous is None or not (observed and previous.steady and act.steady):
        return None
    left, met = previous.after, act.before
    if left is None or not (_known(left) and _known(met)) or left == met:
        return None
    reason = f"the operation before left {_name(left)}; when this one began, there was {_name(met)}"
    return Verdict.INTERFERED, reason


def _fact(act: _Act) -> _Fact:
    """Judge one act by what was observed right before and after it."""
    kind, before, after = act.operation.kind, act.before, act.after
    if lie := _refutation(kind, before, after):
        return Verdict.REFUTED, lie
    if isinstance(before, UnknownState):
        return Verdict.UNVERIFIABLE, f"what was there before is not known: {before.reason}"
    if after is None:
        return Verdict.SUPERSEDED, "another operation replaced it before its effect was observed"
    if isinstance(after, UnknownState):
        return Verdict.UNVERIFIABLE, f"what it left is not known: {after.reason}"
    return _result(act.operation, before, after)


def _result(operation: FileOperation, before: PathState, after: PathState) -> _Fact:
    kind, expected = operation.kind, operation.expected
    if expected is not None and after != expected:
        return Verdict.REFUTED, f"it was to leave {_name(expected)}; it left {_name(after)}"
    if kind is OperationKind.MODIFY and before == after:
        if expected is not None and operation.phase is Phase.DONE:
            return Verdict.VERIFIED, f"it was written as it was already: {_name(after)}"
        return Verdict.NO_EFFECT, f"nothing was modified: there still is {_name(after)}, unchanged"
    return Verdict.VERIFIED, _TRUTHS[kind].format(_name(after))


_TRUTHS = {
    OperationKind.CREATE: "it was created: nothing was there before, then {}",
    OperationKind.MODIFY: "it was modified; it became {}",
    OperationKind.DELETE: "it was deleted; then there was {}",
    OperationKind.READ: "it was there to be read: {}",
}


def _refutation(kind: OperationKind, before: PathState, after: PathState | None) -> str:
    """Why the act cannot have happened as said; empty if it can."""
    match kind:
        case OperationKind.CREATE:
            return _why_not_created(before, after)
        case OperationKind.MODIFY:
            return _why_not_modified(before, after)
        case OperationKind.DELETE:
            return _why_not_deleted(before, after)
        case OperationKind.READ:
            return _why_not_read(before)
        case _:
            assert_never(kind)


def _why_not_created(before: PathState, after: PathState | None) -> str:
    match before, after:
        case _, Absent():
            return "it was not created: nothing is there"
        case ((Absent() | UnknownState()), _):
            return ""
        case _:
            since = "; it is unchanged" if before == after else ""
            return f"it was not created: there was {_name(before)} already{since}"


def _why_not_modified(before: PathState, after: PathState | None) -> str:
    if isinstance(before, Absent):
        return "it was not modified: nothing was there"
    if isinstance(before, DirectoryState | SpecialState):
        return f"it was not modified: {_name(before)} was there, no file"
    match after:
        case None | FileState() | UnknownState():
            return ""
        case Absent():
            return "it was not modified but removed: nothing is there"
        case _:
            return f"it was not modified but replaced by {_name(after)}"


def _why_not_deleted(before: PathState, after: PathState | None) -> str:
    if isinstance(before, Absent):
        return "it was not deleted: nothing was there"
    match after:
        case None | Absent() | UnknownState():
            return ""
        case _:
            return f"it was not deleted: there still is {_name(after)}"


def _why_not_read(seen: PathState) -> str:
    match seen:
        case FileState() | UnknownState():
            return ""
        case Absent():
            return "it was not read: nothing was there"
        case _:
            return f"no file was there to be read, but {_name(seen)}"


def _compare_with_disk(acts: list[_Act], facts: list[_Fact], found: PathState) -> list[_Fact]:
    """Ask of what was true once: does it still stand, and if not, who declared the change?"""
    compared: list[_Fact] = []
    changed_by: set[TaskId | None] = set()
    last = True
    for act, fact in zip(reversed(acts), reversed(facts), strict=True):
        true = fact[0] is Verdict.VERIFIED
        if true and changed_by - {act.operation.task_id}:
            compared.append((Verdict.SUPERSEDED, "true then; another task changed it later"))
        elif true and last:
            compared.append(_standing(act, found) or fact)
        else:
            compared.append(fact)
        if not act.reads:
            last = False
            changed_by |= {act.operation.task_id} if act.changes else set()
    return compared[::-1]


def _standing(act: _Act, found: PathState) -> _Fact | None:
    """What speaks against the last act on a path, by what is there now."""
    if isinstance(found, UnknownState):
        return Verdict.UNVERIFIABLE, f"what is there now is not known: {found.reason}"
    if act.after is None or act.after == found:
        return None
    if not act.steady:
        return Verdict.SUPERSEDED, "true then; a change announced before came after it"
    was = "true when read" if act.reads else "true when done"
    return Verdict.CHANGED_SINCE, f"{was}: {_name(act.after)}; now there is {_name(found)}"


def _finding(act: _Act, verdict: Verdict, reason: str) -> Finding:
    operation = act.operation
    return Finding(
        operation_id=operation.id,
        task_id=operation.task_id,
        kind=operation.kind,
        path=operation.path,
        verdict=verdict,
        reason=reason,
        before=act.before,
        after=NOT_OBSERVED if act.after is None else act.after,
    )


def _name(state: PathState) -> str:
    match state:
        case Absent():
            return "nothing"
        case FileState(digest, size, mode):
            return f"a file of {size:,} bytes ({digest[:15]}, mode {mode:04o})"
        case SymlinkState(target):
            return f"a symbolic link to {target!r}"
        case DirectoryState():
            return "a directory"
        case SpecialState(kind):
            return f"a {kind}"
        case UnknownState(reason):
            return f"something unknown ({reason})"
        case _:
            assert_never(state)


def _remedy(verdict: Verdict, kind: OperationKind) -> str:
    match verdict:
        case Verdict.VERIFIED | Verdict.SUPERSEDED:
            return ""
        case Verdict.NO_EFFECT | Verdict.REFUTED:
            return f"carry out the {kind} that was announced, or run the task again without it"
        case Verdict.CHANGED_SINCE:
            return "restore what was there, or record the change as a modification after the fact"
        case Verdict.INTERFERED:
            return "find out who else writes this path, then run the task again"
        case Verdict.UNVERIFIABLE:
            return "make the path readable, or record the intent before the act, then verify again"
        case _:
            assert_never(verdict)
