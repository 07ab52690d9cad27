"""What has become of a task, for somebody who looks at a failed test."""

from typing import Any

from vespera.application.usecases.inspect_tasks import InspectTasksUseCase, StepDetails
from vespera.domain.ids import TaskId
from vespera.infrastructure.di.container import Container

_LONGEST = 200


async def history_of(container: Container, task_id: TaskId) -> str:
    """The task's attempts, the steps it has recorded and what each gave, its file operations."""
    details = (await container.get(InspectTasksUseCase).show_task(task_id)).details
    if details is None:
        return f"Task {task_id!r} is not there."
    task = details.task
    lines = [f"History: attempt {task.attempt}, {task.failures} failed; payload {details.payload}"]
    lines += [f"  step {_step(step)}" for step in details.steps] or ["  no step was recorded"]
    lines += [f"  file {f.path}: {f.verdict}" for f in details.findings]
    lines += [f"  waits for {d.title} ({d.id}): {d.status}" for d in details.dependencies]
    return "\n".join(lines)


def _step(step: StepDetails) -> str:
    name = step.name if step.occurrence == 1 else f"{step.name} (no. {step.occurrence})"
    if step.awaits is not None:
        return f"{name} still waits: {step.awaits}"
    verb = "failed" if step.failed else "gave"
    shown = _error(step.value) if step.failed else repr(step.value)
    return f"{name} {verb} {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '...'}"


def _error(recorded: Any) -> str:
    message, kinds = recorded
    return f"{kinds[0]}: {message}"
