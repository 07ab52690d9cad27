"""A question before something is destroyed."""

import sys

import click


def agreed(question: str, *, yes: bool) -> None:
    """Return if the user agrees, by ``-y`` or by the answer on a terminal.

    Nobody is asked, and nothing is waited for, where there is no terminal.

    Raises:
        click.UsageError: nobody can be asked.
        click.Abort: the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{question} There is no terminal to ask on; -y says yes.")
    click.confirm(question, abort=True, err=True)
