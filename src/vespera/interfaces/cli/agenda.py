"""What the commands `vespera schedule ...` ask of the orchestrator, and what they print."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.runtime.schedule_book import ScheduleResult
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.schedule import TaskSchedule
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines

Told = TypeVar("Told", ScheduleResult, TaskResult)
FIELDS = (
    "name",
    "cron",
    "every",
    "time_zone",
    "catch_up",
    "most_catch_up",
    "overlap",
    "title",
    "specialist_type",
    "paused",
    "next_due",
    "last_due",
    "last_task_id",
    "created_at",
    "updated_at",
)


async def all_schedules(container: Container) -> Sequence[TaskSchedule]:
    """All schedules, by name."""
    return await container.get(TaskOrchestrator).schedules()


def add(
    name: str, request: Mapping[str, object], terms: Mapping[str, Any]
) -> Question[ScheduleResult]:
    """Store a schedule."""
    return _granted(
        lambda orchestrator: orchestrator.schedule(name, request, **terms), refusal=click.UsageError
    )


def remove(name: str) -> Question[ScheduleResult]:
    """Forget a schedule."""
    return _granted(lambda orchestrator: orchestrator.unschedule(name))


def pause(name: str) -> Question[ScheduleResult]:
    """Pause a schedule."""
    return _granted(lambda orchestrator: orchestrator.pause_schedule(name))


def resume(name: str) -> Question[ScheduleResult]:
    """Resume a schedule."""
    return _granted(lambda orchestrator: orchestrator.resume_schedule(name))


def trigger(name: str) -> Question[TaskResult]:
    """Create a task of a schedule."""
    return _granted(lambda orchestrator: orchestrator.trigger(name))


def show_all(schedules: Sequence[TaskSchedule], *, as_json: bool) -> None:
    """Print a table of schedules."""
    if as_json:
        print_json({"schedules": [_form(schedule) for schedule in schedules]})
        return
    head = ("NAME", "WHEN", "NEXT", "LAST", "TYPE", "TITLE")
    print_lines(*aligned([head, *map(_row, schedules)]))


def show(result: ScheduleResult, *, as_json: bool) -> None:
    """Print what was done."""
    assert result.schedule is not None, "a request that was granted is about a schedule"
    if as_json:
        print_json({"change": result.change, "schedule": _form(result.schedule)})
        return
    silent = result.schedule.paused or result.change == "removed"
    due = "" if silent else f"; next at {_due(result.schedule)}"
    print_lines(f"{result.schedule.name}: {result.change}{due}")


def show_task(result: TaskResult, *, as_json: bool) -> None:
    """Print the task that was created."""
    if as_json:
        told = {"task_id": result.task_id, "title": result.title, "status": result.status}
        print_json({**told, "specialist_type": result.specialist_type})
    else:
        print_lines(f"{result.status}: {result.title} ({result.task_id})")


def _granted(
    ask: Callable[[TaskOrchestrator], Awaitable[Told]],
    refusal: type[click.ClickException] = click.ClickException,
) -> Question[Told]:
    """What the orchestrator says; a refusal is an error."""

    async def question(container: Container) -> Told:
        result = await ask(container.get(TaskOrchestrator))
        if not result.success:
            raise refusal(str(result.error))
        return result

    return question


def _form(schedule: TaskSchedule) -> dict[str, object]:
    return {name: getattr(schedule, name) for name in FIELDS}


def _row(schedule: TaskSchedule) -> tuple[str, ...]:
    if schedule.cron is None:
        when = f"every {schedule.every:g} s"
    else:
        when = f"{schedule.cron} ({schedule.time_zone})"
    last = _moment(schedule.last_due)
    return (schedule.name, when, _due(schedule), last, schedule.specialist_type, schedule.title)


def _due(schedule: TaskSchedule) -> str:
    return "paused" if schedule.paused else _moment(schedule.next_due)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}" if moment else "never"
