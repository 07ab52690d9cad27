"""What a worker does, told as it happens to whoever watches it in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from vespera.application.runtime.sign_off import Signed
from vespera.domain.task import Task, TaskStatus


class WorkEventKind(StrEnum):
    """What happened."""

    BEGAN = "began"
    EXECUTED = "executed"
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    RETRYING = "retrying"
    ASSIGNED = "assigned"
    CANCELLED = "cancelled"
    RELEASED = "released"
    LOST = "lost"
    WAITING = "waiting"
    TAKEN_BACK = "taken back"
    TROUBLE = "trouble"
    MENDED = "mended"
    FIRED = "fired"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEvent:
    """One thing that a worker did or met.

    ``task`` is the task as it stands now, if it is about one. ``told`` says the rest: an error, a
    count, a schedule's name.
    """

    kind: WorkEventKind
    task: Task | None = None
    told: str = ""


Watcher = Callable[[WorkEvent], object]


def end_of(claimed: Task, signed: Signed) -> WorkEvent:
    """What came of an attempt at the task that was ``claimed``."""
    task = signed.task
    told = str(task.error) if task.error else ""
    return WorkEvent(kind=_kind_of_end(claimed, signed), task=task, told=told)


def _kind_of_end(claimed: Task, signed: Signed) -> WorkEventKind:
    task = signed.task
    if signed.refused:
        return WorkEventKind.REFUSED
    if task.status is TaskStatus.RUNNING or task.crashes > claimed.crashes:
        return WorkEventKind.LOST  # it stood still for too long, and somebody else has the task
    if task.status is TaskStatus.PENDING:
        again = task.failures > claimed.failures
        return WorkEventKind.RETRYING if again else WorkEventKind.RELEASED
    return WorkEventKind(task.status.value)
