"""What entries of the audit trail tell of records, as it would be told of those that are stored."""

import json
from collections.abc import Mapping
from hashlib import sha256

from vespera.domain.audit import canonical
from vespera.domain.file_operation import FileOperation
from vespera.domain.state_form import form_of
from vespera.domain.task import Task
from vespera.domain.verification import Report

FILE_OPERATION, REPORT, COMPLETION = "file_operation", "report", "completion"
WITHDRAWAL, IMPORT = "withdrawal", "import"
RECORD_IDS = {FILE_OPERATION: "operation_id", REPORT: "report_id", COMPLETION: "task_id"}
"""Kinds of entries that tell of a record, and what names it in the payload."""


def operation_payload(operation: FileOperation) -> Mapping[str, object]:
    """A file operation with all its states. Of context and metadata there is a digest: what is in
    them is nobody's business but the task's.
    """
    there, expected = operation.destination, operation.expected
    return {
        "operation_id": operation.id,
        "task_id": operation.task_id,
        "kind": operation.kind.value,
        "phase": operation.phase.value,
        "path": operation.path,
        "before": form_of(operation.before),
        "after": form_of(operation.after),
        "expected": None if expected is None else form_of(expected),
        "destination": there
        and {
            "path": there.path,
            "before": form_of(there.before),
            "after": form_of(there.after),
            "overwrites": there.overwrites,
        },
        "notes": _digest(_in_one_form([dict(operation.context), dict(operation.metadata)])),
    }


def report_payload(report: Report) -> Mapping[str, object]:
    """A verification report with its findings."""
    findings = [
        {
            "operation_id": one.operation_id,
            "verdict": one.verdict.value,
            "reason": one.reason,
            "before": form_of(one.before),
            "after": form_of(one.after),
        }
        for one in report.findings
    ]
    return {"report_id": report.id, "task_id": report.task_id, "findings": findings}


def completion_payload(task: Task) -> Mapping[str, object]:
    """How a task ended that was signed off, and the report that was the ground."""
    return {
        "task_id": task.id,
        "status": task.status.value,
        "attempt": task.attempt,
        "report_id": task.report_id,
        "outcome": _digest(task.outcome or b""),
    }


def _in_one_form(notes: object) -> bytes:
    """The same for what is to be stored and for what was read again: keys are texts then."""
    return canonical({"notes": json.loads(json.dumps(notes))}).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"
