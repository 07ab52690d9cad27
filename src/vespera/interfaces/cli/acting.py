"""What the commands that act on one task ask of the container, and what they print."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.resources.manager import AsyncResourceManager
from vespera.application.runtime.settling import Settling
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.errors import TaskNotFound, TaskOver
from vespera.domain.ids import TaskId
from vespera.domain.resource import ResourceRecord
from vespera.domain.task import GOING_ON, Task, TaskStatus
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.containers import made
from vespera.interfaces.cli.failures import Interrupted
from vespera.interfaces.cli.holding import form_of, row_of_leftover
from vespera.interfaces.cli.reading import Question, require_database
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines, show_result
from vespera.interfaces.cli.stopping import Stopping


def do(
    settings: Mapping[str, object], question: Question[TaskResult], kind: type[Container]
) -> TaskResult:
    """The answer of a container that is started, and may run the task that it is asked for.

    The first SIGINT or SIGTERM cancels it, and the task is pending again; a second ends the
    process.

    Raises:
        Interrupted: a signal stopped it.
        click.ClickException: the database does not exist, or what was asked for is refused.
    """
    stopping = Stopping("stopping; a second Ctrl-C ends the process at once")
    with stopping.by_signals():
        try:
            return asyncio.run(_do(settings, question, kind, stopping))
        except asyncio.CancelledError as error:
            if stopping.received is None:
                raise
            raise Interrupted(stopping.received) from error


async def _do(
    settings: Mapping[str, object],
    question: Question[TaskResult],
    kind: type[Container],
    stopping: Stopping,
) -> TaskResult:
    task = asyncio.current_task()
    assert task is not None
    with stopping.does(task.cancel):
        container = made(kind, settings)
        require_database(container.get("database").path)
        async with container:
            return await question(container)


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


def cancel(task_id: str, reason: str) -> Question[TaskResult]:
    """Call a task off. Refused as a retry is."""

    async def question(container: Container) -> TaskResult:
        orchestrator = container.get(TaskOrchestrator)
        task = await _found(container, task_id)
        knows = container.get(Specialists).knows(task.specialist_type)
        if knows or not task.undoable or task.status not in GOING_ON:
            return _accepted(await orchestrator.cancel_task(task_id, reason))
        try:
            await container.get(TaskRepository).call_off(task.id, reason or "it was called off")
        except TaskOver as error:
            raise click.ClickException(str(error)) from error
        told = f"a worker that does {task.specialist_type!r}, to undo its steps (or say --app)"
        return replace(await orchestrator.get_task_status(task_id), waits_for=told)

    return question


def run(task_id: str) -> Question[TaskResult]:
    """Do a task, and sign it off."""

    async def question(container: Container) -> TaskResult:
        task = await _found(container, task_id)
        specialists = container.get(Specialists)
        if not specialists.knows(task.specialist_type):
            raise click.ClickException(f"{specialists.told_missing(task.specialist_type)}.")
        orchestrator = container.get(TaskOrchestrator)
        result = await orchestrator.execute_task(task_id)
        if result.success and result.status is TaskStatus.EXECUTED:
            result = await orchestrator.complete_task(task_id)
        return result

    return question


def wait(task_id: str, timeout: float | None) -> Question[TaskResult]:
    """How a task stands once nothing more will come of it by itself.

    Raises:
        click.ClickException: the time is over, or there is no such task.
    """

    async def question(container: Container) -> TaskResult:
        task = await _found(container, task_id)
        try:
            async with container.get(Clock).timeout(timeout):
                await container.get(Settling).settled(task.id)
        except TimeoutError as error:
            stands = await container.get(TaskOrchestrator).get_task_status(task_id)
            why = f": {stands.waits_for}" if stands.waits_for else ""
            told = f"Task {task_id!r} ({stands.title}) is {stands.status} after {timeout:g} s{why}."
            raise click.ClickException(told) from error
        stands = await container.get(TaskOrchestrator).get_task_status(task_id)
        return replace(stands, success=stands.completed)

    return question


class Recovered(NamedTuple):
    """What was taken from the dead: tasks, and resources as they are now."""

    tasks: Sequence[Task]
    resources: Sequence[ResourceRecord]


async def recover(container: Container) -> Recovered:
    """Take back tasks, and release resources."""
    released = await container.get(AsyncResourceManager).reclaim()
    taken = await container.get(Engine).take_back()
    found = await container.get(TaskRepository).find(taken)
    return Recovered([found[task_id] for task_id in sorted(found)], released)


def show(result: TaskResult, *, as_json: bool) -> None:
    """Print how the task stands, and whom else that concerns."""
    show_result(result, as_json=as_json)
    if as_json:
        return
    if result.retried:
        print_lines(f"pending again with it: {', '.join(result.retried)}")
    if result.waits_for:
        print_lines(f"waits: {result.waits_for}")
    if result.still_cancelled:
        named = ", ".join(result.still_cancelled)
        print_lines(f"still cancelled, as it had failed: {named}")


def show_recovered(recovered: Recovered, *, as_json: bool) -> None:
    """Print which tasks were taken back, and how often a worker has died at them; and what became
    of resources.
    """
    tasks, resources = recovered
    if as_json:
        fields = ("id", "title", "specialist_type", "status", "crashes")
        taken = [{f: getattr(task, f) for f in fields} for task in tasks]
        print_json({"taken_back": taken, "resources": [form_of(one) for one in resources]})
        return
    print_lines(
        *aligned(
            [("taken back:", t.id, t.specialist_type, t.title, _crashes(t)) for t in tasks]
            or ([] if resources else [("nothing is held by the dead",)])
        ),
        *aligned(row_of_leftover(one) for one in resources),
    )


def _crashes(task: Task) -> str:
    return f"crash {task.crashes} in a row" if task.crashes else ""


async def _found(container: Container, task_id: str) -> Task:
    try:
        return await container.get(TaskRepository).get(TaskId(task_id))
    except TaskNotFound as error:
        raise click.ClickException(str(error)) from error


def _accepted(result: TaskResult) -> TaskResult:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result
