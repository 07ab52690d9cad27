"""What whoever takes a task over is told."""

import json
from datetime import UTC, datetime

from vespera.domain.context_recovery import recovery_info
from vespera.domain.file_operation import Absent, OperationKind
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report


def a_finding(name: str, kind: OperationKind, verdict: Verdict) -> Finding:
    return Finding(
        operation_id=OperationId(name),
        task_id=TaskId("task"),
        kind=kind,
        path=f"{name}.txt",
        verdict=verdict,
        reason="a reason",
        before=Absent(),
        after=Absent(),
    )


def a_report(*findings: Finding) -> Report:
    return Report(
        id=ReportId("a report"),
        task_id=TaskId("task"),
        findings=findings,
        verified_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def test_only_announced_changes_that_are_not_on_the_disk_are_open() -> None:
    report = a_report(
        a_finding("done", OperationKind.CREATE, Verdict.VERIFIED),
        a_finding("open", OperationKind.CREATE, Verdict.REFUTED),
        a_finding("claimed", OperationKind.CREATE, Verdict.CHANGED_SINCE),
        a_finding("read", OperationKind.READ, Verdict.CHANGED_SINCE),
    )
    intents = {OperationId(name) for name in ("done", "open", "read")}
    info = json.loads(json.dumps(recovery_info(report, intents)))

    assert [told["operation_id"] for told in info["open_intents"]] == ["open"]
    assert len(info["failed_verifications"]) == 3
    assert list(info["files_affected"]) == ["done.txt", "open.txt", "claimed.txt", "read.txt"]


def test_a_task_without_operations_has_nothing_to_tell() -> None:
    assert recovery_info(a_report(), set()) == {
        "task_id": "task",
        "verified_at": "2030-01-01T00:00:00+00:00",
        "total_operations": 0,
        "all_verified": True,
        "open_intents": [],
        "files_affected": {},
        "failed_verifications": [],
    }
