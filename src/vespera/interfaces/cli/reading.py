"""What the commands that only look ask of the container."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.persistence import FileOperationRepository, TaskRepository
from vespera.application.usecases.inspect_tasks import (
    InspectTasksUseCase,
    TaskDetails,
    TaskPage,
)
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.search import cursor_of
from vespera.domain.task import TaskStatus
from vespera.domain.verification import Finding
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.containers import made

Answer = TypeVar("Answer")
Question = Callable[[Container], Awaitable[Answer]]
DONE = frozenset({TaskStatus.COMPLETED, TaskStatus.EXECUTED})


def ask(
    settings: Mapping[str, object],
    question: Question[Answer],
    *,
    kind: type[Container] = Container,
    without_database: bool = False,
) -> Answer:
    """The answer of a container that runs no tasks. ``kind`` is its class.

    Raises:
        click.ClickException: the database does not exist; looking does not make one. Not raised
            if the answer can be given ``without_database``.
    """
    return asyncio.run(_ask(settings, question, kind, without_database=without_database))


async def _ask(
    settings: Mapping[str, object],
    question: Question[Answer],
    kind: type[Container],
    *,
    without_database: bool,
) -> Answer:
    container = made(kind, settings)  # not entered: its worker must not run anything
    try:
        if not without_database:
            require_database(container.get("database").path)
        return await question(container)
    finally:
        await container.cleanup_async_services()


def require_database(database: Path | None) -> None:
    """Refuse to go on without a database.

    Raises:
        click.ClickException: there is none.
    """
    if database is None or (database.exists() and database.stat().st_size):
        return
    raise click.ClickException(
        f"there is no database at {database}; `vespera run` makes one, --db and --workspace"
        " say where it is"
    )


def list_tasks(search: Mapping[str, object]) -> Question[TaskPage]:
    """One page of tasks; ``after`` is a cursor, or the id of a task."""

    async def question(container: Container) -> TaskPage:
        after = search.get("after")
        found = await container.get(TaskRepository).find([TaskId(str(after))]) if after else {}
        for task in found.values():
            after = cursor_of(task)
        page = await container.get(InspectTasksUseCase).search_tasks({**search, "after": after})
        if not page.success:
            raise click.UsageError(page.error or "")
        return page

    return question


def show_task(task_id: str) -> Question[TaskDetails]:
    """All of one task."""

    async def question(container: Container) -> TaskDetails:
        result = await container.get(InspectTasksUseCase).show_task(TaskId(task_id))
        if result.details is None:
            raise click.ClickException(result.error or "")
        stands = await container.get(TaskOrchestrator).get_task_status(task_id)
        return replace(result.details, waits_for=stands.waits_for)

    return question


def findings_of(some_id: str | None) -> Question[Sequence[Finding]]:
    """The findings on a task's operations, on one operation, or on all that should hold now.

    Operations may be recorded under an id that no task has: `tracker_for("the build")`.
    """

    async def question(container: Container) -> Sequence[Finding]:
        tracking = container.get(TrackFileOperationsUseCase)
        tasks = container.get(TaskRepository)
        if some_id is None:
            return await _of_everything_done(tracking, tasks)
        findings = (await tracking.examine(TaskId(some_id))).findings
        if findings or await tasks.find([TaskId(some_id)]):
            return findings
        return [await _of_operation(container, some_id)]

    return question


async def _of_everything_done(
    tracking: TrackFileOperationsUseCase, tasks: TaskRepository
) -> Sequence[Finding]:
    findings = (await tracking.verify_all()).findings
    found = await tasks.find({finding.task_id for finding in findings if finding.task_id})
    not_done = {task.id for task in found.values() if task.status not in DONE}
    return [finding for finding in findings if finding.task_id not in not_done]


async def _of_operation(container: Container, some_id: str) -> Finding:
    operation_id = OperationId(some_id)
    found = await container.get(FileOperationRepository).find([operation_id])
    if operation_id not in found:
        raise click.ClickException(f"no task and no file operation has the id {some_id!r}")
    return await container.get(TrackFileOperationsUseCase).finding_of(operation_id)
