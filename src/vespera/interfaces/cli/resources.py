"""The commands `vespera resource ...` and their options."""

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.options import Asked, agreement, on_container, word


@click.group()
def resource() -> None:
    """Look at what tasks and sessions hold for a while: directories, locks, processes, sessions."""


@resource.command(name="list")
@click.option("--all", "released", is_flag=True, help="Those, too, that were released in a day.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", type=word, metavar="ID", help="With --all: go on behind this one.")
@on_container
def list_resources(*, released: bool, limit: int, before: str | None, asked: Asked) -> None:
    """List resources: which are held, by whom, and which were left by the dead."""
    from vespera.interfaces.cli import holding

    found = asked.answer(holding.listed(limit, before, released=released))
    holding.show_list(found, as_json=asked.as_json)


@resource.command()
@click.argument("resource_id", metavar="ID", type=word)
@on_container
def verify(*, resource_id: str, asked: Asked) -> None:
    """Look whether a resource is gone. Exit code 1: it is not, or that cannot be told."""
    from vespera.interfaces.cli import holding

    holding.show_status(asked.answer(holding.verified(resource_id)), as_json=asked.as_json)


@resource.command()
@click.argument("resource_id", metavar="ID", type=word)
@agreement
@on_container
def release(*, resource_id: str, yes: bool, asked: Asked) -> None:
    """Release what nobody holds any more, though that cannot be told: its holder was on another
    machine, or before a restart. Exit code 1: it is not gone.
    """
    agreed(f"Release {resource_id}, whoever may hold it?", yes=yes)
    from vespera.interfaces.cli import holding

    holding.show_status(asked.answer(holding.released(resource_id)), as_json=asked.as_json)
