import pytest

from vespera.domain.file_operation import Absent, FileState, OperationKind, UnknownState
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report
from vespera.infrastructure.persistence.report_repository import SqlReportRepository


@pytest.fixture
def reports(database):
    return SqlReportRepository(database)


@pytest.fixture
def report(now):
    findings = tuple(
        Finding(
            operation_id=f"o{number}",
            task_id="t1" if number else None,
            kind=OperationKind.MODIFY,
            path="a/\udcff",
            verdict=verdict,
            reason="because ✓",
            before=Absent(),
            after=FileState("b3:00", 1, 0o644) if number else UnknownState("unreadable"),
        )
        for number, verdict in enumerate(Verdict)
    )
    return Report(id="r1", task_id="t1", findings=findings, verified_at=now)


@pytest.mark.parametrize("report_id", ["nobody", "\ud800"])
async def test_an_unknown_report_is_none(reports, report_id):
    assert await reports.get(report_id) is None
