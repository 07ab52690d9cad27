"""What the commands that change one task ask of the container, and what they print."""

from typing import Any, cast

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.workflows.task_result import TaskResult
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_lines, show_result


def retry(task_id: str, reason: str, *, dependents: bool) -> Question[TaskResult]:
    """Let a task run again.

    Raises:
        click.ClickException: it is refused.
    """

    async def question(container: Container) -> TaskResult:
        orchestrator = container.get(TaskOrchestrator)
        return _accepted(
            await orchestrator.retry_task(task_id, reason=reason, dependents=dependents)
        )

    return question


def fork(
    task_id: str, point: tuple[str, int] | None, payload: object, new_id: str | None
) -> Question[TaskResult]:
    """Create a task from another one. Refused as a retry is."""

    async def question(container: Container) -> TaskResult:
        values = cast("Any", payload)  # which is checked there
        return _accepted(
            await container.get(TaskOrchestrator).fork_task(
                task_id, from_step=point, new_task_id=new_id, payload=values
            )
        )

    return question


def show(result: TaskResult, *, as_json: bool) -> None:
    """Print how the task stands, and whom else that concerns."""
    show_result(result, as_json=as_json)
    if as_json:
        return
    if result.retried:
        print_lines(f"pending again with it: {', '.join(result.retried)}")
    if result.still_cancelled:
        named = ", ".join(result.still_cancelled)
        print_lines(f"still cancelled, as it had failed: {named}")


def _accepted(result: TaskResult) -> TaskResult:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result
