"""What the observations of one path show of each operation that was recorded on it.

The operations of a path are read as a line of *sights*: what was seen when each was recorded, and
what is there now. Where two neighbouring sights differ, the path has changed, and each change is
the deed of one operation at most: a claim's right before it, an intent's after it. So one change
never proves two operations, and a change that is left over was declared by nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from vespera.domain.effects import refutation
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import TaskId


class Fate(Enum):
    """What became, since, of what an operation left."""

    STANDS = auto()
    REPLACED = auto()
    REPLACED_AS_ANNOUNCED = auto()
    REPLACED_BY_OTHERS = auto()
    CHANGED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen of one operation.

    Attributes:
        operation: as it was recorded.
        before: the state right before it was carried out.
        after: the state it left; None where another one followed before anybody looked.
        left: what the operation before had left, if an undeclared change came in between.
        written: Vespera itself carried it out.
        claimed_next: what the claim that followed before anybody looked says, if one did.
        fate: what became of the state it left.
        then: what the undeclared change, if any, put in its place; else what is there now.
        found: what is there now.
    """

    operation: FileOperation
    before: PathState
    after: PathState | None
    left: PathState | None
    written: bool
    claimed_next: FileOperation | None
    fate: Fate
    then: PathState
    found: PathState


def gather(chain: Sequence[FileOperation], found: PathState) -> list[Evidence]:
    """The evidence on all operations of one path, oldest first; ``found`` is there now. Those with
    a destination are given by that side of them which is on the path (``sides``).
    """
    line = _line(chain, found)
    deeds = _Deeds(line)
    deeds.attribute()
    since = _Since(line, deeds)
    return [_evidence(at, line, deeds, since) for at in range(len(chain))]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What was seen at the operation number ``at``. ``weak``: somebody says that he was about to
    read, and there was nothing.
    """

    state: PathState
    at: int
    weak: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """The sights on a path. Step ``n`` leads from sight ``n - 1`` to sight ``n``."""

    chain: Sequence[FileOperation]
    sights: Sequence[_Sight]
    last_sight: Sequence[int]

    @property
    def end(self) -> int:
        return len(self.sights) - 1

    def ends(self, step: int) -> tuple[PathState, PathState]:
        before = self.sights[step - 1].state if step > 0 else NOT_OBSERVED
        return before, self.sights[step].state

    def changes(self, step: int) -> bool:
        before, after = self.ends(step)
        return _known(before) and _known(after) and before != after

    def fits(self, step: int, operation: FileOperation) -> bool:
        """Whether the step can be the deed of this operation."""
        return self.changes(step) and not refutation(operation, *self.ends(step))

    def first_sight(self, at: int) -> int:
        return self.last_sight[at] - int(_writes(self.chain[at]))


def _known(state: PathState) -> bool:
    return not isinstance(state, UnknownState)


def _reads(operation: FileOperation) -> bool:
    return operation.kind is OperationKind.READ


def _writes(operation: FileOperation) -> bool:
    return operation.phase is Phase.DONE and not _reads(operation)


def _line(chain: Sequence[FileOperation], found: PathState) -> _Line:
    sights: list[_Sight] = []
    last_sight: list[int] = []
    for at, operation in enumerate(chain):
        for state in _seen(operation):
            if not _reads(operation) or _tells_more(state, sights):
                sights.append(_Sight(state, at, _is_weak(operation, state)))
        last_sight.append(len(sights) - 1)
    sights.append(_Sight(found, len(chain), weak=False))
    return _Line(chain, sights, last_sight)


def _is_weak(operation: FileOperation, state: PathState) -> bool:
    return _reads(operation) and operation.phase is not Phase.DONE and state == Absent()


def _seen(operation: FileOperation) -> Sequence[PathState]:
    if operation.phase is Phase.CLAIM:
        return (operation.after,)
    if _writes(operation):
        return (operation.before, operation.after)
    return (operation.before,)


def _tells_more(state: PathState, sights: Sequence[_Sight]) -> bool:
    return _known(state) and not (sights and sights[-1].state == state)


@dataclass(slots=True)
class _Deeds:
    """Which operation each change is the deed of, found out from the oldest sight on.

    Attributes:
        line: what was seen.
        doer: step -> the operation whose deed it is.
        step: operation -> the step that shows its deed, or that nothing was done.
        written_by: intent -> the operation by which Vespera itself carried it out.
        claimed: the intents that a claim says were carried out.
        doubtful: claims of which nobody knows what was there before.
        unseen: intent -> the claim that followed before anybody looked.
        latest: the last announced change, until it is seen or another one follows.
        announced: the intents of each task and kind.
        reached: the latest operation of each task that is known to have been carried out.
    """

    line: _Line
    doer: dict[int, int] = field(default_factory=dict)
    step: dict[int, int] = field(default_factory=dict)
    written_by: dict[int, int] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    unseen: dict[int, int] = field(default_factory=dict)
    latest: int | None = None
    announced: dict[tuple[TaskId | None, OperationKind], list[int]] = field(default_factory=dict)
    reached: dict[TaskId | None, int] = field(default_factory=dict)

    def attribute(self) -> None:
        for at, operation in enumerate(self.line.chain):
            if _reads(operation):
                self._see(self.line.last_sight[at], by=at)
            elif operation.phase is Phase.CLAIM:
                self._claim(at)
            else:
                self._begin(at)
        self._see(self.line.end, by=len(self.line.chain))
        self._settle(self.line.end)

    def _see(self, step: int, *, by: int) -> None:
        """A change that is no claim's is the deed of the last announcement."""
        new = self.line.sights[step].at == by
        if self.latest is not None and new and self.line.changes(step):
            self.doer[step] = self.latest
            self._get_to(self.latest)
            self._settle(step)

    def _settle(self, step: int) -> None:
        if self.latest is not None:
            self.step[self.latest] = step
            self.latest = None

    def _begin(self, at: int) -> None:
        first = self.line.first_sight(at)
        self._see(first, by=at)
        self._settle(first)
        if self.line.chain[at].phase is Phase.INTENT:
            self.latest = at
            said = (self.line.chain[at].task_id, self.line.chain[at].kind)
            self.announced.setdefault(said, []).append(at)
        else:
            self._write(at)

    def _write(self, at: int) -> None:
        step = self.line.last_sight[at]
        self.doer[step], self.step[at] = at, step
        intent = self._intent_of(at, carried_out=False)
        if intent is None or self.line.chain[intent].before != self.line.chain[at].before:
            self._get_to(at)
            return
        self.written_by[intent], self.step[intent] = at, step
        self._get_to(intent)

    def _claim(self, at: int) -> None:
        step = self.line.last_sight[at]
        intent = None
        if self.line.changes(step):
            self.doer[step] = at
        else:
            intent = self._intent_of(at, carried_out=True)
        if intent is None:
            intent = self._intent_of(at, carried_out=False)
        if intent is None:
            self._claim_alone(at, step)
        else:
            self._claim_announced(at, intent)

    def _claim_announced(self, at: int, intent: int) -> None:
        """A claim that is made late, after other sights, tells of a change seen before."""
        step = self.line.last_sight[at]
        late = not self.line.changes(step)
        self.step[at] = self.step[intent] = self._shown_earlier(intent, at) if late else step
        if intent in self.written_by:
            self.written_by[at] = self.written_by[intent]
        if self.latest == intent:
            self.latest = None
        self.claimed.add(intent)
        self._get_to(intent)

    def _claim_alone(self, at: int, step: int) -> None:
        self.step[at] = step
        self._get_to(at)
        if self.latest is not None:
            self.unseen[self.latest] = at
        if self.latest is not None or (step > 0 and self.line.sights[step - 1].weak):
            self.doubtful.add(at)
        self.latest = None

    def _shown_earlier(self, intent: int, claim: int) -> int:
        """The step that shows what is claimed late, taken from an intent that is not claimed."""
        if self._is_carried_out(intent):
            return self.step[intent]
        last = self.line.last_sight[claim]
        free = filter(self._is_free, range(self.line.last_sight[intent] + 1, last))
        fitting = [step for step in free if self.line.fits(step, self.line.chain[claim])]
        if not fitting:
            return last
        step = min(fitting, key=lambda step: step in self.doer)
        if step in self.doer:
            robbed = self.doer[step]
            self.unseen[robbed] = claim
            del self.step[robbed]
        self.doer[step] = intent
        return step

    def _is_free(self, step: int) -> bool:
        doer = self.doer.get(step)
        if doer is None:
            return True
        return self.line.chain[doer].phase is Phase.INTENT and doer not in self.claimed

    def _is_carried_out(self, intent: int) -> bool:
        return intent in self.written_by or self.doer.get(self.step.get(intent, -1)) == intent

    def _intent_of(self, at: int, *, carried_out: bool) -> int | None:
        """The last announcement of what this operation says, if its task has got no further."""
        operation = self.line.chain[at]
        reached = self.reached.get(operation.task_id, 0)
        for intent in reversed(self.announced.get((operation.task_id, operation.kind), ())):
            if intent < reached:
                break
            if intent not in self.claimed and self._is_carried_out(intent) is carried_out:
                return intent
        return None

    def _get_to(self, at: int) -> None:
        """A task that has done something later does no longer do what it announced before."""
        self.reached[self.line.chain[at].task_id] = at


