"""The commands `vespera audit ...` and their options."""

import sys
from pathlib import Path

import click

from vespera.interfaces.cli.failures import OneLineGroup
from vespera.interfaces.cli.options import Asked, FilePath, file_names, on_container, word

_read = FilePath(exists=True, dir_okay=False, path_type=Path)
_write = FilePath(dir_okay=False, path_type=Path)
_KEY_HELP = "The private key, PEM."


@click.group(cls=OneLineGroup)
def audit() -> None:
    """Sign the audit trail, find out whether it is as it was written, attest what tasks did.

    The trail is kept while the setting `audit` is True.
    """


@audit.command(name="key")
@click.option("-o", "--out", type=_write, required=True, metavar="FILE", help="FILE and FILE.pub.")
@on_container
def new_key(*, out: Path, asked: Asked) -> None:
    """Make a pair of keys for Ed25519: a private one, readable by you alone, and a public one.

    Keep the private key where what is audited cannot reach it. Files that are there are not
    overwritten.
    """
    from vespera.interfaces.cli import auditing

    keys = asked.answer(auditing.new_keys, without_database=True)
    auditing.write_keys(keys, out, as_json=asked.as_json)


@audit.command()
@click.option("--key", type=_read, required=True, shell_complete=file_names, help=_KEY_HELP)
@click.option("-o", "--out", type=_write, metavar="FILE", help="By default stdout.")
@on_container
def sign(*, key: Path, out: Path | None, asked: Asked) -> None:
    """Sign the head of the trail: the number and the hash of its last entry.

    Keep what is written where what is audited cannot reach it: it finds out whoever writes the
    trail anew, or cuts it off.
    """
    from vespera.interfaces.cli import auditing

    signed = asked.answer(auditing.sign_head(key))
    auditing.write_envelope(signed, out)


@audit.command()
@click.option("--key", type=_read, shell_complete=file_names, help="The public key, PEM.")
@click.option(
    "--head",
    "heads",
    type=_read,
    multiple=True,
    shell_complete=file_names,
    help="A signed head; may be given again.",
)
@click.option("--no-records", is_flag=True, help="Do not look at the records that it tells of.")
@on_container
def verify(*, key: Path | None, heads: tuple[Path, ...], no_records: bool, asked: Asked) -> None:
    """Find the first entry of the trail that was changed, removed, inserted or reordered, or of
    which something else is stored; exit code 1 if there is one.

    Without signed heads, whoever has written all later hashes anew, or cut off the end, is not
    found out.
    """
    if (key is None) is not (not heads):
        raise click.UsageError("--key and --head go together.")
    from vespera.interfaces.cli import auditing

    found = asked.answer(auditing.verify(key, heads, records=not no_records))
    auditing.show_verified(found, as_json=asked.as_json)
    if not found.sound:
        sys.exit(1)


@audit.command()
@click.argument("task_id", metavar="TASK", type=word)
@click.option("--key", type=_read, required=True, shell_complete=file_names, help=_KEY_HELP)
@click.option(
    "--name", type=word, metavar="TEXT", help="Of the step in a layout (default: the task's id)."
)
@click.option("-o", "--out", type=_write, metavar="FILE", help="By default stdout.")
@on_container
def export(*, task_id: str, key: Path, name: str | None, out: Path | None, asked: Asked) -> None:
    """Attest what a task did to files: an in-toto Link (v0.3), signed, in a DSSE envelope.

    TASK is an id, or a name that operations were recorded under.
    """
    from vespera.interfaces.cli import auditing

    attested = asked.answer(auditing.attest(task_id, key, name))
    auditing.write_envelope(attested, out)
