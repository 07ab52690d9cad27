"""Values that the suites store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    Phase,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import (
    OperationId,
    OwnerId,
    ReportId,
    SignalId,
    SnapshotId,
    TaskId,
    WaiverId,
)
from vespera.domain.policy import ProofPolicy
from vespera.domain.signal import Signal
from vespera.domain.step import Fence, StepRecord
from vespera.domain.survey import NotExamined, Survey
from vespera.domain.task import Task, TaskFailure, TaskStatus
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report, Waived

NOW = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
WORKER = OwnerId("worker-1")
FENCE = Fence(TaskId("t1"), 1, WORKER)
FAILURE = TaskFailure(error_types=("ValueError", "Exception"), message="no ✓", traceback="...")


def a_task(task_id: str = "t1", **fields: Any) -> Task:
    """A pending task, but for the fields that are given."""
    values = {
        "id": TaskId(task_id),
        "title": "a task",
        "description": "",
        "specialist_type": "generic",
        "payload": b"{}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Task(**{**values, **fields})


def a_running_task(task_id: str = "t1", **fields: Any) -> Task:
    """The first attempt at a task, held as ``FENCE`` says."""
    held = {
        "status": TaskStatus.RUNNING,
        "attempt": 1,
        "owner": WORKER,
        "lease_until": LATER,
    }
    return a_task(task_id, **{**held, **fields})


def a_step(**fields: Any) -> StepRecord:
    """The first step of the task "t1"."""
    values = {
        "task_id": TaskId("t1"),
        "name": "plan",
        "occurrence": 1,
        "seq": 1,
        "epoch": 0,
        "value": b"\0value",
        "error": None,
        "recorded_at": NOW,
    }
    return StepRecord(**{**values, **fields})


def a_wait(**fields: Any) -> StepRecord:
    """The same step while it waits."""
    return a_step(**{"value": None, "awaits": "a person", "wake_at": LATER, **fields})


def a_signal(signal_id: str = "s1", **fields: Any) -> Signal:
    """What somebody sent to the task "t1"."""
    values = {
        "id": SignalId(signal_id),
        "task_id": TaskId("t1"),
        "name": "go",
        "payload": b"\0payload",
        "sent_at": NOW,
    }
    return Signal(**{**values, **fields})


def an_operation(operation_id: str = "o1", path: str = "a.txt", **fields: Any) -> FileOperation:
    """The intent of the task "t1" to create a file."""
    values = {
        "id": OperationId(operation_id),
        "task_id": TaskId("t1"),
        "kind": OperationKind.CREATE,
        "phase": Phase.INTENT,
        "path": path,
        "before": Absent(),
        "after": NOT_OBSERVED,
        "recorded_at": NOW,
    }
    return FileOperation(**{**values, **fields})


def a_report(report_id: str = "r1", **fields: Any) -> Report:
    """A report with a finding of each verdict."""
    findings = tuple(
        Finding(
            operation_id=OperationId(f"o{number}") if number else None,
            task_id=TaskId("t1") if number else None,
            kind=OperationKind.MODIFY,
            path="a/\udcff",
            verdict=verdict,
            reason="because ✓",
            before=Absent(),
            after=FileState("b3:00", 1, 0o644) if number else UnknownState("unreadable"),
            now=(Absent(), SymlinkState("b/\udcff")),
            candidates=(TaskId("t2"),) if number else (),
            tolerated=verdict is Verdict.NO_EFFECT,
            waived=Waived(WaiverId("w1"), "ada", "because ✓") if number else None,
        )
        for number, verdict in enumerate(Verdict)
    )
    values = {
        "id": ReportId(report_id),
        "task_id": TaskId("t1"),
        "findings": findings,
        "verified_at": NOW,
        "policy": ProofPolicy((Verdict.NO_EFFECT,)),
        "operations": 7,
        "survey": Survey(
            since=SnapshotId("s1"),
            began_at=NOW,
            ended_at=NOW,
            undeclared=1,
            repository=("the git repository's HEAD changed",),
            not_examined=(NotExamined("b/\udcff", "ignored"),),
        ),
    }
    return Report(**{**values, **fields})
