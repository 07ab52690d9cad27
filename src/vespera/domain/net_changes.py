"""What a task's operations come to: what was there before the first, and what the last one left.

Created and deleted again is nothing; deleted and created is one change; moved twice is moved once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vespera.domain.chain import Evidence, gather
from vespera.domain.changes import Change, ChangeKind
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    OperationKind,
    PathState,
    UnknownState,
    by_path,
)
from vespera.domain.ids import TaskId
from vespera.domain.manifest import bytes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NetChange:
    """What a task did to one path, all in all.

    Attributes:
        change: the path, what was there before the task came to it, and what the task left there.
        now: what is there now.
        disturbed: others changed it while the task was at it, so that not all is the task's deed.
        moved_from: the path from which the task brought it, which went; or None.
        moved_to: the path to which the task took it; or None.
    """

    change: Change
    now: PathState
    disturbed: bool = False
    moved_from: str | None = None
    moved_to: str | None = None

    @property
    def as_left(self) -> bool:
        """Whether what the task left is there still."""
        return self.now == self.change.after and not isinstance(self.now, UnknownState)


def net_changes(
    task_id: TaskId, operations: Sequence[FileOperation], found: Mapping[str, PathState]
) -> Sequence[NetChange]:
    """What the task changed, in the order of paths (as bytes).

    A path is left out on which nothing is different in the end. Where a state was observed by
    nobody, it is unknown, and the change of unknown kind.

    Args:
        task_id: whose changes.
        operations: everybody's on the task's paths, oldest first; see also ``witnessed``.
        found: for each of these paths what is there now.
    """
    told = {}
    for path, chain in by_path(operations).items():
        if path in found:
            net = _net_change(task_id, gather(chain, found[path]), path, found[path])
            if net is not None:
                told[path] = net
    for came, went in _moves(task_id, operations).items():
        if _is_gone(told.get(went)) and _is_there(told.get(came)):
            told[went] = replace(told[went], moved_to=came)
            told[came] = replace(told[came], moved_from=went)
    return [told[path] for path in sorted(told, key=bytes_of)]


def _net_change(
    task_id: TaskId, shown: Sequence[Evidence], path: str, now: PathState
) -> NetChange | None:
    changing = [at for at, evidence in enumerate(shown) if _may_have_changed(evidence)]
    own = [at for at in changing if shown[at].operation.task_id == task_id]
    if not own:
        return None
    change = Change(path, shown[own[0]].before, _left(shown[own[-1]]))
    if change.before == change.after and change.kind is not ChangeKind.UNKNOWN:
        return None
    others = [at for at in changing if at not in own and own[0] < at < own[-1]]
    unsaid = [at for at in own[1:] if shown[at].left is not None]
    return NetChange(change=change, now=now, disturbed=bool(others or unsaid))


def _may_have_changed(evidence: Evidence) -> bool:
    if evidence.operation.kind is OperationKind.READ:
        return False
    return evidence.before != _left(evidence) or isinstance(evidence.before, UnknownState)


def _left(evidence: Evidence) -> PathState:
    return NOT_OBSERVED if evidence.after is None else evidence.after


def _moves(task_id: TaskId, operations: Sequence[FileOperation]) -> Mapping[str, str]:
    """Destination -> where what is there was first, over all moves of the task."""
    first: dict[str, str] = {}
    for operation in operations:
        there = operation.destination
        if operation.task_id != task_id or operation.kind is not OperationKind.MOVE or not there:
            continue
        if operation.path in first or there.path not in first:  # else: said a second time
            first[there.path] = first.pop(operation.path, operation.path)
    return first


def _is_gone(net: NetChange | None) -> bool:
    return net is not None and net.change.kind is ChangeKind.REMOVED


def _is_there(net: NetChange | None) -> bool:
    return net is not None and not isinstance(net.change.after, Absent | UnknownState)
