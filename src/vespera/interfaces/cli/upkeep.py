"""What the commands `vespera db ...` ask of the database's keeper, and what they print."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import click

from vespera.application.ports.care import (
    Backup,
    Compaction,
    DatabaseCare,
    Flaw,
    Inspection,
    Migration,
)
from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli import reading
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json, print_lines

Answer = TypeVar("Answer")
OPTIONS = {"database_url": "--db", "copy": "FILE"}


def ask(settings: Mapping[str, object], question: Question[Answer]) -> Answer:
    """The keeper's answer.

    Raises:
        click.BadParameter: an option or argument makes no sense for this.
        click.ClickException: there is no database; looking after one does not make it.
    """
    try:
        return reading.ask(settings, question)
    except InvalidRequest as error:
        reason = str(error).removeprefix(f"{error.field}: ")
        hint = OPTIONS.get(error.field, error.field)
        raise click.BadParameter(reason, param_hint=hint) from error


async def migrate(container: Container) -> Migration:
    """Bring the tables to this version's revision."""
    return await container.get(DatabaseCare).migrate()


async def check(container: Container) -> Inspection:
    """Look at all of the database."""
    return await container.get(DatabaseCare).check()


async def compact(container: Container) -> Compaction:
    """Write the file anew."""
    return await container.get(DatabaseCare).compact()


def back_up(copy: Path, *, overwrite: bool) -> Question[Backup]:
    """Copy the database."""

    async def question(container: Container) -> Backup:
        return await container.get(DatabaseCare).back_up(copy, overwrite=overwrite)

    return question


def show_migration(migration: Migration, *, as_json: bool) -> None:
    """Print from which revision to which the tables came."""
    before, after = migration.before or "none", migration.after
    migrated = migration.before != after
    if as_json:
        told = {"path": migration.path, "from": migration.before or None, "to": after}
        print_json({**told, "migrated": migrated})
    elif migrated:
        print_lines(f"{migration.path}: migrated from revision {before} to {after}")
    else:
        print_lines(f"{migration.path}: is of revision {after} already")


def show_inspection(inspection: Inspection, *, as_json: bool) -> None:
    """Print one line for each flaw, and how many there are."""
    count = len(inspection.flaws) + inspection.unlisted
    if as_json:
        print_json(
            {
                "path": inspection.path,
                "revision": inspection.revision or None,
                "sound": inspection.sound,
                "found": count,
                "findings": inspection.flaws,
            }
        )
        return
    print_lines(*map(_line, inspection.flaws))
    if inspection.unlisted:
        print_lines(f"and {inspection.unlisted:,} more of these kinds")
    found = f"{count:,} finding{'' if count == 1 else 's'}" if count else "nothing found"
    print_lines(f"{inspection.path}: {found} (revision {inspection.revision or 'none'})")


def show_backup(backup: Backup, *, as_json: bool) -> None:
    """Print where the copy is."""
    if as_json:
        print_json({"path": backup.path, "copy": backup.copy, "bytes": backup.size})
    else:
        print_lines(f"{backup.path}: copied to {backup.copy} ({backup.size:,} bytes, verified)")


def show_compaction(compaction: Compaction, *, as_json: bool) -> None:
    """Print the sizes before and after."""
    before, after = compaction.before, compaction.after
    if as_json:
        print_json({"path": compaction.path, "bytes_before": before, "bytes_after": after})
    else:
        print_lines(f"{compaction.path}: {before:,} bytes before, {after:,} after")


def _line(flaw: Flaw) -> str:
    return " ".join(f"{flaw.rule}: {flaw.text}".split())
