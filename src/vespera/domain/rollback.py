"""Taking back what was done to files: the steps, what stands in their way, and the record of both.

A rollback is recorded as operations of its own, under a name that no task has. So whoever judges
the files later finds its changes declared, and it can be taken back as the work of any task.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    OperationKind,
    PathState,
)
from vespera.domain.ids import OperationId, OwnerId, RollbackId, TaskId

TAKES_BACK = "vespera:takes_back"
"""In the context of a rollback's operations: the ids of those that it takes back on this path."""

_MARK = "rollback:"


def name_of_rollback(rollback_id: RollbackId) -> TaskId:
    """Under what its operations are recorded: a name beside those of tasks, so that it can be
    verified, shown and taken back like one, and never be mistaken for one.
    """
    return TaskId(f"{_MARK}{rollback_id}")


def rollback_named(name: TaskId) -> RollbackId | None:
    """The rollback that has this name, if one can have it."""
    return RollbackId(name.removeprefix(_MARK)) if name.startswith(_MARK) else None


class StepKind(StrEnum):
    """What is done to one path."""

    RESTORE = "restore"
    REPLACE = "replace"
    REMOVE = "remove"
    REMOVE_DIRECTORY = "remove_directory"
    SET_MODE = "set_mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStep:
    """One path, from what is there (``found``) to what was there before (``wanted``).

    ``takes_back``: the operations on it that are undone by that.
    """

    path: str
    found: PathState
    wanted: PathState
    takes_back: tuple[OperationId, ...] = ()

    @property
    def kind(self) -> StepKind:
        """What is done."""
        match self.found, self.wanted:
            case DirectoryState(), Absent():
                return StepKind.REMOVE_DIRECTORY
            case _, Absent():
                return StepKind.REMOVE
            case Absent(), _:
                return StepKind.RESTORE
            case DirectoryState(), DirectoryState():
                return StepKind.SET_MODE
            case FileState(digest, size), FileState(wanted, length) if (digest, size) == (
                wanted,
                length,
            ):
                return StepKind.SET_MODE
            case _:
                return StepKind.REPLACE

    @property
    def content(self) -> str | None:
        """The digest of the content that is put there; None: nothing with a content is."""
        puts = self.kind in {StepKind.RESTORE, StepKind.REPLACE}
        return self.wanted.digest if puts and isinstance(self.wanted, FileState) else None


def changes_of(step: RollbackStep) -> Sequence[tuple[OperationKind, PathState, PathState]]:
    """As what the step is recorded. What takes the place of another kind of thing is a removal
    and a creation, as no kind of operation says it in one word.
    """
    found, wanted = step.found, step.wanted
    if step.kind is StepKind.SET_MODE:
        return [(OperationKind.CHMOD, found, wanted)]
    if isinstance(found, FileState) and isinstance(wanted, FileState):
        return [(OperationKind.MODIFY, found, wanted)]
    recorded: list[tuple[OperationKind, PathState, PathState]] = []
    if found != Absent():
        goes = isinstance(found, DirectoryState)
        kind = OperationKind.RMDIR if goes else OperationKind.DELETE
        recorded.append((kind, found, Absent()))
    if wanted != Absent():
        recorded.append((_making(wanted), Absent(), wanted))
    return recorded


def _making(state: PathState) -> OperationKind:
    match state:
        case FileState():
            return OperationKind.CREATE
        case DirectoryState():
            return OperationKind.MKDIR
        case _:
            return OperationKind.SYMLINK


class Obstacle(StrEnum):
    """Why a path cannot be taken back.

    ``TASK``: another task, or another attempt, has changed it, too.
    ``EDITED``: it is not as it was left, and nobody said so.
    ``NOT_KNOWN``: what was there before, what was left, or what is there now, is not known.
    ``NOT_KEPT``: the content that was there before is not in the store.
    ``NOT_EMPTY``: it is a directory in which something would be left.
    ``NO_DIRECTORY``: the directory that it was in is not there any more.
    ``REFUSED``: the system cannot do it, or does not let us.
    """

    TASK = "task"
    EDITED = "edited"
    NOT_KNOWN = "not_known"
    NOT_KEPT = "not_kept"
    NOT_EMPTY = "not_empty"
    NO_DIRECTORY = "no_directory"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackConflict:
    """A path that is left as it is, and why.

    Attributes:
        told: the reason in words.
        kept: where something is that was displaced and could not be put back, as its place was
            taken; relative to the workspace.
    """

    path: str
    obstacle: Obstacle
    told: str
    kept: str | None = None

    def __str__(self) -> str:
        return f"{self.path!r}: {self.told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What is to be done, in this order, and what cannot be.

    Attributes:
        steps: one for each path that is not as wanted yet; for a new directory that is not to be
            writable, two.
        conflicts: in the order of paths.
        emptied: directories in which nothing is left then, which stay, as no operation tells
            who made them.
    """

    steps: tuple[RollbackStep, ...] = ()
    conflicts: tuple[RollbackConflict, ...] = ()
    emptied: tuple[str, ...] = ()


class RollbackState(StrEnum):
    """How far a rollback has come.

    ``PLANNING``: nothing was touched yet. ``ACTING``: its steps are recorded, and are done one
    after the other. ``DONE``: all are. ``INCOMPLETE``: some could not be. ``ABANDONED``: nothing
    was touched.
    """

    PLANNING = "planning"
    ACTING = "acting"
    DONE = "done"
    INCOMPLETE = "incomplete"
    ABANDONED = "abandoned"


UNDER_WAY = frozenset({RollbackState.PLANNING, RollbackState.ACTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The record of a rollback.

    Attributes:
        task_id: whose changes are taken back.
        attempt: of this one only; None: of all.
        tree: those of its descendants, too.
        partial: what can be taken back is, whatever the rest.
        owner: who does it.
        heard_at: when he last recorded something.
    """

    id: RollbackId
    task_id: TaskId
    owner: OwnerId
    began_at: datetime
    heard_at: datetime
    attempt: int | None = None
    tree: bool = False
    partial: bool = False
    state: RollbackState = RollbackState.PLANNING

    @property
    def name(self) -> TaskId:
        """Under what its operations are recorded."""
        return name_of_rollback(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step in the journal.

    Attributes:
        number: its place, from 0.
        operations: the ids under which it is recorded, one for each of ``changes_of``.
        begun: it is announced; whether it was done, the disk tells.
        over: it was done, or given up.
        conflict: why it was given up.
    """

    number: int
    step: RollbackStep
    operations: tuple[OperationId, ...]
    begun: bool = False
    over: bool = False
    conflict: RollbackConflict | None = None

    @property
    def done(self) -> bool:
        """Whether the path is as wanted."""
        return self.over and self.conflict is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What is kept of a rollback.

    Attributes:
        since: when it was put there.
        files: how many.
        size: in bytes.
    """

    rollback_id: RollbackId
    since: datetime
    files: int
    size: int
