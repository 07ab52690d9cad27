"""What a task says it did, or is about to do, to one file; and what can be seen at a path."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from vespera.domain.ids import OperationId, TaskId


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is there."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A regular file. ``digest`` names its algorithm (``b3:...``), ``mode`` is the low 12 bits."""

    digest: str
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class SymlinkState:
    """A symbolic link, never followed. ``target`` as stored in the link (surrogate-escaped)."""

    target: str


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """A directory; nothing is said of what is in it."""

    mode: int


@dataclass(frozen=True, slots=True)
class SpecialState:
    """A FIFO, a socket or a device; never opened."""

    kind: str


@dataclass(frozen=True, slots=True)
class UnknownState:
    """Nobody knows, and why: ``not_observed``, ``unreadable``, ``unstable``, ``io_error: ...``."""

    reason: str


PathState = Absent | FileState | SymlinkState | DirectoryState | SpecialState | UnknownState
NOT_OBSERVED = UnknownState("not_observed")

DIGEST = "vespera:digest"
"""In the context of an intent: of the content that the act is to leave."""


class OperationKind(StrEnum):
    """What is done to the path. A move and a copy lead to a second one, their destination.

    ``SCOPE`` is an allowance and claims nothing: its path is a pattern of paths on which the task
    need not declare what it does.
    """

    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"
    READ = "read"
    MOVE = "move"
    COPY = "copy"
    MKDIR = "mkdir"
    RMDIR = "rmdir"
    SYMLINK = "symlink"
    CHMOD = "chmod"
    SCOPE = "scope"


class Phase(StrEnum):
    """How far a record goes.

    ``INTENT``: recorded before the act; ``before`` was observed, ``after`` is not known yet.
    ``CLAIM``: recorded after the act; ``after`` was observed, ``before`` was not.
    ``DONE``: Vespera did it itself; both are known.
    ``FAILED``: Vespera was to do it, and could not; nothing was changed. It claims nothing; a
    replay fails at it once more. ``after`` is unknown for the reason.
    ``REFUSED``: it was to be done outside of the workspace, or by a way that may lead there; it was
    not done. The path is as it was given, and ``after`` is unknown for the reason.
    """

    INTENT = "intent"
    CLAIM = "claim"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a move or a copy leads to, and what was seen there.

    ``overwrites``: it may take the place of a file or a symbolic link.
    """

    path: str
    before: PathState
    after: PathState
    overwrites: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOperation:
    """One recorded operation. Ids are time-ordered: the order of ids is the order of recording.

    ``path`` is relative to the workspace, with ``/`` between its parts; bytes that are no UTF-8
    are kept as surrogate escapes. ``expected`` is the state that the act is to leave, where it is
    known beforehand; of a move or a copy, at its ``destination``. ``attempt``: of the task, in
    which it was first recorded; None: it is not known, or there was none.
    """

    id: OperationId
    task_id: TaskId | None
    kind: OperationKind
    phase: Phase
    path: str
    before: PathState
    after: PathState
    recorded_at: datetime
    expected: PathState | None = None
    destination: Destination | None = None
    context: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    attempt: int | None = None

    @property
    def paths(self) -> Sequence[str]:
        """The path, and the destination's if there is one."""
        return (self.path,) if self.destination is None else (self.path, self.destination.path)


def is_act(operation: FileOperation) -> bool:
    """Whether it tells of something that is done to its path; allowances do not, and what failed or
    was refused was not done.
    """
    not_done = operation.phase in {Phase.FAILED, Phase.REFUSED}
    return operation.kind is not OperationKind.SCOPE and not not_done


def sides(operation: FileOperation) -> Sequence[FileOperation]:
    """The operation as it looks from each of its paths.

    Where a move begins, something is deleted, and where a copy begins, it is read. Where they
    arrive, the operation is of its own kind still, on the destination's path.
    """
    there = operation.destination
    if there is None:
        return (operation,)
    moves = operation.kind is OperationKind.MOVE
    leaves = OperationKind.DELETE if moves else OperationKind.READ
    return (
        replace(operation, kind=leaves, expected=None, destination=None),
        replace(operation, path=there.path, before=there.before, after=there.after),
    )


def by_path(operations: Iterable[FileOperation]) -> Mapping[str, Sequence[FileOperation]]:
    """The sides of what was done, or said to be, by their paths, each path's in the order given."""
    chains: dict[str, list[FileOperation]] = {}
    for operation in filter(is_act, operations):
        for side in sides(operation):
            chains.setdefault(side.path, []).append(side)
    return chains
