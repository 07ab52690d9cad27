"""What attempts that failed have said of files, and what does not hold any more."""

from collections.abc import Sequence

from vespera.application.runtime.file_memory import EPOCH, ORDER, epoch_of, is_ours
from vespera.application.runtime.file_notes import FileWork
from vespera.domain.file_operation import FileOperation, OperationKind, Phase
from vespera.domain.step import Fence
from vespera.domain.task import Task


async def without_outdated(
    task: Task, operations: Sequence[FileOperation], *, fence: Fence, work: FileWork
) -> Sequence[FileOperation]:
    """The operations without those that the proof gate would refuse, though nobody can be blamed:
    what was announced before the task failed, and not done; what was read then, and is another now.
    They are taken back, as the attempt that begins may go another way. What was done, or claimed,
    or attempted and refused, stays; what ``task.files`` was about to do is ended by itself.

    Args:
        task: whose attempt begins.
        operations: all that it has recorded.
        fence: of the attempt.
        work: what file work needs.

    Raises:
        LeaseLost: another worker has the task.
    """
    epoch = epoch_of(task)
    old = [one for one in operations if _may_go(one) and one.context.get(EPOCH) != epoch]
    if not old:
        return operations
    report = await work.tracking.examine(task.id, survey=False, task=task)
    refused = {finding.operation_id for finding in report.refused}
    gone = {one.id for one in old if one.id in refused}
    for one in old:
        if one.id in gone:
            await work.operations.withdraw(one, fence, now=work.clock.now())
    return [one for one in operations if one.id not in gone]


def _may_go(operation: FileOperation) -> bool:
    if ORDER not in operation.context or operation.kind is OperationKind.SCOPE:
        return False
    announced = operation.phase is Phase.INTENT and not is_ours(operation)
    return announced or operation.kind is OperationKind.READ
