"""The commands `vespera db ...` and their options."""

import sys
from pathlib import Path

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import FilePath, agreement, output, settings_of, storage


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@storage
@output
def migrate(*, database_url: str | None, workspace: Path, as_json: bool, debug: bool) -> None:
    """Bring the tables to this version's revision.

    Programs do the same when they open the database; this command does it at a time of your
    choosing. A database that a newer version wrote is refused and left untouched.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import upkeep

        migration = upkeep.ask(settings_of(database_url, workspace), upkeep.migrate)
        upkeep.show_migration(migration, as_json=as_json)


@db.command()
@storage
@output
def check(*, database_url: str | None, workspace: Path, as_json: bool, debug: bool) -> None:
    """Check the database: SQLite's own check of the file, then our rules for what is in it.

    One line per finding, and exit code 1 if there is one. Nothing is changed; others may go on
    working.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import upkeep

        inspection = upkeep.ask(settings_of(database_url, workspace), upkeep.check)
        upkeep.show_inspection(inspection, as_json=as_json)
        if not inspection.sound:
            sys.exit(1)


@db.command()
@click.argument("copy", metavar="FILE", type=FilePath(dir_okay=False, path_type=Path))
@storage
@agreement
@output
def backup(
    *,
    copy: Path,
    database_url: str | None,
    workspace: Path,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Copy the database to FILE as it is at one moment; others may go on working.

    The copy is verified, and can be used at once: --db FILE. A FILE that is there already is
    overwritten only if you agree.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import upkeep

        if copy.exists():
            agreed(f"{copy} is there already. Overwrite it?", yes=yes)
            yes = True
        question = upkeep.back_up(copy, overwrite=yes)
        made = upkeep.ask(settings_of(database_url, workspace), question)
        upkeep.show_backup(made, as_json=as_json)


@db.command()
@storage
@agreement
@output
def vacuum(
    *, database_url: str | None, workspace: Path, yes: bool, as_json: bool, debug: bool
) -> None:
    """Write the database file anew, without the room that deleted rows have left.

    Nobody else may have the database open. Meanwhile the disk needs up to twice the file's size.
    """
    with one_line_errors(debug=debug):
        settings = settings_of(database_url, workspace)
        agreed(f"Write {settings['database_url']} anew?", yes=yes)
        from vespera.interfaces.cli import upkeep

        upkeep.show_compaction(upkeep.ask(settings, upkeep.compact), as_json=as_json)