class _Since:
    """What became of the path after each sight."""

    def __init__(self, line: _Line, deeds: _Deeds) -> None:
        self._line, self._deeds = line, deeds
        self._last_seen = {sight.state: number for number, sight in enumerate(line.sights)}
        self._last_deed: dict[TaskId | None, int] = {}
        self._next_change: list[int | None] = [None] * len(line.sights)
        self._latest_doer = [-1] * len(line.sights)
        for step in range(line.end, 0, -1):
            self._look_back(step)

    def fate(self, at: int, state: PathState, *, answered: bool) -> tuple[Fate, PathState]:
        """What became of what operation ``at`` left; its claim, if any, ``answers`` for most."""
        line, sight = self._line, self._sight(at)
        change = self._next_change[max(sight, self._last_seen.get(state, sight))]
        if change is not None and not answered and not self._is_declared(change):
            return Fate.CHANGED, line.sights[change].state
        found = line.sights[line.end].state
        own = line.chain[at].task_id
        if any(step > sight for task, step in self._last_deed.items() if task != own):
            return Fate.REPLACED_BY_OTHERS, found
        if change is not None:
            early = 0 <= self._latest_doer[sight] < at
            return (Fate.REPLACED_AS_ANNOUNCED if early else Fate.REPLACED), found
        return (Fate.STANDS if answered or _known(found) else Fate.UNKNOWN), found

    def _look_back(self, step: int) -> None:
        changes, declared = self._line.changes(step), self._is_declared(step)
        self._next_change[step - 1] = step if changes else self._next_change[step]
        self._latest_doer[step - 1] = self._latest_doer[step]
        if declared:
            doer = self._deeds.doer[step]
            self._latest_doer[step - 1] = max(doer, self._latest_doer[step])
            self._last_deed.setdefault(self._line.chain[doer].task_id, step)

    def _is_declared(self, step: int) -> bool:
        doer = self._deeds.doer.get(step)
        return doer is not None and self._line.fits(step, self._line.chain[doer])

    def _sight(self, at: int) -> int:
        if _reads(self._line.chain[at]):
            return max(self._line.last_sight[at], 0)
        return self._deeds.step.get(at, self._line.last_sight[at])


