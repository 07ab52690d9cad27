"""`vespera task export` and `vespera task import`, with their options."""

from pathlib import Path

import click

from vespera.interfaces.cli.options import Asked, FilePath, file_names, on_container, word


@click.command(name="export")
@click.argument("task_id", type=word, metavar="ID")
@click.option(
    "-o",
    "--output",
    "target_file",
    type=FilePath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there (default: standard output). The file must not exist.",
)
@click.option("--redact", is_flag=True, help="Leave out values and messages of errors.")
@on_container
def export_task(
    *,
    task_id: str,
    target_file: Path | None,
    redact: bool,
    asked: Asked,
) -> None:
    """Write a task's whole history as JSON: steps, waits, signals, files, costs, events.

    What is stored encrypted is in plain text there, if the container of --app has the key.
    """
    from vespera.interfaces.cli import moving

    document = asked.answer(moving.export(task_id, redact=redact))
    moving.write(document, target_file, as_json=asked.as_json)


@click.command(name="import")
@click.argument("source", type=FilePath(), metavar="FILE", shell_complete=file_names)
@click.option("--id", "task_id", type=word, metavar="ID", help="Import a copy, under this id.")
@click.option(
    "--no-files",
    "files",
    flag_value=False,
    default=True,
    help="Leave out what the task recorded of files; for finished tasks only.",
)
@on_container
def import_task(
    *,
    source: str,
    task_id: str | None,
    files: bool,
    asked: Asked,
) -> None:
    """Store an exported task in this database; `-` reads standard input.

    A task that is not finished is paused: `vespera task resume` lets it go on.
    """
    from vespera.interfaces.cli import moving

    question = moving.import_(moving.read(source), task_id, files=files)
    result = asked.answer(question, without_database=True)
    moving.show_import(result, as_json=asked.as_json)
