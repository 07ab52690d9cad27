"""What whoever takes a task over has to know of it."""

from collections.abc import Collection, Mapping

from vespera.domain.file_operation import OperationKind
from vespera.domain.ids import OperationId
from vespera.domain.verification import Finding, Report


def recovery_info(report: Report, intents: Collection[OperationId]) -> Mapping[str, object]:
    """The state of a task's files as plain JSON values; ``intents`` are those never closed."""
    files: dict[str, list[Mapping[str, object]]] = {}
    for finding in report.findings:
        files.setdefault(finding.path, []).append(_told(finding))
    return {
        "task_id": report.task_id,
        "verified_at": report.verified_at.isoformat(),
        "total_operations": len(report.findings),
        "all_verified": report.verified,
        "open_intents": [
            _told(finding)
            for finding in report.refused
            if finding.operation_id in intents and finding.kind is not OperationKind.READ
        ],
        "files_affected": files,
        "failed_verifications": [
            {**_told(finding), "next_action": finding.remedy} for finding in report.refused
        ],
    }


def _told(finding: Finding) -> Mapping[str, object]:
    return {
        "operation_id": finding.operation_id,
        "file_path": finding.path,
        "destination": finding.destination,
        "kind": finding.kind.value,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
    }
