"""Moves, copies, directories, links and modes: when what is said of them counts as proven."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    SymlinkState,
    UnknownState,
    sides,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, judge

CREATE, MODIFY, DELETE, READ, MOVE, COPY, MKDIR, RMDIR, SYMLINK, CHMOD, SCOPE = OperationKind
VERIFIED, SUPERSEDED, UNVERIFIABLE, NO_EFFECT, CHANGED_SINCE, _, INTERFERED, _, REFUTED = Verdict
GONE = Absent()
V1, V2, V3 = (FileState(f"b3:{n}{n}", 10 + n, 0o644) for n in (1, 2, 3))
V1_RUN = FileState(V1.digest, V1.size, 0o755)
LINK, OTHER_LINK = SymlinkState("elsewhere"), SymlinkState("nowhere")
DIRECTORY, OPEN_DIRECTORY = DirectoryState(0o755), DirectoryState(0o777)
FIFO = SpecialState("fifo")
UNREADABLE = UnknownState("unreadable")


def act(
    kind: OperationKind,
    path: str,
    before: PathState,
    *,
    phase: Phase = Phase.INTENT,
    after: PathState = NOT_OBSERVED,
    to: Destination | None = None,
    expected: PathState | None = None,
) -> FileOperation:
    return FileOperation(
        id=OperationId("an id"),
        task_id=TaskId("task"),
        kind=kind,
        phase=phase,
        path=path,
        before=before,
        after=after,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
        expected=expected,
        destination=to,
    )


def intended(kind: OperationKind, a: PathState, b: PathState, **more: bool) -> FileOperation:
    return act(kind, "a", a, to=Destination(path="b", before=b, after=NOT_OBSERVED, **more))


def claimed(kind: OperationKind, a: PathState, b: PathState) -> FileOperation:
    to = Destination(path="b", before=NOT_OBSERVED, after=b)
    return act(kind, "a", NOT_OBSERVED, phase=Phase.CLAIM, after=a, to=to)


def found(*operations: FileOperation, **now: PathState) -> list[Finding]:
    return judge(operations, now)


def last(*operations: FileOperation, **now: PathState) -> Verdict:
    return found(*operations, **now)[-1].verdict


class TestOneMove:
    """A move is proven when what was there is there no more, and stands where it was to go."""

    @pytest.mark.parametrize(
        ("a", "b", "a_now", "b_now", "verdict"),
        [
            (V1, GONE, GONE, V1, VERIFIED),
            (LINK, GONE, GONE, LINK, VERIFIED),
            (DIRECTORY, GONE, GONE, DIRECTORY, VERIFIED),
            (FIFO, GONE, GONE, FIFO, VERIFIED),
            (V1, GONE, V1, GONE, REFUTED),
            (V1, GONE, GONE, GONE, REFUTED),
            (V1, GONE, V1, V1, REFUTED),
            (V1, GONE, GONE, V2, REFUTED),
            (V1, GONE, GONE, V1_RUN, REFUTED),
            (V1, V2, GONE, V1, REFUTED),
            (GONE, GONE, GONE, V1, REFUTED),
            (GONE, GONE, GONE, GONE, REFUTED),
            (V1, GONE, GONE, UNREADABLE, UNVERIFIABLE),
            (V1, UNREADABLE, GONE, V1, UNVERIFIABLE),
            (UNREADABLE, GONE, GONE, V1, UNVERIFIABLE),
            (V1, GONE, UNREADABLE, V1, UNVERIFIABLE),
        ],
    )
    def test_an_intent_is_judged_at_both_ends(
        self, a: PathState, b: PathState, a_now: PathState, b_now: PathState, verdict: Verdict
    ) -> None:
        assert last(intended(MOVE, a, b), a=a_now, b=b_now) is verdict

    def test_only_the_side_that_is_not_proven_is_told(self) -> None:
        [finding] = found(intended(MOVE, V1, GONE), a=GONE, b=V2)

        assert finding.reason.startswith("at 'b': it is not what was to come here")
        assert "at 'a'" not in finding.reason

    @pytest.mark.parametrize(
        ("b", "b_now", "verdict"),
        [
            (V2, V1, VERIFIED),
            (V1, V1, VERIFIED),
            (LINK, V1, VERIFIED),
            (DIRECTORY, V1, REFUTED),
            (V2, V2, REFUTED),
            (V2, GONE, REFUTED),
        ],
    )
    def test_it_may_overwrite_if_it_was_said_to(
        self, b: PathState, b_now: PathState, verdict: Verdict
    ) -> None:
        assert last(intended(MOVE, V1, b, overwrites=True), a=GONE, b=b_now) is verdict

    def test_the_finding_tells_from_what_to_what(self) -> None:
        [finding] = found(intended(MOVE, V1, GONE), a=GONE, b=V1)

        assert (finding.path, finding.before) == ("a", V1)
        assert (finding.destination, finding.after) == ("b", V1)
        assert "it was moved" in finding.reason

    def test_each_end_that_is_wrong_is_named(self) -> None:
        [finding] = found(intended(MOVE, V1, GONE), a=V1, b=GONE)

        assert "at 'a': it was not deleted: there still is" in finding.reason
        assert "at 'b': it was not moved there: nothing is there" in finding.reason

    def test_what_arrived_must_be_what_left(self) -> None:
        [finding] = found(intended(MOVE, V1, GONE), a=GONE, b=V2)

        assert "it is not what was to come here" in finding.reason

    def test_a_claim_alone_proves_nothing(self) -> None:
        assert last(claimed(MOVE, GONE, V1), a=GONE, b=V1) is UNVERIFIABLE

    def test_a_claim_is_proven_by_what_was_seen_before(self) -> None:
        seen = act(READ, "a", V1), act(DELETE, "b", V2)

        assert last(*seen, claimed(MOVE, GONE, V1), a=GONE, b=V1) is UNVERIFIABLE
        announced = intended(MOVE, V1, GONE)
        assert last(announced, claimed(MOVE, GONE, V1), a=GONE, b=V1) is VERIFIED

    def test_a_false_claim_is_refuted(self) -> None:
        seen = act(READ, "a", V1)

        assert last(seen, claimed(MOVE, V1, GONE), a=V1, b=GONE) is REFUTED


class TestOneCopy:
    """A copy is proven when the same stands in both places, whatever its mode."""

    @pytest.mark.parametrize(
        ("a", "b", "a_now", "b_now", "verdict"),
        [
            (V1, GONE, V1, V1, VERIFIED),
            (V1, GONE, V1, V1_RUN, VERIFIED),
            (V1, GONE, V1, GONE, REFUTED),
            (V1, GONE, V1, V2, REFUTED),
            (V1, V2, V1, V1, REFUTED),
            (V1, GONE, V2, V1, CHANGED_SINCE),
            (V1, GONE, GONE, V1, CHANGED_SINCE),
            (GONE, GONE, GONE, GONE, REFUTED),
            (LINK, GONE, LINK, LINK, REFUTED),
            (UNREADABLE, GONE, V1, V1, UNVERIFIABLE),
            (V1, GONE, V1, UNREADABLE, UNVERIFIABLE),
        ],
    )
    def test_an_intent_is_judged_at_both_ends(
        self, a: PathState, b: PathState, a_now: PathState, b_now: PathState, verdict: Verdict
    ) -> None:
        assert last(intended(COPY, a, b), a=a_now, b=b_now) is verdict

    def test_it_may_overwrite_if_it_was_said_to(self) -> None:
        assert last(intended(COPY, V1, V2, overwrites=True), a=V1, b=V1) is VERIFIED
        assert last(intended(COPY, V1, V2, overwrites=True), a=V1, b=V2) is REFUTED

    def test_one_over_the_same_content_leaves_no_trace_and_proves_nothing(self) -> None:
        assert last(intended(COPY, V1, V1_RUN, overwrites=True), a=V1, b=V1_RUN) is NO_EFFECT
        assert last(intended(COPY, V1, V1_RUN, overwrites=True), a=V1, b=V1) is VERIFIED


class TestOtherKinds:
    """Directories, links and modes."""

    @pytest.mark.parametrize(
        ("kind", "before", "now", "verdict"),
        [
            (MKDIR, GONE, DIRECTORY, VERIFIED),
            (MKDIR, GONE, V1, REFUTED),
            (MKDIR, GONE, GONE, REFUTED),
            (MKDIR, DIRECTORY, DIRECTORY, REFUTED),
            (MKDIR, UNREADABLE, DIRECTORY, UNVERIFIABLE),
            (RMDIR, DIRECTORY, GONE, VERIFIED),
            (RMDIR, V1, GONE, REFUTED),
            (RMDIR, GONE, GONE, REFUTED),
            (RMDIR, DIRECTORY, DIRECTORY, REFUTED),
            (RMDIR, DIRECTORY, UNREADABLE, UNVERIFIABLE),
            (SYMLINK, GONE, LINK, VERIFIED),
            (SYMLINK, GONE, V1, REFUTED),
            (SYMLINK, LINK, OTHER_LINK, REFUTED),
            (SYMLINK, GONE, GONE, REFUTED),
            (CHMOD, V1, V1_RUN, VERIFIED),
            (CHMOD, DIRECTORY, OPEN_DIRECTORY, VERIFIED),
            (CHMOD, V1, V1, NO_EFFECT),
            (CHMOD, V1, V2, REFUTED),
            (CHMOD, V1, GONE, REFUTED),
            (CHMOD, V1, DIRECTORY, REFUTED),
            (CHMOD, GONE, V1, REFUTED),
            (CHMOD, LINK, LINK, REFUTED),
            (CHMOD, FIFO, FIFO, REFUTED),
            (CHMOD, UNREADABLE, V1, UNVERIFIABLE),
            (CHMOD, V1, UNREADABLE, UNVERIFIABLE),
        ],
    )
    def test_an_intent_is_judged_by_what_is_there_now(
        self, kind: OperationKind, before: PathState, now: PathState, verdict: Verdict
    ) -> None:
        assert last(act(kind, "a", before), a=now) is verdict

    def test_a_link_must_lead_where_it_was_to(self) -> None:
        assert last(act(SYMLINK, "a", GONE, expected=LINK), a=LINK) is VERIFIED
        assert last(act(SYMLINK, "a", GONE, expected=LINK), a=OTHER_LINK) is REFUTED


class TestSequences:
    """Several operations on one path are one line of observations, whatever their kinds."""

    def test_a_chain_of_moves_is_proven_whole(self) -> None:
        first = intended(MOVE, V1, GONE)
        to = Destination(path="c", before=GONE, after=NOT_OBSERVED)
        second = act(MOVE, "b", V1, to=to)

        verdicts = {f.verdict for f in found(first, second, a=GONE, b=GONE, c=V1)}

        assert verdicts == {VERIFIED}

    def test_what_was_moved_away_may_be_created_anew(self) -> None:
        moved, made = intended(MOVE, V1, GONE), act(CREATE, "a", GONE)

        assert {f.verdict for f in found(moved, made, a=V2, b=V1)} == {VERIFIED}

    def test_what_was_moved_may_be_modified_there(self) -> None:
        moved, changed = intended(MOVE, V1, GONE), act(MODIFY, "b", V1)

        assert {f.verdict for f in found(moved, changed, a=GONE, b=V2)} == {VERIFIED}

    def test_what_is_undone_by_moving_back_was_moved_all_the_same(self) -> None:
        back = act(MOVE, "b", V1, to=Destination(path="a", before=GONE, after=NOT_OBSERVED))

        verdicts = {f.verdict for f in found(intended(MOVE, V1, GONE), back, a=V1, b=GONE)}

        assert verdicts == {VERIFIED}

    def test_a_change_of_what_was_moved_that_nobody_declared_is_told(self) -> None:
        done = act(
            MOVE,
            "a",
            V1,
            phase=Phase.DONE,
            after=GONE,
            to=Destination(path="b", before=GONE, after=V1),
        )

        assert last(done, a=GONE, b=V2) is CHANGED_SINCE
        assert last(done, a=V1, b=V1) is CHANGED_SINCE

    def test_an_operation_with_a_path_that_was_not_looked_at_has_no_finding(self) -> None:
        assert found(intended(MOVE, V1, GONE), a=GONE) == []

    def test_an_operation_with_one_path_has_one_side(self) -> None:
        made = act(CREATE, "a", GONE)

        assert sides(made) == (made,)


@dataclass
class Desk:
    """A few paths, and one task that records what it does to them."""

    now: dict[str, PathState] = field(default_factory=lambda: {"a": V1, "b": GONE, "c": GONE})
    operations: list[FileOperation] = field(default_factory=list)
    version: int = 0

    def act(self, said: "Said", phase: Phase, *, really: bool = True) -> None:
        kind, path, to = said
        before, there = self.now[path], self.now[to] if to else GONE
        if really:
            self._change(kind, path, to)
        seen = self.now[path] if phase is Phase.DONE else NOT_OBSERVED
        arrival = None
        if to:
            came = self.now[to] if phase is Phase.DONE else NOT_OBSERVED
            arrival = Destination(path=to, before=there, after=came, overwrites=there != GONE)
        self.operations.append(act(kind, path, before, phase=phase, after=seen, to=arrival))

    def tamper(self, path: str) -> None:
        self._change(MODIFY, path, "")

    def fitting(self) -> list["Said"]:
        """What can be done now; nothing that would leave no trace."""
        files = [path for path, state in self.now.items() if isinstance(state, FileState)]
        free = [path for path, state in self.now.items() if state == GONE]
        said = [(kind, path, "") for path in files for kind in (MODIFY, DELETE, READ, CHMOD)]
        said += [(kind, path, "") for path in free for kind in (CREATE, MKDIR, SYMLINK)]
        said += [(RMDIR, path, "") for path, s in self.now.items() if isinstance(s, DirectoryState)]
        said += [(DELETE, path, "") for path, s in self.now.items() if isinstance(s, SymlinkState)]
        ways = [(a, b) for a in files for b in (*files, *free) if self.now[a] != self.now[b]]
        return said + [(kind, a, b) for a, b in ways for kind in (MOVE, COPY)]

    def passes(self) -> bool:
        return all(finding.passes for finding in judge(self.operations, self.now))

    def _change(self, kind: OperationKind, path: str, to: str) -> None:
        self.version += 1
        state = self.now[path]
        if kind in {CREATE, MODIFY}:
            self.now[path] = FileState(f"b3:{self.version}", self.version, 0o644)
        elif kind is CHMOD and isinstance(state, FileState):
            self.now[path] = FileState(state.digest, state.size, state.mode ^ 0o100)
        elif kind in {MKDIR, SYMLINK}:
            self.now[path] = DIRECTORY if kind is MKDIR else SymlinkState(str(self.version))
        elif kind in {MOVE, COPY}:
            self.now[to] = state
        if kind in {DELETE, RMDIR, MOVE}:
            self.now[path] = GONE


Said = tuple[OperationKind, str, str]


def honest(desk: Desk, draw: st.DataObject, *, but: Callable[[Said], bool] | None = None) -> None:
    fitting = [said for said in desk.fitting() if but is None or not but(said)]
    if fitting:
        phase = draw.draw(st.sampled_from([Phase.INTENT, Phase.DONE]))
        desk.act(draw.draw(st.sampled_from(fitting)), phase)


def touches(paths: Sequence[str]) -> Callable[[Said], bool]:
    return lambda said: said[1] in paths or said[2] in paths


@settings(deadline=None)
@given(draw=st.data(), length=st.integers(1, 14))
def test_every_honest_history_of_several_paths_passes(draw: st.DataObject, length: int) -> None:
    desk = Desk()
    for _ in range(length):
        honest(desk, draw)

    assert desk.passes(), [f for f in judge(desk.operations, desk.now) if not f.passes]


@settings(deadline=None)
@given(draw=st.data(), before=st.integers(0, 6), more=st.integers(0, 6))
def test_no_history_with_an_act_on_several_paths_that_never_happened_passes(
    draw: st.DataObject, before: int, more: int
) -> None:
    desk = Desk()
    for _ in range(before):
        honest(desk, draw)
    pretended = [said for said in desk.fitting() if said[0] is not READ]
    said = draw.draw(st.sampled_from(pretended))
    phase = draw.draw(st.sampled_from([Phase.INTENT, Phase.DONE]))
    desk.act(said, phase, really=False)
    # What was announced falsely and is done after all is no lie any more.
    own = touches([path for path in said[1:] if path])
    for _ in range(more):
        honest(desk, draw, but=own)

    assert not desk.passes()


@settings(deadline=None)
@given(draw=st.data(), before=st.integers(0, 6), more=st.integers(0, 6))
def test_no_history_of_several_paths_with_a_change_nobody_declared_passes(
    draw: st.DataObject, before: int, more: int
) -> None:
    desk = Desk()
    for _ in range(before):
        honest(desk, draw)
    path = draw.draw(st.sampled_from(sorted(desk.now)))
    if not isinstance(desk.now[path], FileState):
        path = "d"
        desk.now[path] = GONE
        desk.act((CREATE, path, ""), Phase.DONE)
    # A change right behind an open intent cannot be told from the announced act itself.
    desk.act((READ, path, ""), Phase.INTENT)
    desk.tamper(path)
    desk.act((READ, path, ""), Phase.INTENT)
    for _ in range(more):
        honest(desk, draw)

    assert not desk.passes()