def _evidence(at: int, line: _Line, deeds: _Deeds, since: _Since) -> Evidence:
    operation = line.chain[at]
    before, after = _around(at, line, deeds)
    writer = line.chain[deeds.written_by.get(at, at)]
    announces = operation.phase is Phase.INTENT
    answered = at in deeds.claimed or (announces and at in deeds.written_by)
    fate, then = since.fate(at, after or NOT_OBSERVED, answered=answered)
    return Evidence(
        operation=operation,
        before=before,
        after=after,
        left=_interference(at, line, deeds),
        written=_writes(writer) and writer.expected is not None,
        claimed_next=line.chain[deeds.unseen[at]] if after is None else None,
        fate=fate,
        then=then,
        found=line.sights[line.end].state,
    )


def _around(at: int, line: _Line, deeds: _Deeds) -> tuple[PathState, PathState | None]:
    operation = line.chain[at]
    if _reads(operation):
        [seen] = _seen(operation)
        return seen, seen
    if at not in deeds.step:
        return operation.before, None
    before, after = line.ends(deeds.step[at])
    if at in deeds.doubtful:
        return NOT_OBSERVED, after
    if operation.phase is Phase.INTENT and not _known(operation.before):
        return operation.before, after
    return before, after


def _interference(at: int, line: _Line, deeds: _Deeds) -> PathState | None:
    """What was left before, if this operation met another state that nobody declared."""
    first = line.first_sight(at)
    operation, sight = line.chain[at], line.sights[first]
    if sight.at != at or (operation.phase is Phase.CLAIM and not _reads(operation)):
        return None
    if first in deeds.doer or not line.changes(first):
        return None
    return line.ends(first)[0]
