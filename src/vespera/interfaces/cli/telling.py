"""The command `vespera events` and its options."""

from pathlib import Path

import click

from vespera.domain.event import EventType
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import output, own_container, settings_of, storage


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until interrupted.")
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="ID",
    help="Begin behind this event (default: the oldest kept; with --follow: now).",
)
@click.option(
    "--type",
    "types",
    type=click.Choice([kind.value for kind in EventType]),
    multiple=True,
    help="Only these.",
)
@storage
@own_container
@output
def events(
    *,
    follow: bool,
    after: int | None,
    types: tuple[str, ...],
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Print what happened to tasks, in the order of commits. With --json, one object a line."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import reading, watching
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        kinds = frozenset(map(EventType, types)) or None
        question = watching.all_tasks(after, kinds, follow=follow, as_json=as_json)
        reading.ask(settings, question, kind=kind)
