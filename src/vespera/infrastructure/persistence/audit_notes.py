"""What the audit trail is told of the things that are kept."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.state_form import form_of
from vespera.domain.task import Task
from vespera.domain.verification import Report
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.statements import AuditNote
from vespera.infrastructure.persistence.values import to_mapping, to_micros

Notes = Sequence[AuditNote]


def of_operation(ledger: Ledger, operation: FileOperation) -> Notes:
    """A file operation that is recorded, or carried out. Of context and metadata there is a digest:
    what is in them is nobody's business but the task's.
    """

    def payload() -> Mapping[str, object]:
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
            "notes": _digest(_told_besides(operation)),
        }

    return ledger.noted("file_operation", to_micros(operation.recorded_at), payload)


def of_report(ledger: Ledger, report: Report) -> Notes:
    """A verification report that is stored."""

    def payload() -> Mapping[str, object]:
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

    return ledger.noted("report", to_micros(report.verified_at), payload)


def of_completion(ledger: Ledger, task: Task) -> Notes:
    """A task that is signed off, and the report that was the ground."""

    def payload() -> Mapping[str, object]:
        return {
            "task_id": task.id,
            "attempt": task.attempt,
            "report_id": task.report_id,
            "outcome": _digest(task.outcome or b""),
        }

    return ledger.noted("completion", to_micros(task.updated_at), payload)


def of_import(ledger: Ledger, task: Task, operations: Sequence[FileOperation]) -> Notes:
    """A task with its operations that comes from another database."""
    told = {"task_id": task.id, "operations": [one.id for one in operations]}
    return ledger.noted("import", to_micros(task.updated_at), lambda: told)


def of_withdrawal(ledger: Ledger, operation_id: OperationId, task_id: TaskId, at: int) -> Notes:
    """An operation that a retried task takes back, since it did not come to be."""
    told = {"operation_id": operation_id, "task_id": task_id}
    return ledger.noted("withdrawal", at, lambda: told)


def _told_besides(operation: FileOperation) -> str:
    """Context and metadata, as they are stored."""
    context = to_mapping(operation.context, what="context")
    return f"{context}\n{to_mapping(operation.metadata, what='metadata')}"


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return f"sha256:{sha256(data).hexdigest()}"
