"""The commands `vespera store ...` and their options."""

import sys

import click

from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.options import Asked, agreement, on_container, word


@click.group()
def store() -> None:
    """Look after the contents of files that are kept."""


@store.command()
@on_container
def du(*, asked: Asked) -> None:
    """Say how much is kept, and how much may be."""
    from vespera.interfaces.cli import contents

    contents.show_usage(asked.answer(contents.usage), as_json=asked.as_json)


@store.command()
@on_container
def gc(*, asked: Asked) -> None:
    """Remove what nothing refers to any more.

    What running programs have put within the last hour or two stays. Others may go on working.
    """
    from vespera.interfaces.cli import contents

    contents.show_removal(asked.answer(contents.collect), as_json=asked.as_json)


@store.command()
@on_container
def check(*, asked: Asked) -> None:
    """Read everything that is kept, and compare it with its digest.

    One line per finding, and exit code 1 if there is one. Nothing is changed.
    """
    from vespera.interfaces.cli import contents

    flaws = asked.answer(contents.check)
    contents.show_flaws(flaws, as_json=asked.as_json)
    if flaws:
        sys.exit(1)


@store.command()
@click.argument("chosen", metavar="[DIGEST|PATTERN]...", type=word, nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Everything, instead.")
@agreement
@on_container
def purge(*, chosen: tuple[str, ...], all_: bool, yes: bool, asked: Asked) -> None:
    """Remove contents at once and for good, whatever refers to them.

    DIGEST is b3:...; PATTERN is one of .gitignore: all contents that tasks have seen at such paths.
    Tasks and their proof stay; their changes can be shown and taken back no more.
    """
    if all_ == bool(chosen):
        raise click.UsageError("Say what is to go: DIGEST, PATTERN, or --all.")
    what = "all contents" if all_ else f"the contents of {', '.join(chosen)}"
    agreed(f"Remove {what} from the store for good?", yes=yes)
    from vespera.interfaces.cli import contents

    contents.show_purge(asked.answer(contents.purge(chosen, all_=all_)), as_json=asked.as_json)
