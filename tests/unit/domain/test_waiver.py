"""For what a waiver holds, and what it and a policy make of findings."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from vespera.domain.excusing import excused
from vespera.domain.file_operation import Absent, FileState, OperationKind, UnknownState
from vespera.domain.ids import OperationId, ReportId, TaskId, WaiverId
from vespera.domain.policy import STRICT, ProofPolicy
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report, Waived
from vespera.domain.waiver import Waiver, why_not_waivable

NOW = datetime(2030, 1, 1, tzinfo=UTC)
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
FINDING = Finding(
    operation_id=OperationId("o1"),
    task_id=TaskId("t1"),
    kind=OperationKind.CREATE,
    path="a.txt",
    verdict=Verdict.CHANGED_SINCE,
    reason="because",
    before=Absent(),
    after=V1,
    now=(V2,),
)
OTHERS = [
    {"verdict": Verdict.REFUTED},
    {"now": (V1,)},
    {"now": (Absent(),)},
    {"after": V2},
    {"before": V1},
    {"path": "b.txt"},
    {"operation_id": OperationId("o2")},
    {"operation_id": None},
    {"task_id": TaskId("t2")},
]


def a_waiver(finding: Finding = FINDING, name: str = "w1", **more: Any) -> Waiver:
    states = {field: getattr(finding, field) for field in ("before", "after", "now", "verdict")}
    return Waiver(
        id=WaiverId(name),
        task_id=finding.task_id or TaskId(""),
        operation_id=finding.operation_id,
        kind=finding.kind,
        path=finding.path,
        by="ada",
        reason="as agreed",
        waived_at=NOW,
        **{**states, **more},
    )


def test_a_waiver_holds_for_the_finding_as_it_was() -> None:
    assert a_waiver().is_of(replace(FINDING, reason="in other words", tolerated=True))


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
def test_it_holds_for_no_other(change: dict[str, Any]) -> None:
    assert not a_waiver().is_of(replace(FINDING, **change))


def test_a_revoked_one_holds_for_nothing() -> None:
    revoked = a_waiver(revoked_by="bob", revoked_at=NOW)

    assert revoked.revoked
    assert not revoked.is_of(FINDING)


def judged(*findings: Finding, policy: ProofPolicy = STRICT, waivers: Any = ()) -> Report:
    let_pass = excused(findings, policy_of=lambda _: policy, waivers=waivers)
    return Report(id=ReportId("r"), task_id=None, findings=let_pass, verified_at=NOW, policy=policy)


def test_a_waived_finding_blocks_no_more_and_says_who_answers_for_it() -> None:
    report = judged(FINDING, waivers=[a_waiver()])

    assert report.findings[0].waived == Waived(WaiverId("w1"), "ada", "as agreed")
    assert report.findings[0].excuse == "waived by ada: as agreed"
    assert (report.approved, report.verified, report.refused) == (True, False, [])


def test_of_two_waivers_the_last_one_is_told_and_a_revoked_one_not() -> None:
    waivers = [a_waiver(name="w1"), a_waiver(name="w2"), a_waiver(name="w3", revoked_at=NOW)]

    assert judged(FINDING, waivers=waivers).findings[0].waived == waivers[1].mark


def test_a_tolerated_finding_keeps_its_verdict_and_blocks_no_more() -> None:
    [finding] = judged(FINDING, policy=ProofPolicy((Verdict.CHANGED_SINCE,))).findings

    assert finding.verdict is Verdict.CHANGED_SINCE
    assert (finding.passes, finding.blocks, finding.excuse) == (False, False, "tolerated")


def test_what_is_neither_tolerated_nor_waived_blocks() -> None:
    report = judged(
        FINDING,
        policy=ProofPolicy((Verdict.NO_EFFECT,)),
        waivers=[a_waiver(replace(FINDING, path="b.txt"))],
    )

    assert not report.approved
    assert report.refused == [FINDING]
    assert FINDING.excuse == ""


def test_each_finding_is_judged_by_the_policy_of_its_own_task() -> None:
    others = replace(FINDING, task_id=TaskId("t2"))
    lax = {TaskId("t2"): ProofPolicy((Verdict.CHANGED_SINCE,))}
    mine, theirs = excused(
        [FINDING, others], policy_of=lambda task: lax.get(task or TaskId(""), STRICT), waivers=()
    )

    assert (mine.blocks, theirs.blocks) == (True, False)


def test_what_is_proven_is_not_excused() -> None:
    proven = replace(FINDING, verdict=Verdict.VERIFIED)
    policy = ProofPolicy(tuple(Verdict))

    assert judged(proven, policy=policy, waivers=[a_waiver(proven)]).findings == (proven,)


def test_a_report_counts_its_verdicts() -> None:
    assert judged(FINDING, FINDING).counts == {Verdict.CHANGED_SINCE: 2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"verdict": Verdict.SUPERSEDED}, "it is superseded; there is nothing to waive"),
        ({"task_id": None}, "it is of no task"),
        (
            {"verdict": Verdict.UNDECLARED, "after": UnknownState("7 more")},
            "nobody can answer for 7 more",
        ),
        ({}, ""),
        ({"verdict": Verdict.UNDECLARED}, ""),
        ({"after": UnknownState("unreadable")}, ""),
    ],
)
def test_what_nobody_can_answer_for_is_told(change: dict[str, Any], told: str) -> None:
    assert why_not_waivable(replace(FINDING, **change)).startswith(told)
    assert bool(why_not_waivable(replace(FINDING, **change))) is bool(told)


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_that_does_not_pass_has_a_remedy(verdict: Verdict) -> None:
    finding = replace(FINDING, verdict=verdict)

    assert bool(finding.remedy) is not finding.passes
