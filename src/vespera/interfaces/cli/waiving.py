"""What the commands about waivers ask of the container, and what they print."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import (
    ListWaiversResult,
    WaiveFindingsUseCase,
    WaiveResult,
    check_words,
)
from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.state_form import form_of
from vespera.domain.waiver import Waiver
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines


def waived(task_id: str, what: str, *, by: str, reason: str) -> Question[Sequence[Waiver]]:
    """Waive an operation, or all that is not proven of a path."""
    _check(by=by, reason=reason)

    async def question(container: Container) -> Sequence[Waiver]:
        waive = container.get(WaiveFindingsUseCase).waive
        report = await container.get(TrackFileOperationsUseCase).examine(TaskId(task_id))
        if what in {finding.operation_id for finding in report.findings}:
            return _granted(await waive(task_id, what, by=by, reason=reason))
        return _granted(await waive(task_id, path=what, by=by, reason=reason))

    return question


def revoked(waiver_id: str, *, by: str) -> Question[Sequence[Waiver]]:
    """Revoke a waiver."""
    _check(by=by)

    async def question(container: Container) -> Sequence[Waiver]:
        return _granted(await container.get(WaiveFindingsUseCase).revoke(waiver_id, by=by))

    return question


def listed(task_id: str | None, limit: int, before: str | None) -> Question[ListWaiversResult]:
    """A page of waivers, or all of one task."""

    async def question(container: Container) -> ListWaiversResult:
        use_case = container.get(WaiveFindingsUseCase)
        found = await use_case.list(task_id, limit=limit, before=before)
        if not found.success:
            raise click.ClickException(found.error or "")
        return found

    return question


def show_waived(waivers: Sequence[Waiver], *, as_json: bool) -> None:
    """Print what is let pass now."""
    if as_json:
        print_json({"waivers": [_form(waiver) for waiver in waivers]})
        return
    for waiver in waivers:
        print_lines(f"{waiver.id}: {waiver.path} ({waiver.kind}, {waiver.verdict}) is waived")


def show_revoked(waiver: Waiver, *, as_json: bool) -> None:
    """Print which waiver holds no more, and whose doing that was."""
    if as_json:
        print_json(_form(waiver))
        return
    print_lines(f"{waiver.id}: revoked by {waiver.revoked_by}")


def show_list(found: ListWaiversResult, *, as_json: bool) -> None:
    """Print waivers line by line, and how to see those that follow."""
    if as_json:
        waivers = [_form(waiver) for waiver in found.waivers]
        print_json({"waivers": waivers, "next": found.next})
        return
    rows: list[tuple[str, ...]] = [("ID", "WAIVED", "TASK", "PATH", "VERDICT", "BY", "REASON")]
    rows += [_row(waiver) for waiver in found.waivers]
    print_lines(*aligned(rows))
    if found.next:
        click.echo(f"more: vespera waivers --before {found.next}", err=True)


def _check(**words: str) -> None:
    try:
        check_words(**words)
    except InvalidRequest as error:
        raise click.UsageError(f"--{error}") from error


def _granted(result: WaiveResult) -> Sequence[Waiver]:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result.waivers


def _row(waiver: Waiver) -> tuple[str, ...]:
    waived_at = f"{waiver.waived_at.astimezone():%Y-%m-%d %H:%M:%S}"
    by = f"{waiver.by} (revoked by {waiver.revoked_by})" if waiver.revoked else waiver.by
    return (
        *(waiver.id, waived_at, waiver.task_id, waiver.path),
        *(waiver.verdict, by, waiver.reason),
    )


def _form(waiver: Waiver) -> dict[str, object]:
    states = {"before": waiver.before, "after": waiver.after}
    told = {name: form_of(state) for name, state in states.items()}
    now = [form_of(state) for state in waiver.now]
    return {**asdict(waiver), **told, "now": now}
