"""Verification reports, in SQL."""

import json
from dataclasses import asdict, astuple
from typing import Any

from vespera.domain.file_operation import OperationKind
from vespera.domain.ids import ReportId
from vespera.domain.policy import ProofPolicy
from vespera.domain.survey import NotExamined, Survey
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report, Waived
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_notes import of_report
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import (
    from_micros,
    plain_state,
    state_from_plain,
    storable_texts,
    to_json,
    to_micros,
)

_MOMENTS = ("began_at", "ended_at")


class SqlReportRepository:
    """Reports in the table ``verification_reports``; written once, never changed."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, report: Report) -> None:
        """Store a report.

        Raises:
            DuplicateRow: the id exists already.
        """
        noted = of_report(self._database.ledger, report)
        write = Write(sql.INSERT_REPORT, row_of_report(report), audited=noted)
        await store(self._database, [write])

    async def get(self, report_id: ReportId) -> Report | None:
        """The report, if there is one."""
        if not storable_texts([report_id]):
            return None
        rows = await self._database.read(sql.REPORT_BY_ID.sql, (report_id,))
        return report_from_row(rows[0]) if rows else None


def row_of_report(report: Report) -> Row:
    """The row of a report."""
    findings = to_json([_to_plain(finding) for finding in report.findings], what="findings")
    policy = to_json(report.policy.tolerated, what="policy")
    survey = None if report.survey is None else _survey_to_text(report.survey)
    head = report.id, report.task_id, to_micros(report.verified_at)
    return (*head, findings, policy, report.operations, survey)


def report_from_row(row: Row) -> Report:
    """The report that a row holds."""
    report_id, task_id, verified_at, findings, policy, operations, survey = row
    return Report(
        id=report_id,
        task_id=task_id,
        verified_at=from_micros(verified_at),
        findings=tuple(_from_plain(data) for data in json.loads(findings)),
        policy=ProofPolicy(tuple(Verdict(name) for name in json.loads(policy))),
        operations=operations,
        survey=None if survey is None else _survey_from_text(survey),
    )


def _survey_to_text(survey: Survey) -> str:
    moments = {name: to_micros(getattr(survey, name)) for name in _MOMENTS}
    return to_json({**asdict(survey), **moments}, what="survey")


def _survey_from_text(text: str) -> Survey:
    values = json.loads(text)
    for name in _MOMENTS:
        values[name] = from_micros(values[name])
    values["repository"] = tuple(values["repository"])
    values["not_examined"] = tuple(NotExamined(**each) for each in values["not_examined"])
    return Survey(**values)


def _to_plain(finding: Finding) -> dict[str, object]:
    return {
        "operation_id": finding.operation_id,
        "task_id": finding.task_id,
        "kind": finding.kind.value,
        "path": finding.path,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "before": plain_state(finding.before),
        "after": plain_state(finding.after),
        "destination": finding.destination,
        "now": [plain_state(state) for state in finding.now],
        "candidates": finding.candidates,
        "tolerated": finding.tolerated,
        "waived": finding.waived and list(astuple(finding.waived)),
    }


def _from_plain(data: dict[str, Any]) -> Finding:
    return Finding(
        operation_id=data["operation_id"],
        task_id=data["task_id"],
        kind=OperationKind(data["kind"]),
        path=data["path"],
        verdict=Verdict(data["verdict"]),
        reason=data["reason"],
        before=state_from_plain(data["before"]),
        after=state_from_plain(data["after"]),
        destination=data["destination"],
        now=tuple(state_from_plain(state) for state in data["now"]),
        candidates=tuple(data["candidates"]),
        tolerated=data["tolerated"],
        waived=Waived(*data["waived"]) if data["waived"] else None,
    )
