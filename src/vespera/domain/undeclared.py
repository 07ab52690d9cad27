"""Who declared what has changed in the workspace while a task was at work.

Two manifests tell what changed, and never who did it. So a change is put down to whoever said that
it would be made: the task itself, one of its allowances, or another task that was at work as well.
What is left over was declared by nobody.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from vespera.domain.changes import Change
from vespera.domain.effects import is_what_left
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileOperation,
    OperationKind,
    PathState,
    UnknownState,
    is_act,
    sides,
)
from vespera.domain.globs import path_pattern
from vespera.domain.ids import TaskId
from vespera.domain.journeys import Journeys, Origin, left_by


class Account(StrEnum):
    """To whom a change is put down.

    ``OWN``: the task declared it. ``ALLOWED``: it lies where the task may do as it likes.
    ``FOREIGN``: another task declared it. ``UNDECLARED``: nobody did. ``UNKNOWN``: nobody knows
    what was there before, so that nobody can tell whether it changed.
    """

    OWN = "own"
    ALLOWED = "allowed"
    FOREIGN = "foreign"
    UNDECLARED = "undeclared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Accounted:
    """A change, and to whom it is put down; ``tasks`` are the others that declared it."""

    change: Change
    account: Account
    tasks: Sequence[TaskId | None] = ()


def account_for(
    changes: Iterable[Change],
    *,
    before: Callable[[str], PathState],
    own: Sequence[FileOperation],
    others: Sequence[FileOperation] = (),
    allowed: Sequence[str] = (),
) -> Sequence[Accounted]:
    """Put each change down to somebody, in the order given.

    Whether what was declared of a path is true, is for ``judge`` to find out; here it only matters
    that something was. A directory that came is declared by whatever was put into it; what was in a
    directory that was removed or moved goes with it, and what comes with it must be the same. Among
    the operations, allowances are those of their tasks.

    Args:
        changes: from before the task began until now.
        before: what was at a path before the task began.
        own: all that the task has recorded.
        others: what other tasks recorded meanwhile, or had announced before.
        allowed: more patterns of paths that the task need not declare; see ``path_pattern``.
    """
    found = list(changes)
    said = _Statements(
        mine=_Declared(filter(is_act, own)),
        theirs=_Declared(filter(is_act, others)),
        allowed=_Allowances([*((None, glob) for glob in allowed), *_scopes(own)], found),
        foreign=_Allowances(_scopes(others), found),
        along=_TakenAlong(found, before, [*own, *others], allowed),
        own={one.task_id for one in own},
    )
    return [said.account(change) for change in found]


def is_still_open(operation: FileOperation, before: Callable[[str], PathState]) -> bool:
    """Whether what was announced before the window had not been done when it began: what was found
    at one of its paths then was what the announcement had found. If that is not known, it was open.
    """
    seen = [(side.before, before(side.path)) for side in sides(operation)]
    return any(found == now or UnknownState in {type(found), type(now)} for found, now in seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    """All that was said of changes, and by whom: ``own`` are the tasks that are asked for."""

    mine: "_Declared"
    theirs: "_Declared"
    allowed: "_Allowances"
    foreign: "_Allowances"
    along: "_TakenAlong"
    own: AbstractSet[TaskId | None]

    def account(self, change: Change) -> Accounted:
        if self.along.has_lost(change):
            return Accounted(change, Account.UNDECLARED)
        along = self.along.by(change)
        if self.mine.by(change) or not self.own.isdisjoint(along):
            return Accounted(change, Account.OWN)
        if self.allowed.of(change):
            return Accounted(change, Account.ALLOWED)
        if tasks := self.theirs.by(change) or along or self.foreign.of(change):
            return Accounted(change, Account.FOREIGN, tasks)
        unknown = isinstance(change.before, UnknownState)
        return Accounted(change, Account.UNKNOWN if unknown else Account.UNDECLARED)


_Scope = tuple[TaskId | None, str]


def _scopes(operations: Iterable[FileOperation]) -> Sequence[_Scope]:
    kind = OperationKind.SCOPE
    return list(dict.fromkeys((one.task_id, one.path) for one in operations if one.kind is kind))


class _Allowances:
    """Where tasks may do as they like. With what is in a directory (``build/**``) the directory is
    allowed, too, and so is one that came because something in it was allowed.
    """

    def __init__(self, scopes: Sequence[_Scope], changes: Iterable[Change]) -> None:
        self._scopes = scopes
        self._holds = defaultdict[str, _Tasks](list)
        for change in changes if scopes else ():
            for above in _above(change.path):
                self._holds[above] += self._covering(change)

    def of(self, change: Change) -> Sequence[TaskId | None]:
        """Whose allowance covers it; nobody's, if that is empty."""
        came = isinstance(change.before, Absent) and isinstance(change.after, DirectoryState)
        holding = self._holds.get(change.path, ()) if came else ()
        return list(dict.fromkeys([*self._covering(change), *holding]))

    def _covering(self, change: Change) -> Sequence[TaskId | None]:
        return [task for task, glob in self._scopes if _covers(glob, change)]


def _covers(glob: str, change: Change) -> bool:
    if path_pattern(glob).fullmatch(change.path):
        return True
    no_file = {type(change.before), type(change.after)} <= {DirectoryState, Absent}
    return (
        glob.endswith("/**")
        and no_file
        and path_pattern(glob.removesuffix("/**")).fullmatch(change.path) is not None
    )


_Tasks = list[TaskId | None]


class _Declared:
    """The paths on which somebody declared a change."""

    def __init__(self, operations: Iterable[FileOperation]) -> None:
        self._changed = defaultdict[str, _Tasks](list)
        self._holds = defaultdict[str, _Tasks](list)  # a directory: something was put into it
        self._gone = defaultdict[str, _Tasks](list)
        for operation in operations:
            self._note(operation)

    def by(self, change: Change) -> Sequence[TaskId | None]:
        """Who declared it; nobody, if that is empty."""
        if change.path in self._changed:
            return self._changed[change.path]
        if isinstance(change.after, Absent):
            return self._gone_along(change.path)
        came = isinstance(change.before, Absent) and isinstance(change.after, DirectoryState)
        return self._holds.get(change.path, ()) if came else ()

    def _note(self, operation: FileOperation) -> None:
        for side in sides(operation):
            if side.kind is OperationKind.READ:
                continue
            self._changed[side.path].append(side.task_id)
            if side.kind not in _TAKING_AWAY:
                for above in _above(side.path):
                    self._holds[above].append(side.task_id)
            elif operation.destination is None:
                self._gone[side.path].append(side.task_id)

    def _gone_along(self, path: str) -> Sequence[TaskId | None]:
        """With a directory that it was in."""
        return next((self._gone[above] for above in _above(path) if above in self._gone), ())


class _TakenAlong:
    """What came or went with directories that were moved, or came with copies of them: it must be
    the same as it was, or as whoever declared a change of it left it.
    """

    def __init__(
        self,
        changes: Iterable[Change],
        before: Callable[[str], PathState],
        operations: Sequence[FileOperation],
        allowed: Sequence[str],
    ) -> None:
        self._now = {change.path: change.after for change in changes}
        self._before, self._journeys = before, Journeys(operations)
        self._filled = _Declared(filter(is_act, operations))
        globs = [*allowed, *(glob for _, glob in _scopes(operations))]
        self._free = [path_pattern(glob) for glob in dict.fromkeys(globs)]

    def by(self, change: Change) -> Sequence[TaskId | None]:
        """Who took it along; nobody, if that is empty."""
        if isinstance(change.after, Absent):
            return self._gone_by(change.path)
        if self._makes_place(change.path, change.after):
            return self._gone_by(change.path)
        origin = self._journeys.origin_of(change.path)
        return origin.by if origin is not None and self._is_the_same(origin, change.after) else ()

    def has_lost(self, change: Change) -> bool:
        """Whether what was there before was taken along, and is not where it went."""
        if isinstance(change.before, Absent | UnknownState):
            return False
        goal, by = self._journeys.goal_of(change.path)
        return bool(by) and goal is not None and not self._is_there(goal)

    def _is_there(self, path: str) -> bool:
        return self._now.get(path, self._before(path)) != Absent()

    def _gone_by(self, path: str) -> Sequence[TaskId | None]:
        goal, by = self._journeys.goal_of(path)
        return by if goal is None or self._is_there(goal) else ()

    def _is_the_same(self, origin: Origin, came: PathState) -> bool:
        left = self._before(origin.path)
        if origin.last is None and self._may_be_anything(origin.path, came):
            return True
        if origin.last is not None:
            said = left_by(origin.last, origin.path)
            if said is None:
                return True  # announced to be changed, and whether that is so is judged there
            left = said
        kind = OperationKind.COPY if origin.copied else OperationKind.MOVE
        return is_what_left(kind, left, came)

    def _may_be_anything(self, path: str, came: PathState) -> bool:
        """Whether it was allowed to be there, or is a directory that something was put into."""
        if any(free.fullmatch(path) for free in self._free):
            return True
        return self._makes_place(path, came)

    def _makes_place(self, path: str, came: PathState) -> bool:
        """Whether it is a directory that something was put into."""
        is_directory = isinstance(came, DirectoryState)
        return is_directory and bool(self._filled.by(Change(path, Absent(), came)))


_TAKING_AWAY = {OperationKind.DELETE, OperationKind.RMDIR}


def _above(path: str) -> Iterator[str]:
    """The directories that a path is in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
