"""Each change that was seen on a path is the deed of one operation at most."""

from datetime import UTC, datetime

from vespera.domain.chain import Evidence, Fate, gather
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
)
from vespera.domain.ids import OperationId, TaskId

GONE = Absent()
V1, V2, V3 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2, 3))


def modify(by: str, phase: Phase, before: PathState, after: PathState) -> FileOperation:
    return FileOperation(
        id=OperationId("an id"),
        task_id=TaskId(by),
        kind=OperationKind.MODIFY,
        phase=phase,
        path="a.txt",
        before=before,
        after=after,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def intent(by: str, before: PathState) -> FileOperation:
    return modify(by, Phase.INTENT, before, NOT_OBSERVED)


def claim(by: str, after: PathState) -> FileOperation:
    return modify(by, Phase.CLAIM, NOT_OBSERVED, after)


def done(by: str, before: PathState, after: PathState) -> FileOperation:
    return modify(by, Phase.DONE, before, after)


def ends(evidence: Evidence) -> tuple[PathState, PathState | None]:
    return evidence.before, evidence.after


def test_an_intent_and_its_claim_share_their_evidence() -> None:
    first, second = gather([intent("a", V1), claim("a", V2)], V2)

    assert ends(first) == ends(second) == (V1, V2)


def test_a_change_between_two_claims_is_the_second_ones() -> None:
    chain = [intent("a", V1), intent("b", V1), claim("a", V2), claim("b", V3)]

    assert [ends(evidence) for evidence in gather(chain, V3)] == [(V1, V2), (V2, V3)] * 2


def test_an_effect_that_another_claim_hides_is_not_known() -> None:
    hidden, _ = gather([intent("a", V1), claim("b", V2)], V2)

    assert ends(hidden) == (V1, None)
    assert hidden.claimed_next == claim("b", V2)


def test_a_change_that_is_left_over_is_told_on_both_sides() -> None:
    earlier, later = gather([done("a", GONE, V1), intent("b", V2)], V2)

    assert (earlier.fate, earlier.then) == (Fate.CHANGED, V2)
    assert later.left == V1


def test_a_change_that_is_declared_is_told_by_who_made_it() -> None:
    assert gather([done("a", V1, V2), done("a", V2, V3)], V3)[0].fate is Fate.REPLACED
    assert gather([done("a", V1, V2), done("b", V2, V3)], V3)[0].fate is Fate.REPLACED_BY_OTHERS
    assert gather([done("a", V1, V2)], V2)[0].fate is Fate.STANDS
    assert gather([done("a", V1, V2)], NOT_OBSERVED)[0].fate is Fate.UNKNOWN
