"""Whether what was said of files is so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from vespera.domain.chain import Evidence, Fate, gather
from vespera.domain.effects import is_what_left, name_of, refutation
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    UnknownState,
    sides,
)
from vespera.domain.ids import OperationId, ReportId, TaskId


class Verdict(StrEnum):
    """What a verification found of one operation, from the best to the worst. Only the first two
    let a task complete.
    """

    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    UNVERIFIABLE = "unverifiable"
    NO_EFFECT = "no_effect"
    CHANGED_SINCE = "changed_since"
    INTERFERED = "interfered"
    REFUTED = "refuted"


_SEVERITY = list(Verdict)
"""From the best to the worst, as they are declared above."""

PASSING = frozenset({Verdict.VERIFIED, Verdict.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on one operation, in words (``reason``) and with both states; those of a move or
    a copy are what was at ``path`` before and what is at ``destination`` after.
    """

    operation_id: OperationId
    task_id: TaskId | None
    kind: OperationKind
    path: str
    verdict: Verdict
    reason: str
    before: PathState
    after: PathState
    destination: str | None = None

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


def judge(operations: Sequence[FileOperation], found: Mapping[str, PathState]) -> list[Finding]:
    """Judge what was recorded on some paths against what is there now.

    The operations of a path are read as a line of observations: an intent was observed before its
    act, a claim after it, and what is there now comes last. An act is proven by the observations
    around it, whoever made them, and each observed change proves one act at most. A change that no
    operation declares is charged to both sides: the act before it no longer stands, the one after
    it was interfered with. What nobody could observe proves nothing. A move or a copy is proven if
    both of its sides are, and if it is the same that left and that arrived.

    Args:
        operations: everybody's on these paths, oldest first.
        found: for each path what is there now.

    Returns:
        One finding for each operation all of whose paths are among these, in the order given.
    """
    chains: dict[str, list[tuple[int, FileOperation]]] = {}
    for number, operation in enumerate(operations):
        for side in sides(operation):
            chains.setdefault(side.path, []).append((number, side))
    seen: dict[tuple[int, str], Evidence] = {}
    for path, state in found.items():
        chain = chains.get(path, ())
        for (number, _), evidence in zip(chain, gather([s for _, s in chain], state), strict=True):
            seen[number, path] = evidence
    return [
        _finding(operation, [seen[number, path] for path in operation.paths])
        for number, operation in enumerate(operations)
        if all(path in found for path in operation.paths)
    ]


_Fact = tuple[Verdict, str]


def _finding(operation: FileOperation, shown: Sequence[Evidence]) -> Finding:
    verdict, reason = _verdict(shown[0]) if len(shown) == 1 else _joint_verdict(shown)
    after = shown[-1].after
    return Finding(
        operation_id=operation.id,
        task_id=operation.task_id,
        kind=operation.kind,
        path=operation.path,
        verdict=verdict,
        reason=reason,
        before=shown[0].before,
        after=NOT_OBSERVED if after is None else after,
        destination=operation.destination.path if operation.destination else None,
    )


def _joint_verdict(shown: Sequence[Evidence]) -> _Fact:
    """That of a move or a copy: the worse of its two sides."""
    departure, arrival = shown
    facts = [_verdict(side) for side in shown]
    came = facts[1][0] in {*PASSING, Verdict.NO_EFFECT}
    if came and (lie := _why_not_the_same(departure, arrival)):
        facts[1] = Verdict.REFUTED, lie
    worst = max((verdict for verdict, _ in facts), key=_SEVERITY.index)
    if worst in PASSING:
        return worst, facts[1][1]
    told = [
        f"at {side.operation.path!r}: {reason}"
        for side, (verdict, reason) in zip(shown, facts, strict=True)
        if verdict not in PASSING
    ]
    return worst, "; ".join(told)


def _why_not_the_same(departure: Evidence, arrival: Evidence) -> str:
    left, came = departure.before, arrival.after
    if came is None or isinstance(left, UnknownState):
        return ""
    if is_what_left(arrival.operation.kind, left, came):
        return ""
    return f"it is not what was to come here: that was {name_of(left)}; it is {name_of(came)}"


