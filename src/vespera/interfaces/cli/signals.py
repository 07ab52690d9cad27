"""Commands that tell a task what it waits for. Whoever runs the task hears of it."""

from pathlib import Path

import click

from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.given import json_of
from vespera.interfaces.cli.options import (
    output,
    own_container,
    settings_of,
    storage,
    text,
)


@click.command()
@click.argument("task_id", type=text, metavar="ID")
@click.argument("name", type=text)
@click.option("--payload", metavar="JSON|@FILE", help="What it brings, JSON; @- is stdin.")
@click.option(
    "--id", "signal_id", type=text, metavar="ID", help="The same id is the same signal, sent once."
)
@storage
@own_container
@output
def signal(
    *,
    task_id: str,
    name: str,
    payload: str | None,
    signal_id: str | None,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Send a signal, which `task.wait_for_signal(NAME)` receives; it is kept until then."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import reading, rendering, sending
        from vespera.interfaces.cli.programs import load_container

        sending_it = sending.signal(task_id, name, json_of(payload, "--payload"), signal_id)
        settings, kind = settings_of(database_url, workspace), load_container(target)
        rendering.show_sent(reading.ask(settings, sending_it, kind=kind), as_json=as_json)


def _decision(name: str, told: str, *, approved: bool) -> click.Command:
    """The command by which a person says yes, or no."""

    @click.command(name, help=told)
    @click.argument("task_id", type=text, metavar="ID")
    @click.option("--name", default="", type=text, help="Which question, if the task asks several.")
    @click.option("--by", default="", type=text, metavar="WHO", help="Who decides.")
    @click.option("--comment", default="", type=text, help="What the task is told besides.")
    @storage
    @own_container
    @output
    def decide(
        *,
        task_id: str,
        name: str,
        by: str,
        comment: str,
        database_url: str | None,
        workspace: Path,
        target: str | None,
        as_json: bool,
        debug: bool,
    ) -> None:
        with one_line_errors(debug=debug):
            from vespera.interfaces.cli import reading, rendering, sending
            from vespera.interfaces.cli.programs import load_container

            deciding = sending.decision(
                task_id, approved=approved, name=name, by=by, comment=comment
            )
            settings, kind = settings_of(database_url, workspace), load_container(target)
            rendering.show_sent(reading.ask(settings, deciding, kind=kind), as_json=as_json)

    return decide


approve = _decision("approve", "Say yes to what a task asks.", approved=True)
reject = _decision("reject", "Say no to what a task asks.", approved=False)
