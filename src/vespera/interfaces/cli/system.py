"""The commands `vespera doctor` and `vespera config show`, and their options."""

import sys

import click

from vespera.interfaces.cli.options import Asked, on_container


@click.command()
@on_container
def doctor(
    *,
    asked: Asked,
) -> None:
    """Say whether this installation, its database and its workspace are fit for work.

    Each remark comes with what to do about it. Exit code 1 only if there is an error; warnings and
    notes leave it 0. Nothing is changed.
    """
    from vespera.interfaces.cli import surroundings

    result = surroundings.examine(asked.settings, asked.kind)
    surroundings.show_remarks(result, as_json=asked.as_json)
    if not result.success:
        sys.exit(1)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command(name="show")
@on_container
@click.pass_context
def show_config(
    context: click.Context,
    *,
    asked: Asked,
) -> None:
    """Show the settings in force, and where each comes from; secrets are left out."""
    from vespera.interfaces.cli import surroundings

    kind, given = asked.kind, surroundings.sources_of(context)
    shown = surroundings.effective(asked.settings, kind, given)
    surroundings.show_settings(kind, shown, as_json=asked.as_json)