def _verdict(evidence: Evidence) -> _Fact:
    if evidence.left is not None:
        left, met = name_of(evidence.left), name_of(evidence.before)
        reason = f"the operation before left {left}; when this one began, there was {met}"
        return Verdict.INTERFERED, reason
    fact = _fact(evidence)
    true = fact[0] is Verdict.VERIFIED
    return (_since(evidence) or fact) if true else fact


def _fact(evidence: Evidence) -> _Fact:
    """Judge one act by what was observed right before and after it."""
    before, after = evidence.before, evidence.after
    if lie := refutation(evidence.operation, before, after):
        return Verdict.REFUTED, lie
    if isinstance(before, UnknownState):
        return Verdict.UNVERIFIABLE, f"what was there before is not known: {before.reason}"
    if after is None:
        return _unseen(evidence)
    if isinstance(after, UnknownState):
        return Verdict.UNVERIFIABLE, f"what it left is not known: {after.reason}"
    return _result(evidence, after)


def _unseen(evidence: Evidence) -> _Fact:
    """Judge an act whose effect nobody observed by what the next operation says it found."""
    match evidence.operation.kind, evidence.claimed_next:
        case OperationKind.CREATE, FileOperation(kind=OperationKind.MODIFY, after=FileState()):
            return Verdict.SUPERSEDED, "it was there for the next operation, which modified it"
        case _:
            return Verdict.UNVERIFIABLE, "another operation came before its effect was observed"


def _result(evidence: Evidence, after: PathState) -> _Fact:
    kind, expected = evidence.operation.kind, evidence.operation.expected
    if expected is not None and after != expected:
        return Verdict.REFUTED, f"it was to leave {name_of(expected)}; it left {name_of(after)}"
    if kind in _LEAVING_A_TRACE and evidence.before == after:
        if evidence.written:
            return Verdict.VERIFIED, f"it was written as it was already: {name_of(after)}"
        return Verdict.NO_EFFECT, f"nothing was done: {name_of(after)} is unchanged"
    return Verdict.VERIFIED, _TRUTHS[kind].format(name_of(after))


_LEAVING_A_TRACE = {OperationKind.MODIFY, OperationKind.CHMOD, OperationKind.COPY}
_TRUTHS = {
    OperationKind.CREATE: "it was created: nothing was there before, then {}",
    OperationKind.MODIFY: "it was modified; it became {}",
    OperationKind.DELETE: "it was deleted; then there was {}",
    OperationKind.READ: "it was there to be read: {}",
    OperationKind.MOVE: "it was moved: there is {}",
    OperationKind.COPY: "it was copied: there is {}",
    OperationKind.MKDIR: "it was created: nothing was there before, then {}",
    OperationKind.RMDIR: "it was removed; then there was {}",
    OperationKind.SYMLINK: "it was created: nothing was there before, then {}",
    OperationKind.CHMOD: "its mode was changed; it became {}",
}


def _since(evidence: Evidence) -> _Fact | None:
    """Ask of what was true once: does it still stand, and if not, who declared the change?"""
    then = evidence.then
    match evidence.fate:
        case Fate.STANDS | Fate.REPLACED:
            return None
        case Fate.REPLACED_BY_OTHERS:
            return Verdict.SUPERSEDED, "true then; another task changed it later"
        case Fate.REPLACED_AS_ANNOUNCED:
            return Verdict.SUPERSEDED, "true then; a change announced before came after it"
        case Fate.CHANGED:
            was = "read" if evidence.operation.kind is OperationKind.READ else "done"
            left = name_of(evidence.after or NOT_OBSERVED)
            told = "now there is" if then == evidence.found else "then, undeclared, there was"
            return Verdict.CHANGED_SINCE, f"true when {was}: {left}; {told} {name_of(then)}"
        case Fate.UNKNOWN:
            return Verdict.UNVERIFIABLE, f"now there is {name_of(then)}"
        case _:
            assert_never(evidence.fate)


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
            return "make the path readable; record an intent before the act, and a claim after it"
        case _:
            assert_never(verdict)
