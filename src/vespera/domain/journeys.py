"""Where things came from, and where they went, with the directories that they were in.

A directory that is moved takes along what is in it, and of that nobody records anything. Whoever
moved it has declared as much: that all of it is where the directory is, as it was, but for what was
declared of it besides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from vespera.domain.file_operation import (
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    SymlinkState,
    UnknownState,
    is_act,
    sides,
)
from vespera.domain.ids import TaskId


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came along from: its path then, and the last operation on it there, if one
    was recorded; ``by`` whom it was taken along, and whether it may be a copy.
    """

    path: str
    last: FileOperation | None
    by: Sequence[TaskId | None]
    copied: bool


class Journeys:
    """The journeys of what is in directories that were moved or copied, by the operations that
    were recorded, in their order.
    """

    def __init__(self, operations: Iterable[FileOperation]) -> None:
        self._operations = sorted(filter(is_act, operations), key=attrgetter("id"))
        self._carriers = [n for n, one in enumerate(self._operations) if carries(one)]
        self._at = defaultdict[str, list[int]](list)
        self._removals = defaultdict[str, list[int]](list)
        for number, operation in enumerate(self._operations if self._carriers else ()):
            for side in sides(operation):
                if side.kind is not OperationKind.READ:
                    self._at[side.path].append(number)
                if side.kind in _REMOVING:
                    self._removals[side.path].append(number)

    def origin_of(self, path: str) -> Origin | None:
        """Where it came from; None, if it did not come along with a directory."""
        at, by, copied = len(self._operations), list[TaskId | None](), False
        while True:
            written = max((n for n in self._at.get(path, ()) if n < at), default=-1)
            carried = max((n for n in self._carriers if n < at and self._to(n, path)), default=-1)
            if written >= carried:
                last = self._operations[written] if written >= 0 else None
                return Origin(path, last, by, copied) if by else None
            operation = self._operations[carried]
            by.append(operation.task_id)
            copied |= operation.kind is OperationKind.COPY
            path, at = operation.path + path.removeprefix(self._place(carried)), carried

    def goal_of(self, path: str) -> tuple[str | None, Sequence[TaskId | None]]:
        """Where it went to with a directory, and who took it there; no path, if it was declared to
        be removed on the way. The same path, and nobody, if it did not go along with any.
        """
        at, by = -1, list[TaskId | None]()
        while True:
            carried = min((n for n in self._carriers if n > at and self._from(n, path)), default=-1)
            removed = min((n for n in self._removing(path) if n > at), default=-1)
            if removed >= 0 and (carried < 0 or removed <= carried):
                operation = self._operations[removed]
                by.append(operation.task_id)
                if operation.destination is None or operation.path != path:
                    return None, by
                path, at = operation.destination.path, removed
            elif carried >= 0:
                operation = self._operations[carried]
                by.append(operation.task_id)
                path, at = self._place(carried) + path.removeprefix(operation.path), carried
            else:
                return path, by

    def _place(self, number: int) -> str:
        there = self._operations[number].destination
        return "" if there is None else there.path

    def _to(self, number: int, path: str) -> bool:
        return path.startswith(f"{self._place(number)}/")

    def _from(self, number: int, path: str) -> bool:
        operation = self._operations[number]
        return operation.kind is OperationKind.MOVE and path.startswith(f"{operation.path}/")

    def _removing(self, path: str) -> Iterable[int]:
        """What was declared to be removed: it, or a directory that it was in."""
        yield from self._removals.get(path, ())
        while "/" in path:
            path = path.rpartition("/")[0]
            for number in self._removals.get(path, ()):
                if self._operations[number].destination is None:
                    yield number


def carries(operation: FileOperation) -> bool:
    """Whether it may be a directory that is moved or copied, with what is in it."""
    there = operation.destination
    if there is None:
        return False
    seen = operation.before, there.after
    return not any(isinstance(state, FileState | SymlinkState) for state in seen)


def left_by(operation: FileOperation, path: str) -> PathState | None:
    """What it left at one of its paths, if somebody saw that."""
    side = sides(operation)[-1 if path == operation.paths[-1] else 0]
    known = side.after if side.expected is None else side.expected
    return None if isinstance(known, UnknownState) else known


_REMOVING = {OperationKind.DELETE, OperationKind.RMDIR}
