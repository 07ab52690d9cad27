"""The commands `vespera files`, `vespera diff` and `vespera recover-context`."""

import click

from vespera.domain.context_size import DEFAULT_BYTES, LEAST_BYTES
from vespera.interfaces.cli.options import Asked, on_container, word


@click.command()
@click.argument("task_id", metavar="TASK", type=word)
@on_container
def files(*, task_id: str, asked: Asked) -> None:
    """List all that a task said of files, oldest first, with both states and the verdict.

    TASK is an id, or a name that operations were recorded under. In a pipe, the columns are
    separated by tabs and have no headings. To judge by exit code: `vespera verify TASK`.
    """
    from vespera.interfaces.cli import file_changes

    found = asked.answer(file_changes.operations_of(task_id))
    file_changes.show_operations(found, as_json=asked.as_json)


@click.command()
@click.argument("first", metavar="TASK|SNAPSHOT", type=word)
@click.argument("second", metavar="[SNAPSHOT]", type=word, required=False)
@click.option("--stat", is_flag=True, help="Of a task: count lines, do not show them.")
@click.option("--full", is_flag=True, help="Of a snapshot: read every file now.")
@click.option("--task", "of_task", is_flag=True, help="It is a task, whatever else has this name.")
@on_container
def diff(
    *, first: str, second: str | None, stat: bool, full: bool, of_task: bool, asked: Asked
) -> None:
    """Show what a task changed; or tell what has changed since a snapshot.

    With one id, it is a snapshot (or `newest`) if there is one of this id, else a task; with two,
    both are snapshots. Of a task, what is different in each file is shown, as `git apply` takes it,
    or why it cannot be. Since a snapshot, the paths are told; those of which a state is not known
    as unknown.
    """
    if of_task and second is not None:
        raise click.UsageError("--task goes with one id.")
    from vespera.interfaces.cli import file_changes

    question = file_changes.differences(first, second, of_task=of_task, stat=stat, full=full)
    file_changes.show_differences(asked.answer(question), stat=stat, as_json=asked.as_json)


@click.command(name="recover-context")
@click.argument("task_id", metavar="TASK", type=word)
@click.option("--markdown", is_flag=True, help="Answer in Markdown, as it does by default.")
@click.option(
    "--max-bytes",
    type=click.IntRange(LEAST_BYTES),
    default=DEFAULT_BYTES,
    show_default=True,
    help="The answer is not longer; what is left out is counted.",
)
@click.option("--no-scan", is_flag=True, help="Do not look for changes that nobody declared.")
@on_container
def recover_context(
    *, task_id: str, markdown: bool, max_bytes: int, no_scan: bool, asked: Asked
) -> None:
    """Tell what whoever takes a task over has to know: what was under way, what it has changed,
    what keeps it from being completed.

    TASK is an id, or a name that operations were recorded under. Nothing is changed. Where a
    snapshot was taken for the task, the workspace is scanned for what nobody declared.
    """
    if markdown and asked.as_json:
        raise click.UsageError("Say --markdown, or --json.")
    from vespera.interfaces.cli import recovering

    context = asked.answer(recovering.context_of(task_id, scan=not no_scan))
    recovering.show_context(context, max_bytes, as_json=asked.as_json)
