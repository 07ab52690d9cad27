"""What can be told of tasks: something happened, at a moment, in an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.task import Task, TaskStatus


class EventType(StrEnum):
    """What happened. ``TaskEvent.data`` says more of some of them."""

    CREATED = "created"
    DEBOUNCED = "debounced"
    IMPORTED = "imported"
    CLAIMED = "claimed"
    STEP_RECORDED = "step_recorded"
    STEP_FAILED = "step_failed"
    PROGRESS = "progress"
    RETRY_PLANNED = "retry_planned"
    RETRIED = "retried"
    TAKEN_BACK = "taken_back"
    WAITING = "waiting"
    RELEASED = "released"
    ASSIGNED = "assigned"
    EXECUTED = "executed"
    REFUSED = "refused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


T = EventType
ROUTINE = frozenset({T.CREATED, T.DEBOUNCED, T.CLAIMED, T.STEP_RECORDED, T.STEP_FAILED, T.WAITING})
"""What happens to every task on its way; rows of its own tell of it too."""

LEVELS: Mapping[str, frozenset[EventType]] = {
    "all": frozenset(EventType),
    "ends": frozenset(EventType) - ROUTINE,
    "off": frozenset(),
}
"""Which events are kept: all; how attempts and tasks ended, and progress; none."""


LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent:
    """One thing that happened to a task.

    ``id`` grows in the order of commits, over all processes; it is what ``after`` takes, and not
    without gaps. ``at`` is when it happened, by the clock of the process that did it. ``data``:
    ``step`` and ``occurrence`` of a step; ``error`` of what went wrong (class and message), and
    ``run_after`` of a planned retry and of a debounced task; ``reason`` of a retry that somebody
    asked for; ``done``, ``total`` and ``message`` of progress; ``status`` of a task that was
    imported, as it is from then on.
    """

    id: int
    type: EventType
    task_id: TaskId
    at: datetime
    attempt: int
    data: Mapping[str, object] = field(default_factory=dict)


def event_types_of(value: object) -> frozenset[EventType]:
    """One type of events or several.

    Raises:
        InvalidRequest: one does not exist, or there is none.
    """
    given = [value] if isinstance(value, str) else value
    try:
        found = frozenset(EventType(one) for one in given)  # type: ignore[attr-defined]
    except (ValueError, TypeError):
        known = ", ".join(EventType)
        raise InvalidRequest(f"must be some of {known}, not {value!r}", field="types") from None
    if not found:
        raise InvalidRequest("must not be empty; None means all", field="types")
    return found


def event_of(task: Task) -> EventType:
    """What the task's last change was, told by where it stands now."""
    if task.status is TaskStatus.PENDING:
        return T.RELEASED if task.run_after is None or task.error is None else T.RETRY_PLANNED
    if task.status is TaskStatus.RUNNING:
        return T.CLAIMED
    refusable = task.status in {TaskStatus.EXECUTED, TaskStatus.ASSIGNED}
    if refusable and task.error is not None and "UnprovenCompletion" in task.error.error_types:
        return T.REFUSED
    return EventType(task.status.value)
