"""The commands `vespera task ...` and their options."""

from datetime import datetime, timedelta

import click

from vespera.domain.search import TaskOrder
from vespera.domain.task import FINISHED, TaskStatus
from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.options import Asked, agreement, moment, on_container, span, text, word


@click.group()
def task() -> None:
    """Look at tasks, tell them what they wait for, hold them back, run them again."""


@task.command(name="list")
@click.option("--status", type=click.Choice(list(TaskStatus), case_sensitive=False), multiple=True)
@click.option(
    "--type", "specialist_type", type=word, metavar="NAME", help="Only this specialist type."
)
@click.option("--parent", "parent_id", type=word, metavar="ID", help="Only children of this task.")
@click.option("--created-after", type=moment, metavar="WHEN", help="2030-01-31T12:00, or 2h ago.")
@click.option("--created-before", type=moment, metavar="WHEN", help="As above.")
@click.option("--updated-after", type=moment, metavar="WHEN", help="As above.")
@click.option("--title", "title_contains", type=text, metavar="TEXT", help="Somewhere in it.")
@click.option(
    "--failed-with", type=word, metavar="CLASS", help="Class of the last error, or a base of it."
)
@click.option(
    "--order",
    type=click.Choice([order.value for order in TaskOrder]),
    default=TaskOrder.OLDEST.value,
    show_default=True,
)
@click.option("--after", type=word, metavar="NEXT|ID", help="Go on behind this page or task.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@on_container
def list_tasks(
    *,
    asked: Asked,
    status: tuple[TaskStatus, ...],
    **search: str | int | datetime | None,
) -> None:
    """List tasks, oldest first."""
    from vespera.interfaces.cli import reading, rendering

    query = reading.list_tasks({**search, "status": status or None})
    rendering.show_page(asked.answer(query), as_json=asked.as_json)


@task.command(name="show")
@click.argument("task_id", type=word, metavar="ID")
@on_container
def show_task(
    *,
    task_id: str,
    asked: Asked,
) -> None:
    """Show a task: payload, progress, steps, costs, file operations with verdicts, error."""
    from vespera.interfaces.cli import reading, rendering

    details = asked.answer(reading.show_task(task_id))
    rendering.show_task(details, as_json=asked.as_json)


@task.command(name="watch")
@click.argument("task_id", type=word, metavar="ID")
@on_container
def watch_task(
    *,
    task_id: str,
    asked: Asked,
) -> None:
    """Print what happened to a task and what happens, until it is finished.

    Exit code 1: it ended otherwise than completed. With --json, one object a line.
    """
    from vespera.interfaces.cli import watching

    watching.exit_with(asked.answer(watching.one_task(task_id, as_json=asked.as_json)))


@task.command(name="purge")
@click.option("--older-than", type=span, required=True, metavar="AGE", help="30d, 12h, 15m.")
@click.option(
    "--status",
    type=click.Choice(sorted(status.value for status in FINISHED)),
    multiple=True,
    help="By default all of them.",
)
@click.option("--dry-run", is_flag=True, help="Count what could go at once; remove nothing.")
@agreement
@on_container
def purge_tasks(
    *,
    older_than: timedelta,
    status: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    asked: Asked,
) -> None:
    """Remove finished tasks that were last changed longer ago than AGE, and older events.

    What an unfinished task depends on stays, and so does the parent of a task that stays. The file
    does not shrink by that: `vespera db vacuum`.
    """
    if not dry_run:
        agreed(f"Remove old tasks from {asked.settings['database_url']} for good?", yes=yes)
    from vespera.interfaces.cli import purging

    question = purging.purge(older_than, status or None, dry_run=dry_run)
    result = asked.answer(question)
    purging.show_purge(result, dry_run=dry_run, as_json=asked.as_json)
