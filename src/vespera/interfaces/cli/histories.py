"""`vespera task export` and `vespera task import`, with their options."""

from pathlib import Path

import click

from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import (
    file_names,
    output,
    own_container,
    settings_of,
    storage,
    text,
)


@click.command(name="export")
@click.argument("task_id", type=text, metavar="ID")
@click.option(
    "-o",
    "--output",
    "target_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there (default: standard output). The file must not exist.",
)
@click.option("--redact", is_flag=True, help="Leave out values and messages of errors.")
@storage
@own_container
@output
def export_task(
    *,
    task_id: str,
    target_file: Path | None,
    redact: bool,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Write a task's whole history as JSON: steps, waits, signals, files, events.

    What is stored encrypted is in plain text there, if the container of --app has the key.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import moving, reading
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        document = reading.ask(settings, moving.export(task_id, redact=redact), kind=kind)
        moving.write(document, target_file, as_json=as_json)


@click.command(name="import")
@click.argument("source", metavar="FILE", shell_complete=file_names)
@click.option("--id", "task_id", type=text, metavar="ID", help="Import a copy, under this id.")
@click.option(
    "--no-files",
    "files",
    flag_value=False,
    default=True,
    help="Leave out what the task recorded of files; for finished tasks only.",
)
@storage
@own_container
@output
def import_task(
    *,
    source: str,
    task_id: str | None,
    files: bool,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Store an exported task in this database; `-` reads standard input.

    A task that is not finished is paused: `vespera task resume` lets it go on.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import moving, reading
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        question = moving.import_(moving.read(source), task_id, files=files)
        result = reading.ask(settings, question, kind=kind, without_database=True)
        moving.show_import(result, as_json=as_json)
