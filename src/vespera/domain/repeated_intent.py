"""When an announcement is one that was made before, and not a second one."""

from vespera.domain.file_operation import (
    Absent,
    FileOperation,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
    is_act,
)


def is_open_to_repetition(operation: FileOperation) -> bool:
    """Whether the operation announces a change, or was refused, for a task that may run again after
    a crash.
    """
    announces = operation.phase is Phase.INTENT and operation.kind is not OperationKind.READ
    return (announces or operation.phase is Phase.REFUSED) and operation.task_id is not None


def repeats(operation: FileOperation, latest: FileOperation) -> bool:
    """Whether an intent says what the latest one on its path said, and the disk allows for it.

    A modification that was carried out is not repeated: the next one is another modification.
    """
    if _said(operation) != _said(latest):
        return False
    if not is_act(operation):
        return True
    now = operation.before
    if isinstance(now, UnknownState):
        return False
    return now == latest.before or _is_carried_out(latest, now)


def _said(operation: FileOperation) -> tuple[object, ...]:
    there = operation.destination
    way = (there.path, there.overwrites) if there else ()
    said = (operation.task_id, operation.kind, operation.phase, operation.path, operation.expected)
    return said + way


def _is_carried_out(intent: FileOperation, now: PathState) -> bool:
    if intent.kind in _MAKING:
        return intent.before == Absent()
    return intent.kind in _TAKING_AWAY and now == Absent()


_MAKING = {OperationKind.CREATE, OperationKind.MKDIR, OperationKind.SYMLINK}
_TAKING_AWAY = {OperationKind.DELETE, OperationKind.RMDIR, OperationKind.MOVE}
