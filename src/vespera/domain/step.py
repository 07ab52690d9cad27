"""What is remembered of one step of a task."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.quick import quick

StepKey = tuple[str, int]
"""A step's name and its occurrence."""

UNDO_PREFIX = "undo:"
"""What undoing a step is recorded as begins so, and goes on with the step's name."""

UNDOING: StepKey = (UNDO_PREFIX, 1)
"""The record that says that no step is done any more, and to which end the task comes."""

PATCH_PREFIX = "patch:"
"""What says that a task goes the way of a changed handler is recorded as this and a name."""

SIGNAL_PREFIX = "signal:"
"""How the waits for signals are called in a task's history."""

SPAWN_PREFIX, RESULT_PREFIX = "spawn:", "result:"
"""How children are, and the waits for their ends."""

KEPT_PREFIXES = (UNDO_PREFIX, PATCH_PREFIX, SIGNAL_PREFIX, SPAWN_PREFIX, RESULT_PREFIX)
"""No step of a handler's own has a name that begins like these."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of holding a task: a write with an outdated fence changes nothing."""

    task_id: TaskId
    attempt: int
    owner: OwnerId


@quick
@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step's one recorded result, or its failure within one retry epoch.

    ``seq`` is the order of recording within the task. ``epoch`` is the task's ``failures`` when
    the step was recorded. Exactly one of ``value`` (encoded), ``error`` (encoded) and ``awaits`` is
    set: the last is of a wait that has not ended, and says in words for what it is; ``wake_at`` is
    when it ends by itself.
    """

    task_id: TaskId
    name: str
    occurrence: int
    seq: int
    epoch: int
    value: bytes | None
    error: bytes | None
    recorded_at: datetime
    wake_at: datetime | None = None
    awaits: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the step ended in an error."""
        return self.error is not None

    @property
    def done(self) -> bool:
        """Whether it is the result of a step that the handler asked for, and no wait."""
        own = not self.name.startswith(KEPT_PREFIXES)
        return own and self.value is not None and self.wake_at is None

    @property
    def open(self) -> bool:
        """Whether it is a wait that has not ended."""
        return self.awaits is not None


def waits_in_words(records: Iterable[StepRecord]) -> str:
    """For what those of them wait that have not ended; "" if there are none."""
    return "; ".join(wait_in_words(r.awaits, r.wake_at) for r in records if r.awaits is not None)


def wait_in_words(awaits: str, wake_at: datetime | None) -> str:
    """For what a wait is, and until when at the latest."""
    if wake_at is None or awaits.startswith("until "):
        return awaits
    return f"{awaits} (until {wake_at.isoformat(' ', 'seconds')})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The last sign of life of a step that has kept how far it is: ``detail``, encoded."""

    task_id: TaskId
    name: str
    occurrence: int
    beaten_at: datetime
    detail: bytes
