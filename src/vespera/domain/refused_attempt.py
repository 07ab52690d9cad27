"""What is recorded of an attempt to leave the workspace."""

from collections.abc import Mapping
from datetime import datetime

from vespera.domain.errors import PathRefused
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    FileOperation,
    OperationKind,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId

LONGEST_PATH = 4096


def refused_attempt(
    kind: OperationKind,
    refusal: PathRefused,
    *,
    task_id: TaskId,
    new_id: OperationId,
    now: datetime,
    context: Mapping[str, object],
) -> FileOperation:
    """The operation that was not done; of a path that is very long, its beginning."""
    return FileOperation(
        id=new_id,
        task_id=task_id,
        kind=kind,
        phase=Phase.REFUSED,
        path=refusal.path[:LONGEST_PATH],
        before=NOT_OBSERVED,
        after=UnknownState(refusal.reason),
        recorded_at=now,
        context=context,
    )
