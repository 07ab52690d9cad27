"""The command `vespera rollback`, and its options."""

import sys
from datetime import timedelta

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.options import (
    COUNT,
    Asked,
    FilePath,
    agreement,
    on_container,
    span,
    word,
)


@click.command()
@click.argument("task_id", metavar="[TASK]", type=word, required=False)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--attempt", type=COUNT, metavar="NUMBER", help="This attempt only.")
@click.option("--tree", is_flag=True, help="What its descendants did, too.")
@click.option("--partial", is_flag=True, help="Leave what cannot be taken back; do the rest.")
@click.option(
    "--path", "paths", type=FilePath(), multiple=True, metavar="PATH", help="This path only."
)
@click.option("--undo", is_flag=True, help="Take back a rollback; TASK may be its id.")
@click.option(
    "--clear", "age", type=span, metavar="AGE", help="Remove what older rollbacks displaced."
)
@agreement
@on_container
def rollback(
    *,
    task_id: str | None,
    dry_run: bool,
    attempt: int | None,
    tree: bool,
    partial: bool,
    paths: tuple[str, ...],
    undo: bool,
    age: timedelta | None,
    yes: bool,
    asked: Asked,
) -> None:
    """Take back what a task did to files; exit code 1 if that cannot be done.

    Every path that TASK changed is as it was before, and no other is touched. If somebody has
    changed one since, nothing is done, unless --partial says otherwise. What is displaced stays in
    .vespera/quarantine until --clear.
    """
    if (age is None) == (task_id is None):
        raise click.UsageError("Say which TASK, or --clear.")
    narrowed = attempt is not None or tree or bool(paths)
    if undo and (narrowed or dry_run):
        raise click.UsageError("--undo takes a whole rollback back; of the others only --partial.")
    from vespera.interfaces.cli import rolling

    if age is not None:
        agreed("Remove what rollbacks have displaced, for good?", yes=yes)
        rolling.show_cleared(asked.answer(rolling.clear(age)), as_json=asked.as_json)
        return
    assert task_id is not None
    if dry_run:
        plan = asked.answer(rolling.plan(task_id, attempt=attempt, tree=tree, paths=paths))
        rolling.show_plan(plan, as_json=asked.as_json)
        sys.exit(1 if plan.conflicts and not partial else 0)
    question = (
        rolling.undone(task_id, partial=partial)
        if undo
        else rolling.done(task_id, attempt=attempt, tree=tree, partial=partial, paths=paths)
    )
    rolling.show_done(asked.answer(question), as_json=asked.as_json)
