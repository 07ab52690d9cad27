"""Commands that let a task run, again or at once, wait for it, or call it off."""

import sys
from pathlib import Path

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.given import json_of
from vespera.interfaces.cli.options import (
    agreement,
    output,
    own_container,
    settings_of,
    storage,
    text,
)

LONGEST_WAIT = 10 * 365 * 86_400  # seconds, as for every time limit


@click.command(name="retry")
@click.argument("task_id", type=text, metavar="ID")
@click.option("--reason", default="", type=text, help="Is told by the event.")
@click.option(
    "--dependents", is_flag=True, help="Also those that were cancelled because it had failed."
)
@storage
@own_container
@agreement
@output
def retry_task(
    *,
    task_id: str,
    reason: str,
    dependents: bool,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Let a task run again that failed, was cancelled, or was refused by the proof gate.

    It is pending; a worker runs it. What its steps have recorded is kept, what had failed runs
    anew.
    """
    with one_line_errors(debug=debug):
        settings = settings_of(database_url, workspace)
        agreed(f"Let task {task_id} run again?", yes=yes)
        from vespera.interfaces.cli import acting, reading
        from vespera.interfaces.cli.programs import load_container

        asked = acting.retry(task_id, reason, dependents=dependents)
        result = reading.ask(settings, asked, kind=load_container(target))
        acting.show(result, as_json=as_json)


@click.command(name="fork")
@click.argument("task_id", type=text, metavar="ID")
@click.option("--from-step", type=text, metavar="NAME", help="The first step that is not copied.")
@click.option(
    "--occurrence", type=click.IntRange(1), help="Which one of that name (default: the first)."
)
@click.option("--payload", metavar="JSON|@FILE", help="In place of the old one; @- is stdin.")
@click.option("--new-id", type=text, metavar="ID", help="The id of the new task.")
@storage
@own_container
@output
def fork_task(
    *,
    task_id: str,
    from_step: str | None,
    occurrence: int | None,
    payload: str | None,
    new_id: str | None,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Create a task that runs on from a step of another one, which stays as it is.

    What the other one recorded before the step is copied; without --from-step, nothing is.
    """
    with one_line_errors(debug=debug):
        if occurrence is not None and from_step is None:
            raise click.UsageError("--occurrence needs --from-step")
        from vespera.interfaces.cli import acting, reading
        from vespera.interfaces.cli.programs import load_container

        point = None if from_step is None else (from_step, occurrence or 1)
        asked = acting.fork(task_id, point, json_of(payload, "--payload"), new_id)
        settings, kind = settings_of(database_url, workspace), load_container(target)
        acting.show(reading.ask(settings, asked, kind=kind), as_json=as_json)


@click.command(name="cancel")
@click.argument("task_id", type=text, metavar="ID")
@click.option("--reason", default="", type=text, help="What the task's error says.")
@storage
@own_container
@agreement
@output
def cancel_task(
    *,
    task_id: str,
    reason: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Call a task off, wherever it runs.

    Steps that have an undo are undone by this command if --app names the container that does the
    task, and by a worker otherwise.
    """
    with one_line_errors(debug=debug):
        settings = settings_of(database_url, workspace)
        agreed(f"Cancel task {task_id}?", yes=yes)
        from vespera.interfaces.cli import acting
        from vespera.interfaces.cli.programs import load_container

        kind = load_container(target)
        acting.show(acting.do(settings, acting.cancel(task_id, reason), kind), as_json=as_json)


@click.command(name="run")
@click.argument("task_id", type=text, metavar="ID")
@storage
@own_container
@output
def run_task(
    *,
    task_id: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Do a task in this process now, and sign it off; no other task is begun but its children.

    --app names the container that does it. Exit code 1: it is not completed.
    """
    with one_line_errors(debug=debug):
        if target is None:
            raise click.UsageError("--app must name the container whose specialist does the task")
        from vespera.interfaces.cli import acting
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        result = acting.do(settings, acting.run(task_id), kind)
        acting.show(result, as_json=as_json)
        sys.exit(0 if result.completed else 1)


@click.command(name="wait")
@click.argument("task_id", type=text, metavar="ID")
@click.option(
    "--timeout",
    type=click.FloatRange(0, LONGEST_WAIT),
    metavar="SECONDS",
    help="Give up after so long (default: never).",
)
@storage
@own_container
@output
def wait_for_task(
    *,
    task_id: str,
    timeout: float | None,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Wait until nothing more will come of a task by itself; others run it.

    Exit code 1: it is not completed, or the time is over.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import acting, reading
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        result = reading.ask(settings, acting.wait(task_id, timeout), kind=kind)
        acting.show(result, as_json=as_json)
        sys.exit(0 if result.completed else 1)


@click.command()
@storage
@own_container
@output
def recover(
    *,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Take back what dead workers hold; it is pending again, for any worker.

    Workers do so by themselves. A worker on another machine counts as dead when its lease is over.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import acting, reading
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        taken = reading.ask(settings, acting.recover, kind=kind)
        acting.show_taken(taken, as_json=as_json)
