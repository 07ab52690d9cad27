"""The command `vespera events` and its options."""

import click

from vespera.domain.event import EventType
from vespera.interfaces.cli.options import Asked, on_container


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until interrupted.")
@click.option(
    "--after",
    type=click.IntRange(0, 2**63 - 1),
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
@on_container
def events(
    *,
    follow: bool,
    after: int | None,
    types: tuple[str, ...],
    asked: Asked,
) -> None:
    """Print what happened to tasks, in the order of commits. With --json, one object a line."""
    from vespera.interfaces.cli import watching

    kinds = frozenset(map(EventType, types)) or None
    question = watching.all_tasks(after, kinds, follow=follow, as_json=asked.as_json)
    asked.answer(question)
