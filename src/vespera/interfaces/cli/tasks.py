"""The commands `vespera task ...` and their options."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from vespera.domain.search import TaskOrder
from vespera.domain.task import FINISHED, TaskStatus
from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import (
    agreement,
    moment,
    output,
    own_container,
    settings_of,
    span,
    storage,
    text,
)


@click.group()
def task() -> None:
    """Look at tasks."""


@task.command(name="list")
@storage
@click.option("--status", type=click.Choice(list(TaskStatus), case_sensitive=False), multiple=True)
@click.option(
    "--type", "specialist_type", type=text, metavar="NAME", help="Only this specialist type."
)
@click.option("--parent", "parent_id", type=text, metavar="ID", help="Only children of this task.")
@click.option("--created-after", type=moment, metavar="WHEN", help="2030-01-31T12:00, or 2h ago.")
@click.option("--created-before", type=moment, metavar="WHEN", help="As above.")
@click.option("--updated-after", type=moment, metavar="WHEN", help="As above.")
@click.option("--title", "title_contains", type=text, metavar="TEXT", help="Somewhere in it.")
@click.option(
    "--failed-with", type=text, metavar="CLASS", help="Class of the last error, or a base of it."
)
@click.option(
    "--order",
    type=click.Choice([order.value for order in TaskOrder]),
    default=TaskOrder.OLDEST.value,
    show_default=True,
)
@click.option("--after", type=text, metavar="NEXT|ID", help="Go on behind this page or task.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@own_container
@output
def list_tasks(
    *,
    target: str | None,
    database_url: str | None,
    workspace: Path,
    as_json: bool,
    debug: bool,
    status: tuple[TaskStatus, ...],
    **search: str | int | datetime | None,
) -> None:
    """List tasks, oldest first."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import reading, rendering
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        query = reading.list_tasks({**search, "status": status or None})
        rendering.show_page(reading.ask(settings, query, kind=kind), as_json=as_json)


@task.command(name="show")
@click.argument("task_id", type=text, metavar="ID")
@storage
@own_container
@output
def show_task(
    *,
    task_id: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show a task: payload, progress, steps, file operations with verdicts, error."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import reading, rendering
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        details = reading.ask(settings, reading.show_task(task_id), kind=kind)
        rendering.show_task(details, as_json=as_json)


@task.command(name="watch")
@click.argument("task_id", type=text, metavar="ID")
@storage
@own_container
@output
def watch_task(
    *,
    task_id: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Print what happened to a task and what happens, until it is finished.

    Exit code 1: it ended otherwise than completed. With --json, one object a line.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import reading, watching
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        watching.exit_with(
            reading.ask(settings, watching.one_task(task_id, as_json=as_json), kind=kind)
        )


@task.command(name="purge")
@click.option("--older-than", type=span, required=True, metavar="AGE", help="30d, 12h, 15m.")
@click.option(
    "--status",
    type=click.Choice(sorted(status.value for status in FINISHED)),
    multiple=True,
    help="By default all of them.",
)
@click.option("--dry-run", is_flag=True, help="Count what could go at once; remove nothing.")
@storage
@own_container
@agreement
@output
def purge_tasks(
    *,
    older_than: timedelta,
    status: tuple[str, ...],
    dry_run: bool,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Remove finished tasks that were last changed longer ago than AGE, and older events.

    What an unfinished task depends on stays, and so does the parent of a task that stays. The file
    does not shrink by that: `vespera db vacuum`.
    """
    with one_line_errors(debug=debug):
        settings = settings_of(database_url, workspace)
        if not dry_run:
            agreed(f"Remove old tasks from {settings['database_url']} for good?", yes=yes)
        from vespera.interfaces.cli import purging, reading
        from vespera.interfaces.cli.programs import load_container

        question = purging.purge(older_than, status or None, dry_run=dry_run)
        result = reading.ask(settings, question, kind=load_container(target))
        purging.show_purge(result, dry_run=dry_run, as_json=as_json)
