"""Events as they come, one a line."""

import sys
from collections.abc import Collection

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.events import EventLog
from vespera.domain.errors import TaskNotFound
from vespera.domain.event import EventType, TaskEvent
from vespera.domain.task import TaskStatus
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json_line, print_lines


def one_task(task_id: str, *, as_json: bool) -> Question[TaskStatus]:
    """Print the task's events until it is finished; gives how it ended."""

    async def question(container: Container) -> TaskStatus:
        orchestrator = container.get(TaskOrchestrator)
        try:
            async for event in orchestrator.events(task_id):
                _print(event, as_json=as_json)
        except TaskNotFound as error:
            raise click.ClickException(str(error)) from error
        stands = await orchestrator.get_task_status(task_id)
        if stands.status is None:
            raise click.ClickException(stands.error or "")
        if not as_json:
            print_lines(f"{stands.status}: {stands.error or stands.title}")
        return stands.status

    return question


def all_tasks(
    after: int | None, types: Collection[EventType] | None, *, follow: bool, as_json: bool
) -> Question[None]:
    """Print the events that are kept; those that come, if they are to be followed."""

    async def question(container: Container) -> None:
        orchestrator, log = container.get(TaskOrchestrator), container.get(EventLog)
        newest = await log.newest()
        begin = after if after is not None else newest if follow else 0
        if follow:
            async for event in orchestrator.events(after=begin, types=types):
                _print(event, as_json=as_json)
        more = True
        while more:
            page = await log.page(begin, types=types)
            for event in page.events:
                _print(event, as_json=as_json)
            begin, more = page.upto, page.more

    return question


def exit_with(status: TaskStatus) -> None:
    """End the program by how the task ended."""
    if status is not TaskStatus.COMPLETED:
        sys.exit(1)


def _print(event: TaskEvent, *, as_json: bool) -> None:
    if as_json:
        print_json_line(event)
        return
    told = " ".join(f"{name}={value}" for name, value in event.data.items() if value is not None)
    moment = event.at.isoformat(" ", "seconds")
    line = f"{event.id}  {moment}  {event.type:13}  {event.task_id}  {told}"
    print_lines(" ".join(line.split(chr(10))).rstrip())
