"""Where an operation is done: in which step of which task."""

from dataclasses import dataclass

from vespera.application.runtime.heartbeats import current_call, current_step
from vespera.domain.ids import TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPlace:
    """A task's attempt, and a step of it; "" and 0: none."""

    task_id: TaskId | None = None
    attempt: int = 0
    step: str = ""
    occurrence: int = 0


def current_place() -> CostPlace:
    """Where this is asked: in a step's function, or in none."""
    if current_step() is None:
        return CostPlace()
    call = current_call()
    fence = call.fence
    return CostPlace(
        task_id=fence.task_id, attempt=fence.attempt, step=call.name, occurrence=call.occurrence
    )
