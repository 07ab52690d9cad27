"""The commands `vespera snapshot ...` and `vespera undeclared`, and their options."""

from datetime import timedelta

import click

from vespera.domain.retry import LARGEST_WHOLE
from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.failures import OneLineGroup
from vespera.interfaces.cli.options import Asked, agreement, on_container, span, text, word


@click.group(cls=OneLineGroup, invoke_without_command=True)
@click.option("--label", type=text, default="", metavar="TEXT", help="What to call it.")
@click.option("--for", "task_id", type=word, metavar="ID", help="The task it is taken for.")
@click.option("--full", is_flag=True, help="Read every file, whatever the file system says.")
@click.option("--contents", is_flag=True, help="Keep what the files contain, too.")
@on_container
@click.pass_context
def snapshot(
    context: click.Context,
    *,
    label: str,
    task_id: str | None,
    full: bool,
    contents: bool,
    asked: Asked,
) -> None:
    """Keep what stands in the workspace: the states of all files, and their contents if you say so.

    What .gitignore and .vesperaignore leave out is counted only. What is secret by its name is
    never kept.
    """
    if context.invoked_subcommand is not None:
        return
    from vespera.interfaces.cli import scans

    taken = asked.answer(
        scans.take(task_id, label, full=full, contents=contents), without_database=True
    )
    scans.show_taken(taken, as_json=asked.as_json)


@snapshot.command(name="list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", type=word, metavar="ID", help="Go on behind this one.")
@on_container
def list_snapshots(*, limit: int, before: str | None, asked: Asked) -> None:
    """List snapshots, the newest first."""
    from vespera.interfaces.cli import scans

    found = asked.answer(scans.listed(limit, before))
    scans.show_list(found, as_json=asked.as_json)


@snapshot.command()
@click.argument("snapshot_id", metavar="SNAPSHOT", type=word)
@on_container
def show(*, snapshot_id: str, asked: Asked) -> None:
    """Tell what a snapshot has seen, and each path that it has not looked at, with the reason.

    SNAPSHOT is an id, or `newest`.
    """
    from vespera.interfaces.cli import scans

    scans.show_manifest(asked.answer(scans.manifest_of(snapshot_id)), as_json=asked.as_json)


@snapshot.command()
@click.option("--older-than", type=span, metavar="AGE", help="As 30d, 12h.")
@click.option(
    "--keep", type=click.IntRange(0, LARGEST_WHOLE), metavar="NUMBER", help="All but so many."
)
@agreement
@on_container
def forget(*, older_than: timedelta | None, keep: int | None, yes: bool, asked: Asked) -> None:
    """Remove snapshots. Those of tasks that are not finished stay, and those that others need."""
    if older_than is None and keep is None:
        raise click.UsageError("Say --older-than, or --keep.")
    agreed("Remove snapshots?", yes=yes)
    from vespera.interfaces.cli import scans

    removed = asked.answer(scans.forget(older_than, keep))
    scans.show_forgotten(removed, as_json=asked.as_json)


@click.command()
@click.argument("task_id", metavar="[TASK]", type=word, required=False)
@click.option("--since", type=word, metavar="SNAPSHOT", help="By default the task's oldest.")
@click.option(
    "--allow", "allowed", type=word, multiple=True, metavar="PATTERN", help="As build/**."
)
@click.option("--full", is_flag=True, help="Read every file, whatever the file system says.")
@on_container
def undeclared(
    *,
    task_id: str | None,
    since: str | None,
    allowed: tuple[str, ...],
    full: bool,
    asked: Asked,
) -> None:
    """List what has changed since a snapshot without any task having said so; exit code 1 if there
    is any.

    With TASK, what other tasks said is told with their names; without, since the newest snapshot.
    """
    from vespera.interfaces.cli import scans

    found = asked.answer(scans.undeclared(task_id, since, allowed, full=full))
    scans.show_undeclared(found, as_json=asked.as_json)
    if found.undeclared:
        raise SystemExit(1)
