"""What the commands about the audit trail ask of the container, and what they print and write."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from vespera.application.usecases.audit_tasks import (
    AuditTasksUseCase,
    NewKeysResult,
    VerifyAuditResult,
)
from vespera.domain.envelope import Envelope, envelope_json
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json, print_lines, text_of_json

_FOR_ITS_OWNER = 0o600
_FOR_ALL = 0o644


async def new_keys(container: Container) -> NewKeysResult:
    """A new pair of keys."""
    return _use_case(container).new_keys()


def sign_head(key: Path) -> Question[Envelope]:
    """The head of the trail, signed."""
    private_key = key.read_bytes()

    async def question(container: Container) -> Envelope:
        result = await _use_case(container).sign_head(private_key)
        return _granted(result.envelope, result.error)

    return question


def verify(
    key: Path | None, heads: Sequence[Path], *, records: bool
) -> Question[VerifyAuditResult]:
    """Whether the trail is as it was written."""
    public_key = None if key is None else key.read_bytes()
    signed = [head.read_bytes() for head in heads]

    async def question(container: Container) -> VerifyAuditResult:
        result = await _use_case(container).verify(signed, public_key, records=records)
        if not result.success:
            raise click.ClickException(result.error or "")
        return result

    return question


def attest(task_id: str, key: Path, name: str | None) -> Question[Envelope]:
    """What a task did, signed."""
    private_key = key.read_bytes()

    async def question(container: Container) -> Envelope:
        result = await _use_case(container).attest(task_id, private_key, name)
        return _granted(result.envelope, result.error)

    return question


def write_keys(keys: NewKeysResult, out: Path, *, as_json: bool) -> None:
    """Write the private key to the file, and the public one beside it; say where they are."""
    public = out.with_name(f"{out.name}.pub")
    if public.exists():
        raise click.ClickException(f"{public} is there already; it is not overwritten")
    _write_new(out, keys.private_key, _FOR_ITS_OWNER)
    _write_new(public, keys.public_key, _FOR_ALL)
    if as_json:
        print_json({"private_key": str(out), "public_key": str(public)})
    else:
        print_lines(f"{out}: the private key; keep it to yourself", f"{public}: the public key")


def write_envelope(envelope: Envelope, out: Path | None) -> None:
    """Write what is signed, in JSON: to the file, in the place of what is there, or to stdout."""
    text = text_of_json(envelope_json(envelope))
    if out is None:
        click.echo(text)
    else:
        out.write_text(f"{text}\n", encoding="utf-8")


def show_verified(found: VerifyAuditResult, *, as_json: bool) -> None:
    """Print how many entries are sound, and what is wrong with the first that is not."""
    if as_json:
        print_json(
            {
                "sound": found.sound,
                "entries": found.head.number,
                "hash": found.head.hash,
                "heads": found.heads,
                "records": found.records,
                "flaw": found.flaw,
            }
        )
    elif found.flaw is not None:
        print_lines(f"entry {found.flaw.number}: {found.flaw.text}")
    else:
        entries = "1 entry" if found.head.number == 1 else f"{found.head.number} entries"
        heads = f", {found.heads} signed" if found.heads else ""
        print_lines(f"{entries}, as written; held against {found.records} records{heads}")


def _use_case(container: Container) -> AuditTasksUseCase:
    return container.get(AuditTasksUseCase)


def _granted(envelope: Envelope | None, error: str | None) -> Envelope:
    if envelope is None:
        raise click.ClickException(error or "")
    return envelope


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already; it is not overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
