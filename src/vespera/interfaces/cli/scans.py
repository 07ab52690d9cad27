"""What the commands about snapshots ask of the container, and what they print."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TypeVar

import click

from vespera.application.ports.clock import Clock
from vespera.application.ports.scanning import ScanProgress
from vespera.application.usecases.find_undeclared import (
    FindUndeclaredResult,
    FindUndeclaredUseCase,
)
from vespera.application.usecases.snapshot_workspace import (
    CompareSnapshotsResult,
    ForgetSnapshotsResult,
    ListSnapshotsResult,
    SnapshotResult,
    SnapshotWorkspaceUseCase,
)
from vespera.domain.changes import Change, ChangeKind
from vespera.domain.file_operation import UnknownState
from vespera.domain.manifest import Manifest
from vespera.domain.snapshot import Snapshot
from vespera.domain.state_form import form_of
from vespera.domain.undeclared import Account, Accounted
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines

Told = TypeVar(
    "Told",
    SnapshotResult,
    CompareSnapshotsResult,
    ListSnapshotsResult,
    ForgetSnapshotsResult,
    FindUndeclaredResult,
)


def take(
    task_id: str | None, label: str, *, full: bool, contents: bool
) -> Question[SnapshotResult]:
    """Take a snapshot."""

    async def question(container: Container) -> SnapshotResult:
        with shown_scan(container.get(Clock)) as tell:
            return _granted(
                await _use_case(container).take(
                    task_id, label, full=full, contents=contents, progress=tell
                )
            )

    return question


def listed(limit: int, before: str | None) -> Question[ListSnapshotsResult]:
    """A page of snapshots."""

    async def question(container: Container) -> ListSnapshotsResult:
        return _granted(await _use_case(container).list(limit=limit, before=before))

    return question


def manifest_of(snapshot_id: str) -> Question[Manifest]:
    """All that a snapshot has seen."""

    async def question(container: Container) -> Manifest:
        return await _use_case(container).manifest_of(snapshot_id)

    return question


def compared(older: str, newer: str | None, *, full: bool) -> Question[CompareSnapshotsResult]:
    """What has changed."""

    async def question(container: Container) -> CompareSnapshotsResult:
        with shown_scan(container.get(Clock)) as tell:
            return _granted(
                await _use_case(container).compare(older, newer, full=full, progress=tell)
            )

    return question


def undeclared(
    task_id: str | None, since: str | None, allowed: Sequence[str], *, full: bool
) -> Question[FindUndeclaredResult]:
    """What nobody declared."""

    async def question(container: Container) -> FindUndeclaredResult:
        find = container.get(FindUndeclaredUseCase).find
        with shown_scan(container.get(Clock)) as tell:
            return _granted(await find(task_id, since, allowed=allowed, full=full, progress=tell))

    return question


def forget(older_than: timedelta | None, keep: int | None) -> Question[ForgetSnapshotsResult]:
    """Remove snapshots."""

    async def question(container: Container) -> ForgetSnapshotsResult:
        return _granted(await _use_case(container).forget(older_than, keep=keep))

    return question


def show_taken(taken: SnapshotResult, *, as_json: bool) -> None:
    """Print which snapshot was taken, what it has seen, and what could not be kept."""
    snapshot = taken.snapshot
    assert snapshot is not None, "what was not granted is not shown"
    if as_json:
        not_kept = [{"path": path, "reason": reason} for path, reason in taken.not_kept]
        print_json({**asdict(snapshot), "not_kept": not_kept})
        return
    kept = f", {snapshot.kept} with their contents" if snapshot.kept else ""
    print_lines(f"{snapshot.id}: {_seen(snapshot)} ({snapshot.hashed} read){kept}")
    print_lines(*aligned([("not kept:", path, reason) for path, reason in taken.not_kept]))
    if snapshot.caution:
        click.echo(f"note: {snapshot.caution}", err=True)


def show_list(found: ListSnapshotsResult, *, as_json: bool) -> None:
    """Print snapshots line by line, and how to see those that follow."""
    if as_json:
        print_json({"snapshots": found.snapshots, "next": found.next})
        return
    rows: list[tuple[str, ...]] = [("ID", "TAKEN", "FILES", "LEFT OUT", "UNKNOWN", "FOR", "LABEL")]
    rows += [_row(snapshot) for snapshot in found.snapshots]
    print_lines(*aligned(rows))
    if found.next:
        click.echo(f"more: vespera snapshot list --before {found.next}", err=True)


def show_manifest(manifest: Manifest, *, as_json: bool) -> None:
    """Print how much was seen, and what was not looked at."""
    totals, unexamined = manifest.totals(), list(manifest.unexamined())
    if as_json:
        not_examined = [{"path": path, "reason": reason} for path, reason in unexamined]
        facts = {"began_at": manifest.began_at, "ended_at": manifest.ended_at}
        print_json({**facts, **totals._asdict(), "not_examined": not_examined})
        return
    print_lines(_counted(totals.files, totals.directories))
    print_lines(*aligned([("not examined:", path, reason) for path, reason in unexamined]))


def show_changes(found: CompareSnapshotsResult, *, as_json: bool) -> None:
    """Print each path that has changed, and how."""
    if as_json:
        ends = {"older": found.older, "newer": found.newer}
        told = [_change_form(change) for change in found.changes]
        print_json(
            {**ends, "changes": told, "renames": found.renames, "repository": found.repository}
        )
        return
    print_lines(*aligned([(change.kind, change.path, _why(change)) for change in found.changes]))
    for rename in found.renames:
        print_lines(f"perhaps renamed: {rename.source} -> {rename.destination}")
    print_lines(*found.repository)
    if not found.changes and not found.repository:
        print_lines("nothing has changed")


def show_undeclared(found: FindUndeclaredResult, *, as_json: bool) -> None:
    """Print the changes that the task did not declare, and to whom they are put down."""
    told = [one for one in found.accounted if one.account is not Account.OWN]
    if as_json:
        changes = [
            {**_change_form(one.change), "account": one.account, "tasks": one.tasks} for one in told
        ]
        print_json({"since": found.since, "changes": changes, "repository": found.repository})
        return
    print_lines(*aligned([(one.account, *_in_row(one)) for one in told]))
    print_lines(*found.repository)
    if not found.undeclared:
        print_lines("nothing undeclared")


def _in_row(one: Accounted) -> tuple[str, str, str]:
    tasks = ", ".join(str(task or "no task") for task in one.tasks)
    return one.change.kind, one.change.path, f"by {tasks}" if tasks else _why(one.change)


def show_forgotten(removed: ForgetSnapshotsResult, *, as_json: bool) -> None:
    """Print how many were removed."""
    if as_json:
        print_json({"removed": removed.removed})
    else:
        print_lines(f"snapshots removed: {removed.removed}")


@contextmanager
def shown_scan(clock: Clock) -> Iterator[Callable[[ScanProgress], None]]:
    """Show how far a scan is that takes longer, on stderr: a bar on a terminal, a line every other
    second in a pipe.
    """
    meter = _ScanBar() if sys.stderr.isatty() else _ScanLines()
    shown_at = clock.monotonic()

    def tell(progress: ScanProgress) -> None:
        nonlocal shown_at
        if clock.monotonic() - shown_at >= meter.interval:
            shown_at = clock.monotonic()
            meter.show(progress)

    try:
        yield tell
    finally:
        meter.close()


class _ScanLines:
    interval = 2.0

    def show(self, progress: ScanProgress) -> None:
        click.echo(_progress_in_words(progress), err=True)

    def close(self) -> None:
        """Nothing to take away."""


class _ScanBar:
    interval = 0.2

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        self._scan = self._progress.add_task("", total=None)

    def show(self, progress: ScanProgress) -> None:
        self._progress.start()
        told = _progress_in_words(progress)
        self._progress.update(
            self._scan, completed=progress.seen, total=progress.expected, description=told
        )
        self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()


def _use_case(container: Container) -> SnapshotWorkspaceUseCase:
    return container.get(SnapshotWorkspaceUseCase)


def _granted(result: Told) -> Told:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result


def _progress_in_words(progress: ScanProgress) -> str:
    of_all = f"/{progress.expected}" if progress.expected else ""
    return f"{progress.seen}{of_all} files looked at, {progress.hashed} read"


def _seen(snapshot: Snapshot) -> str:
    unknown = f", {snapshot.unknown} not known" if snapshot.unknown else ""
    left_out = f", {snapshot.ignored} left out" if snapshot.ignored else ""
    return f"{_counted(snapshot.files, snapshot.directories)}{left_out}{unknown}"


def _counted(files: int, directories: int) -> str:
    in_files = "1 file" if files == 1 else f"{files} files"
    in_directories = "1 directory" if directories == 1 else f"{directories} directories"
    return f"{in_files} in {in_directories}"


def _row(snapshot: Snapshot) -> tuple[str, ...]:
    taken = f"{snapshot.ended_at.astimezone():%Y-%m-%d %H:%M:%S}"
    numbers = snapshot.files, snapshot.ignored, snapshot.unknown
    return (snapshot.id, taken, *map(str, numbers), snapshot.task_id or "", snapshot.label)


def _why(change: Change) -> str:
    """What is not known, of a change of unknown kind."""
    if change.kind is not ChangeKind.UNKNOWN:
        return ""
    sides = [s.reason for s in (change.before, change.after) if isinstance(s, UnknownState)]
    return f"({'; '.join(dict.fromkeys(sides))})"


def _change_form(change: Change) -> dict[str, object]:
    states = {"before": form_of(change.before), "after": form_of(change.after)}
    return {"path": change.path, "kind": change.kind, **states}
