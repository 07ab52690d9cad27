"""The commands `vespera breaker ...` and their options."""

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.options import Asked, agreement, on_container, word


@click.group()
def breaker() -> None:
    """Look at the circuit breakers that workers share, and close one."""


@breaker.command(name="list")
@on_container
def list_breakers(*, asked: Asked) -> None:
    """List them: which are open, since when and until when, and what the last failure was.

    One that has never counted a failure is not known here, as nothing was stored of it.
    """
    from vespera.interfaces.cli import circuits

    circuits.show_list(asked.answer(circuits.listed), as_json=asked.as_json)


@breaker.command()
@click.argument("name", metavar="NAME", type=word)
@agreement
@on_container
def reset(*, name: str, yes: bool, asked: Asked) -> None:
    """Close one, so that all workers ask its service again, and forget its failures."""
    agreed(f"Close the circuit breaker {name!r}, so that its service is asked again?", yes=yes)
    from vespera.interfaces.cli import circuits

    circuits.show_reset(asked.answer(circuits.closed(name)), as_json=asked.as_json)
