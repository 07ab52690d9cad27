"""What operations on directories say of what is in them, and the other way round.

Of a directory that is moved, one operation is recorded. For whoever judges the files in it, each of
them was moved: these *legs* are put among the operations, as claims of moves that nobody made. And
what is put into a directory that was gone makes that anew.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SymlinkState,
    UnknownState,
    sides,
)
from vespera.domain.journeys import carries

GONE = Absent()


@dataclass(frozen=True, slots=True)
class Judged:
    """An operation as it is judged, and whether it was ``recorded``. ``bearer`` of a leg: the place
    of the recorded operation whose work is carried along.
    """

    operation: FileOperation
    recorded: bool = True
    bearer: int | None = None


def goals_of(operations: Sequence[FileOperation]) -> Collection[str]:
    """Where files that operations are on were taken along to; oldest first."""
    known, goals = set[str](), set[str]()
    for one in operations:
        if _moves_along(one):
            moved = {_goal(one, path) for path in known if _is_in(one, path)}
            goals |= moved
            known |= moved
        known.update(one.paths)
    return goals


def directories_of(paths: Collection[str]) -> Collection[str]:
    """All that the paths are in: who moved one of these, took them along."""
    above = set[str]()
    for path in paths:
        while "/" in path and (path := path.rpartition("/")[0]) not in above:
            above.add(path)
    return sorted(above)


def with_legs(acts: Sequence[FileOperation], found: Mapping[str, PathState]) -> Sequence[Judged]:
    """The operations; before each move of a directory the legs of what was in it, and before what
    is put into one that was gone, that it was made.

    Args:
        acts: everybody's, oldest first.
        found: what is there now, where somebody has looked.
    """
    told: list[Judged] = []
    last: dict[str, tuple[PathState, int]] = {}
    for number, one in enumerate(acts):
        ahead = _Ahead(acts, number + 1, found)
        if _moves_along(one):
            for path in [path for path in last if _is_in(one, path)]:
                _take_along(path, one, ahead, last, told)
        for path in _filled(one):
            if path in last:
                _make_anew(path, one, ahead, last, told)
        told.append(Judged(one))
        for side in sides(one):
            state = side.before if side.kind is OperationKind.READ else side.after
            if side.kind is not OperationKind.READ or side.path not in last:
                last[side.path] = state, len(told) - 1
    return told


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What is seen after a move."""

    acts: Sequence[FileOperation]
    start: int
    found: Mapping[str, PathState]

    def at(self, path: str) -> PathState:
        for one in self.acts[self.start :]:
            for side in sides(one):
                if side.path == path:
                    return side.before
            if _moves_along(one) and _is_in(one, path):
                path = _goal(one, path)
        return self.found.get(path, NOT_OBSERVED)


def _take_along(
    path: str,
    move: FileOperation,
    ahead: _Ahead,
    last: dict[str, tuple[PathState, int]],
    told: list[Judged],
) -> None:
    state, bearer = last[path]
    goal = _goal(move, path)
    if move.phase is Phase.INTENT and ahead.at(path) not in {GONE, NOT_OBSERVED}:
        return  # it was announced, and not done
    if isinstance(state, UnknownState):
        state = ahead.at(goal)
        if isinstance(state, UnknownState):
            return
        told.append(Judged(_seen(path, state, move), recorded=False))
    last[path] = GONE, bearer
    if state != GONE:
        told.append(Judged(_leg(path, goal, state, move), recorded=False, bearer=bearer))
        last[goal] = state, bearer


def _make_anew(
    path: str,
    one: FileOperation,
    ahead: _Ahead,
    last: dict[str, tuple[PathState, int]],
    told: list[Judged],
) -> None:
    known, place = last[path]
    was_file = isinstance(known, UnknownState) and _removes_a_file(told[place].operation, path)
    state = ahead.at(path)
    if isinstance(state, DirectoryState) and (known == GONE or was_file):
        if was_file:  # announced to go; what is in its place tells that it did
            told.append(Judged(_seen(path, GONE, one), recorded=False))
        told.append(Judged(_made(path, state, one), recorded=False))
        last[path] = state, len(told) - 1


def _leg(path: str, goal: str, state: PathState, move: FileOperation) -> FileOperation:
    there = Destination(path=goal, before=NOT_OBSERVED, after=state)
    claim = replace(move, phase=Phase.CLAIM, path=path, before=NOT_OBSERVED, after=GONE)
    return replace(claim, expected=None, destination=there)


def _made(path: str, state: PathState, one: FileOperation) -> FileOperation:
    made = replace(one, kind=OperationKind.MKDIR, phase=Phase.CLAIM, path=path, after=state)
    return replace(made, before=NOT_OBSERVED, expected=None, destination=None)


def _seen(path: str, state: PathState, move: FileOperation) -> FileOperation:
    """What was there right before, as is known from what is there behind."""
    return replace(
        move,
        kind=OperationKind.READ,
        task_id=None,
        phase=Phase.DONE,
        path=path,
        before=state,
        after=state,
        expected=None,
        destination=None,
    )


def _filled(operation: FileOperation) -> Iterator[str]:
    """The directories into which it puts something."""
    for side in sides(operation):
        path = side.path
        while side.kind not in _PUTTING_NOTHING and "/" in path:
            path = path.rpartition("/")[0]
            yield path


_PUTTING_NOTHING = {OperationKind.DELETE, OperationKind.RMDIR, OperationKind.READ}


def _removes_a_file(operation: FileOperation, path: str) -> bool:
    return any(
        side.path == path
        and side.kind is OperationKind.DELETE
        and isinstance(side.before, FileState | SymlinkState)
        for side in sides(operation)
    )


def _moves_along(operation: FileOperation) -> bool:
    return operation.kind is OperationKind.MOVE and carries(operation)


def _is_in(move: FileOperation, path: str) -> bool:
    return path.startswith(f"{move.path}/")


def _goal(move: FileOperation, path: str) -> str:
    there = "" if move.destination is None else move.destination.path
    return there + path.removeprefix(move.path)
