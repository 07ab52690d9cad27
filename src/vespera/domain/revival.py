"""What becomes of a task, and of what is remembered of it, when it is to run again after its end.

Results stay. What had failed runs anew: steps, waits that timed out, and what was undone since.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.step import SIGNAL_PREFIX, UNDO_PREFIX, UNDOING, StepKey, StepRecord
from vespera.domain.task import ENDED_BADLY, OnFailedDependency, ParentEnd, Task, TaskStatus

DEPENDENCY_FAILED = "DependencyFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """A task as it was read, and what of it is not to hold any more when it is pending again.

    ``undone`` are records as they are to stand: failures of an earlier epoch. The steps
    ``forgotten`` go, and so do the file operations ``withdrawn``. ``all_undone``: each step that
    was done is undone; of others it is not known whether they could be.
    """

    task: Task
    undone: Sequence[StepRecord] = ()
    forgotten: Sequence[StepKey] = ()
    withdrawn: Sequence[OperationId] = ()
    all_undone: bool = False

    @property
    def undoable(self) -> bool:
        """Whether something that it has done can still be undone."""
        return self.task.undoable and not self.all_undone


def called_off_with(parent: TaskId, status: str = "") -> str:
    """Why a task is called off whose parent has ended; the beginning of that, if it is not said
    how.
    """
    return f"its parent {parent!r} is {status}"


def is_retryable(task: Task) -> bool:
    """Whether it has ended, and not well."""
    return task.status in ENDED_BADLY or task.refused


def falls_with(child: Task) -> bool:
    """Whether the task failed or was called off under its parent, and so runs again with it."""
    if child.parent_id is None or child.on_parent_end is not ParentEnd.CANCEL:
        return False
    if child.status is TaskStatus.FAILED:
        return True
    off = child.cancelling is not None and child.cancelling.startswith(
        called_off_with(child.parent_id)
    )
    return off and child.status is not TaskStatus.COMPLETED


def was_cancelled_with_another(task: Task) -> bool:
    """Whether it is cancelled because a task failed that it waited for."""
    cancels = task.on_failed_dependency is OnFailedDependency.CANCEL
    if task.status is not TaskStatus.CANCELLED or not cancels or task.error is None:
        return False
    return DEPENDENCY_FAILED in task.error.error_types


def revived(
    task: Task,
    records: Sequence[StepRecord],
    operations: Sequence[FileOperation],
    *,
    refused: Collection[OperationId],
    undone: bytes,
) -> Revived:
    """What is not to hold any more.

    Args:
        task: that has ended.
        records: all of it.
        operations: all of it.
        refused: those of them that the proof gate refuses.
        undone: the stored form of the error of a step that was undone.
    """
    known = {(record.name, record.occurrence): record for record in records}
    begun = known.get(UNDOING)
    undos = [key for key in known if _is_undo(key)] if begun else []
    back = {_step_of(key) for key in undos if not known[key].failed}
    timed = [key for key, record in known.items() if _is_a_clock_running(record)]
    spoiled = _paths_of_undos(operations, begun)
    done = {key for key, record in known.items() if record.done}
    return Revived(
        task=task,
        undone=[replace(known[key], value=None, error=undone) for key in known if key in back],
        forgotten=[*undos, *([UNDOING] if begun else []), *timed],
        all_undone=begun is not None and done <= back,
        withdrawn=[op.id for op in operations if op.id in refused or op.path in spoiled],
    )


def _is_undo(key: StepKey) -> bool:
    return key[0].startswith(UNDO_PREFIX) and key != UNDOING


def _step_of(undo: StepKey) -> StepKey:
    return undo[0].removeprefix(UNDO_PREFIX), undo[1]


def _is_a_clock_running(record: StepRecord) -> bool:
    """Whether it is a wait for a signal that would be over before it could be asked for again."""
    return record.open and record.wake_at is not None and record.name.startswith(SIGNAL_PREFIX)


def _paths_of_undos(
    operations: Sequence[FileOperation], begun: StepRecord | None
) -> Collection[str]:
    """What was touched while steps were undone; there the task starts with a clean slate."""
    if begun is None:
        return ()
    moment: datetime = begun.recorded_at
    return {operation.path for operation in operations if operation.recorded_at >= moment}
