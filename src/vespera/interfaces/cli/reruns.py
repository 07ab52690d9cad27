"""Commands that let a task run, again or at once, wait for it, or call it off."""

import sys

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.given import Seconds, json_object_of
from vespera.interfaces.cli.options import COUNT, Asked, agreement, on_container, text, word


@click.command(name="retry")
@click.argument("task_id", type=word, metavar="ID")
@click.option("--reason", default="", type=text, help="Is told by the event.")
@click.option(
    "--dependents", is_flag=True, help="Also those that were cancelled because it had failed."
)
@agreement
@on_container
def retry_task(
    *,
    task_id: str,
    reason: str,
    dependents: bool,
    yes: bool,
    asked: Asked,
) -> None:
    """Let a task run again that failed, was cancelled, or was refused by the proof gate.

    It is pending; a worker runs it. What its steps have recorded is kept, what had failed runs
    anew.
    """
    agreed(f"Let task {task_id} run again?", yes=yes)
    from vespera.interfaces.cli import acting

    question = acting.retry(task_id, reason, dependents=dependents)
    acting.show(asked.answer(question), as_json=asked.as_json)


@click.command(name="fork")
@click.argument("task_id", type=word, metavar="ID")
@click.option("--from-step", type=word, metavar="NAME", help="The first step that is not copied.")
@click.option(
    "--occurrence",
    type=COUNT,
    help="Which one of that name (default: the first).",
)
@click.option("--payload", metavar="JSON|@FILE", help="In place of the old one; @- is stdin.")
@click.option("--new-id", type=word, metavar="ID", help="The id of the new task.")
@on_container
def fork_task(
    *,
    task_id: str,
    from_step: str | None,
    occurrence: int | None,
    payload: str | None,
    new_id: str | None,
    asked: Asked,
) -> None:
    """Create a task that runs on from a step of another one, which stays as it is.

    What the other one recorded before the step is copied; without --from-step, nothing is.
    """
    if occurrence is not None and from_step is None:
        raise click.UsageError("--occurrence needs --from-step")
    from vespera.interfaces.cli import acting

    point = None if from_step is None else (from_step, occurrence or 1)
    question = acting.fork(task_id, point, json_object_of(payload, "--payload"), new_id)
    acting.show(asked.answer(question), as_json=asked.as_json)


@click.command(name="cancel")
@click.argument("task_id", type=word, metavar="ID")
@click.option("--reason", default="", type=text, help="What the task's error says.")
@agreement
@on_container
def cancel_task(
    *,
    task_id: str,
    reason: str,
    yes: bool,
    asked: Asked,
) -> None:
    """Call a task off, wherever it runs.

    Steps that have an undo are undone by this command if --app names the container that does the
    task, and by a worker otherwise.
    """
    agreed(f"Cancel task {task_id}?", yes=yes)
    from vespera.interfaces.cli import acting

    cancelled = acting.do(asked.settings, acting.cancel(task_id, reason), asked.kind)
    acting.show(cancelled, as_json=asked.as_json)


@click.command(name="run")
@click.argument("task_id", type=word, metavar="ID")
@on_container
def run_task(
    *,
    task_id: str,
    asked: Asked,
) -> None:
    """Do a task in this process now, and sign it off; no other task is begun but its children.

    --app names the container that does it. Exit code 1: it is not completed.
    """
    if asked.target is None:
        raise click.UsageError("--app must name the container whose specialist does the task")
    from vespera.interfaces.cli import acting

    result = acting.do(asked.settings, acting.run(task_id), asked.kind)
    acting.show(result, as_json=asked.as_json)
    sys.exit(0 if result.completed else 1)


@click.command(name="wait")
@click.argument("task_id", type=word, metavar="ID")
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    help="Give up after so long (default: never).",
)
@on_container
def wait_for_task(
    *,
    task_id: str,
    timeout: float | None,
    asked: Asked,
) -> None:
    """Wait until nothing more will come of a task by itself; others run it.

    Exit code 1: it is not completed, or the time is over.
    """
    from vespera.interfaces.cli import acting

    result = asked.answer(acting.wait(task_id, timeout))
    acting.show(result, as_json=asked.as_json)
    sys.exit(0 if result.completed else 1)


@click.command()
@on_container
def recover(
    *,
    asked: Asked,
) -> None:
    """Take back what dead workers hold: tasks are pending again, for any worker; resources, such as
    directories and child processes, are released.

    Workers do so by themselves. A worker on another machine counts as dead when its lease is over.
    """
    from vespera.interfaces.cli import acting

    acting.show_recovered(asked.answer(acting.recover), as_json=asked.as_json)
