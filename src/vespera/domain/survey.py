"""What a report tells of the workspace beside what was said of it."""

from dataclasses import dataclass
from datetime import datetime

from vespera.domain.ids import SnapshotId

MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class NotExamined:
    """A path that was not looked at, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A comparison of the workspace with the snapshot that was taken before a task began.

    Attributes:
        since: the snapshot.
        began_at, ended_at: when its scan began, and when the second scan ended.
        undeclared, foreign, allowed: how many changes nobody declared, other tasks did, and the
            task's allowances cover.
        repository: a line for each part of a git repository that changed.
        not_examined: ``MOST_LISTED`` at most of the paths that were not looked at.
        unlisted: how many more there are.
        caution: why every file was read, or why that would have been wise; or "".
    """

    since: SnapshotId
    began_at: datetime
    ended_at: datetime
    undeclared: int = 0
    foreign: int = 0
    allowed: int = 0
    repository: tuple[str, ...] = ()
    not_examined: tuple[NotExamined, ...] = ()
    unlisted: int = 0
    caution: str = ""
