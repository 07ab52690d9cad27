"""What the commands about a task's files ask of the container, and what they print."""

import sys
from collections.abc import Sequence

import click

from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.inspect_files import (
    InspectFilesUseCase,
    ListOperationsResult,
    ShowChangesResult,
)
from vespera.application.usecases.snapshot_workspace import NEWEST, CompareSnapshotsResult
from vespera.domain.changed_file import ChangedFile
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import SnapshotId
from vespera.domain.state_form import form_of, in_short
from vespera.domain.verification import Finding
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli import scans
from vespera.interfaces.cli.failures import printable
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines

_HEADINGS = ("RECORDED", "PHASE", "KIND", "PATH", "BEFORE", "AFTER", "VERDICT", "WHY")


def operations_of(task_id: str) -> Question[ListOperationsResult]:
    """All that a task said of files."""

    async def question(container: Container) -> ListOperationsResult:
        found = await container.get(InspectFilesUseCase).list_operations(task_id)
        if not found.success:
            raise click.ClickException(found.error or "")
        return found

    return question


def differences(
    first: str, second: str | None, *, of_task: bool, stat: bool, full: bool
) -> Question[ShowChangesResult | CompareSnapshotsResult]:
    """What a task changed, or what has changed since a snapshot."""

    async def question(container: Container) -> ShowChangesResult | CompareSnapshotsResult:
        by_snapshots = second is not None or await _is_snapshot(container, first)
        if by_snapshots and not of_task:
            if stat:
                raise click.UsageError("--stat is of a task; snapshots do not keep contents.")
            return await scans.compared(first, second, full=full)(container)
        if full:
            raise click.UsageError("--full is of a snapshot; a task's files are always read.")
        found = await container.get(InspectFilesUseCase).show_changes(first)
        if not found.success:
            raise click.ClickException(f"{found.error} Nor has a snapshot.")
        return found

    return question


def show_operations(found: ListOperationsResult, *, as_json: bool) -> None:
    """Print the operations: a table on a terminal, lines with tabs in a pipe."""
    if as_json:
        print_json({"operations": [_operation_form(*one) for one in found.operations]})
        return
    rows = [_operation_row(*one) for one in found.operations]
    if sys.stdout.isatty():
        print_lines(*aligned([_HEADINGS, *rows]))
        return
    for row in rows:
        print_lines("\t".join(_in_one_column(cell) for cell in row))


def show_differences(
    found: ShowChangesResult | CompareSnapshotsResult, *, stat: bool, as_json: bool
) -> None:
    """Print what is different, in whatever was compared."""
    if isinstance(found, CompareSnapshotsResult):
        scans.show_changes(found, as_json=as_json)
    elif as_json:
        print_json({"changes": [_change_form(one, stat=stat) for one in found.changes]})
    elif not found.changes:
        print_lines("nothing has changed")
    elif stat:
        _show_stat(found.changes)
    else:
        for one in found.changes:
            print_lines(_headline(one), *_lines(one.patch))


def _in_one_column(cell: str) -> str:
    return printable(cell).replace("\n", " ").replace("\t", " ")


async def _is_snapshot(container: Container, some_id: str) -> bool:
    if some_id == NEWEST:
        return True
    return await container.get(SnapshotRepository).get(SnapshotId(some_id)) is not None


def _operation_row(operation: FileOperation, finding: Finding) -> tuple[str, ...]:
    there = f" -> {operation.destination.path}" if operation.destination else ""
    return (
        operation.recorded_at.astimezone().isoformat(" ", "seconds"),
        operation.phase,
        operation.kind,
        f"{operation.path}{there}",
        in_short(finding.before),
        in_short(finding.after),
        finding.verdict,
        "" if finding.passes else finding.reason,
    )


def _operation_form(operation: FileOperation, finding: Finding) -> dict[str, object]:
    return {
        "operation_id": operation.id,
        "recorded_at": operation.recorded_at,
        "phase": operation.phase,
        "kind": operation.kind,
        "path": operation.path,
        "destination": finding.destination,
        "before": form_of(finding.before),
        "after": form_of(finding.after),
        "verdict": finding.verdict,
        "passes": finding.passes,
        "reason": finding.reason,
        "remedy": finding.remedy,
        "metadata": operation.metadata,
    }


def _change_form(one: ChangedFile, *, stat: bool) -> dict[str, object]:
    net = one.net
    form = {
        "path": net.change.path,
        "kind": net.change.kind,
        "before": form_of(net.change.before),
        "after": form_of(net.change.after),
        "now": form_of(net.now),
        "as_left": net.as_left,
        "disturbed": net.disturbed,
        "moved_from": net.moved_from,
        "moved_to": net.moved_to,
        "added": one.diff.added,
        "removed": one.diff.removed,
        "note": one.note,
    }
    return form if stat else {**form, "diff": one.patch}


def _headline(one: ChangedFile) -> str:
    told = "; ".join(one.remarks)
    return f"{one.net.change.kind} {one.net.change.path}{f' ({told})' if told else ''}"


def _show_stat(changes: Sequence[ChangedFile]) -> None:
    rows = [
        (
            one.net.change.kind,
            one.net.change.path,
            f"+{one.diff.added} -{one.diff.removed}" if one.diff.text else "",
            "; ".join(one.remarks),
        )
        for one in changes
    ]
    print_lines(*aligned(rows))
    added = sum(one.diff.added for one in changes)
    removed = sum(one.diff.removed for one in changes)
    paths = "1 path" if len(changes) == 1 else f"{len(changes)} paths"
    print_lines(f"{paths}, +{added} -{removed}")


def _lines(patch: str) -> Sequence[str]:
    """Its lines, which end at line feeds alone; none, if it is empty."""
    return patch.removesuffix("\n").split("\n") if patch else ()
