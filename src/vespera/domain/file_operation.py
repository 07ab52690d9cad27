"""What a task says it did, or is about to do, to one file; and what can be seen at a path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


class OperationKind(StrEnum):
    """What is done to the file."""

    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"
    READ = "read"


class Phase(StrEnum):
    """How far a record goes.

    ``INTENT``: recorded before the act; ``before`` was observed, ``after`` is not known yet.
    ``CLAIM``: recorded after the act; ``after`` was observed, ``before`` was not.
    ``DONE``: Vespera did it itself; both are known.
    """

    INTENT = "intent"
    CLAIM = "claim"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOperation:
    """One recorded operation. Ids are time-ordered: the order of ids is the order of recording.

    ``path`` is relative to the workspace, with ``/`` between its parts; bytes that are no UTF-8
    are kept as surrogate escapes. ``expected`` is the state that the act is to leave, where it is
    known beforehand.
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
    context: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
