"""What the audit trail is told of the things that are kept."""

from collections.abc import Sequence
from functools import partial

from vespera.domain.audited_records import (
    COMPLETION,
    FILE_OPERATION,
    IMPORT,
    REPORT,
    WITHDRAWAL,
    completion_payload,
    operation_payload,
    report_payload,
)
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.task import Task
from vespera.domain.verification import Report
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.statements import AuditNote
from vespera.infrastructure.persistence.values import to_micros

Notes = Sequence[AuditNote]


def of_operation(ledger: Ledger, operation: FileOperation) -> Notes:
    """A file operation that is recorded, or carried out."""
    at = to_micros(operation.recorded_at)
    return ledger.noted(FILE_OPERATION, at, partial(operation_payload, operation))


def of_report(ledger: Ledger, report: Report) -> Notes:
    """A verification report that is stored."""
    return ledger.noted(REPORT, to_micros(report.verified_at), partial(report_payload, report))


def of_completion(ledger: Ledger, task: Task) -> Notes:
    """A task that is signed off."""
    return ledger.noted(COMPLETION, to_micros(task.updated_at), partial(completion_payload, task))


def of_import(ledger: Ledger, task: Task, operations: Sequence[FileOperation]) -> Notes:
    """A task with its operations that comes from another database."""
    told = {"task_id": task.id, "operations": [one.id for one in operations]}
    return ledger.noted(IMPORT, to_micros(task.updated_at), lambda: told)


def of_withdrawal(ledger: Ledger, operation_id: OperationId, task_id: TaskId, at: int) -> Notes:
    """An operation that a task takes back, since it did not come to be."""
    told = {"operation_id": operation_id, "task_id": task_id}
    return ledger.noted(WITHDRAWAL, at, lambda: told)
