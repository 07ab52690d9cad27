"""Whether what was said of files is so."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from vespera.domain.carried import with_legs
from vespera.domain.chain import Evidence, Fate, gather
from vespera.domain.effects import is_what_left, name_of, refutation
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    UnknownState,
    is_act,
    sides,
)
from vespera.domain.ids import OperationId, ReportId, TaskId, WaiverId
from vespera.domain.policy import STRICT, ProofPolicy
from vespera.domain.survey import Survey
from vespera.domain.verdict import PASSING, SEVERITY, Verdict


@dataclass(frozen=True, slots=True)
class Waived:
    """By which waiver a finding is let pass, and who answers for it with which reason."""

    waiver_id: WaiverId
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on one operation, in words (``reason``) and with both states; those of a move or
    a copy are what was at ``path`` before and what is at ``destination`` after.

    Or on a change that no operation declares; then ``operation_id`` is None, ``kind`` as what it
    would have been declared, and ``candidates`` are other tasks that were at work as well. Whose
    doing it was, nobody knows.

    ``now`` is what was there when it was judged, at each of its paths. One that is not proven may
    be ``tolerated``, by the policy, or ``waived`` by somebody; its verdict stays what it is.
    """

    operation_id: OperationId | None
    task_id: TaskId | None
    kind: OperationKind
    path: str
    verdict: Verdict
    reason: str
    before: PathState
    after: PathState
    destination: str | None = None
    now: tuple[PathState, ...] = ()
    candidates: tuple[TaskId, ...] = ()
    tolerated: bool = False
    waived: Waived | None = None

    @property
    def passes(self) -> bool:
        """Whether it is proven; then every policy lets it pass."""
        return self.verdict in PASSING

    @property
    def blocks(self) -> bool:
        """Whether it keeps the task from its completion: not proven, and not let pass either."""
        return not self.passes and not self.tolerated and self.waived is None

    @property
    def excuse(self) -> str:
        """Why it is let pass although it is not proven; empty if it is not, or is proven."""
        if self.waived is not None:
            return f"waived by {self.waived.by}: {self.waived.reason}"
        return "tolerated" if self.tolerated else ""

    @property
    def remedy(self) -> str:
        """What to do next so that the task can be completed; empty if nothing is to be done."""
        return _remedy(self.verdict, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings on all operations of a task, as of ``verified_at``, and the ``policy`` by which
    it was judged whether they let it complete.

    ``operations`` is how many the task itself had recorded, also those that claim nothing.
    ``survey`` tells of the comparison with the snapshot before the task, if there was one.
    """

    id: ReportId
    task_id: TaskId | None
    findings: tuple[Finding, ...]
    verified_at: datetime
    policy: ProofPolicy = STRICT
    operations: int = 0
    survey: Survey | None = None

    @property
    def verified(self) -> bool:
        """Whether every finding is proven."""
        return all(finding.passes for finding in self.findings)

    @property
    def approved(self) -> bool:
        """Whether nothing keeps the task from its completion."""
        return not self.refused

    @property
    def refused(self) -> Sequence[Finding]:
        """The findings that keep the task from its completion."""
        return [finding for finding in self.findings if finding.blocks]

    @property
    def operation_ids(self) -> Sequence[OperationId]:
        """Of the operations that were judged."""
        return [finding.operation_id for finding in self.findings if finding.operation_id]

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many findings there are of each verdict that was found."""
        return Counter(finding.verdict for finding in self.findings)


def judge(operations: Sequence[FileOperation], found: Mapping[str, PathState]) -> list[Finding]:
    """Judge what was recorded on some paths against what is there now.

    The operations of a path are read as a line of observations: an intent was observed before its
    act, a claim after it, and what is there now comes last. An act is proven by the observations
    around it, whoever made them, and each observed change proves one act at most. A change that no
    operation declares is charged to both sides: the act before it no longer stands, the one after
    it was interfered with. What nobody could observe proves nothing. A move or a copy is proven if
    both of its sides are, and if it is the same that left and that arrived.

    What is in a directory that was moved was moved with it, and is looked at where it is then, if
    that is among ``found``; see ``goals_of``.

    What claims nothing, an allowance or a refused attempt, is left out.

    Args:
        operations: everybody's on these paths, oldest first.
        found: for each path what is there now.

    Returns:
        One finding for each operation all of whose paths are among these, in the order given.
    """
    chains: dict[str, list[tuple[int, FileOperation]]] = {}
    told = with_legs([one for one in operations if is_act(one)], found)
    for number, one in enumerate(told):
        for side in sides(one.operation):
            chains.setdefault(side.path, []).append((number, side))
    seen: dict[tuple[int, str], Evidence] = {}
    for path, state in found.items():
        chain = chains.get(path, ())
        for (number, _), evidence in zip(chain, gather([s for _, s in chain], state), strict=True):
            seen[number, path] = evidence
    findings = {
        number: _finding(one.operation, [seen[number, path] for path in one.operation.paths])
        for number, one in enumerate(told)
        if one.recorded and all(path in found for path in one.operation.paths)
    }
    for number, one in enumerate(told):
        goal = one.operation.paths[-1]
        if one.bearer in findings and (number, goal) in seen:
            findings[one.bearer] = _taken_along(findings[one.bearer], goal, seen[number, goal])
    return list(findings.values())


def _taken_along(finding: Finding, goal: str, arrival: Evidence) -> Finding:
    """What was true holds only if it is still so where its directory was moved to."""
    verdict, reason = _verdict(replace(arrival, before=Absent()))
    if not finding.passes or verdict not in _NOT_SO_ANY_MORE:
        return finding
    told = f"it was taken along to {goal!r}: {reason}"
    return replace(finding, verdict=verdict, reason=told)


_NOT_SO_ANY_MORE = {Verdict.CHANGED_SINCE, Verdict.UNVERIFIABLE}


def refusal_of(operation: FileOperation) -> Finding:
    """The finding on an attempt that was refused, whatever has become of the path since."""
    match operation.after:
        case UnknownState(reason):
            told = reason
        case _:
            told = "it is no path in the workspace"
    return Finding(
        operation_id=operation.id,
        task_id=operation.task_id,
        kind=operation.kind,
        path=operation.path,
        verdict=Verdict.REFUSED,
        reason=f"it was attempted and not done: {told}",
        before=operation.before,
        after=operation.after,
    )


def withdrawn(finding: Finding) -> Finding:
    """The finding on what was true once, and was rolled back since."""
    told = "it was rolled back; retry the task to have it done again"
    return replace(finding, verdict=Verdict.CHANGED_SINCE, reason=told)


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
        now=tuple(evidence.found for evidence in shown),
    )


def _joint_verdict(shown: Sequence[Evidence]) -> _Fact:
    """That of a move or a copy: the worse of its two sides."""
    departure, arrival = shown
    facts = [_verdict(side) for side in shown]
    came = facts[1][0] in {*PASSING, Verdict.NO_EFFECT}
    if came and (lie := _why_not_the_same(departure, arrival)):
        facts[1] = Verdict.REFUTED, lie
    worst = max((verdict for verdict, _ in facts), key=SEVERITY.index)
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
        case Verdict.UNDECLARED:
            return "take it back, or have it waived; next time, declare or allow it beforehand"
        case Verdict.REFUSED:
            return "keep to the workspace; if the task is right without it, have it waived"
        case _:
            assert_never(verdict)
