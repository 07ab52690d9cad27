"""The commands `vespera doctor` and `vespera config show`, and their options."""

import sys
from pathlib import Path

import click

from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import output, own_container, settings_of, storage


@click.command()
@storage
@own_container
@output
def doctor(
    *,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Say whether this installation, its database and its workspace are fit for work.

    Each remark comes with what to do about it. Exit code 1 only if there is an error; warnings and
    notes leave it 0. Nothing is changed.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import surroundings
        from vespera.interfaces.cli.programs import load_container

        settings = settings_of(database_url, workspace)
        result = surroundings.examine(settings, load_container(target))
        surroundings.show_remarks(result, as_json=as_json)
        if not result.success:
            sys.exit(1)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command(name="show")
@storage
@own_container
@output
@click.pass_context
def show_config(
    context: click.Context,
    *,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show the settings in force, and where each comes from; secrets are left out."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import surroundings
        from vespera.interfaces.cli.programs import load_container

        kind = load_container(target)
        given = surroundings.sources_of(context)
        shown = surroundings.effective(settings_of(database_url, workspace), kind, given)
        surroundings.show_settings(kind, shown, as_json=as_json)
