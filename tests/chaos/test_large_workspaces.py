"""Workspaces of a hundred thousand files, and files of gigabytes."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from vespera import Container
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.domain.changes import ChangeKind
from vespera.domain.file_operation import FileState
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.infrastructure.threads import Threads

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
FILES, IN_A_DIRECTORY = 100_000, 100
GIBIBYTE = 1024**3


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return workspace


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.close()


def path_of(workspace: Path, number: int) -> Path:
    return workspace / f"{number // 10_000}" / f"{number // IN_A_DIRECTORY}" / f"{number}.txt"


async def test_of_a_hundred_thousand_files_exactly_those_that_changed_are_found(
    workspace: Path, tmp_path: Path
) -> None:
    for number in range(FILES):
        path = path_of(workspace, number)
        if number % IN_A_DIRECTORY == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"{number}")
    async with Container(workspace=workspace, database_url=tmp_path / "work.db") as container:
        snapshots = container.get(SnapshotWorkspaceUseCase)
        first = await snapshots.take()
        assert first.snapshot
        chosen = random.Random(1).sample(range(FILES), FILES // 100)
        for number in chosen:
            path_of(workspace, number).write_text(f"{-number - 1}")
        second = await snapshots.take()
        assert second.snapshot
        found = await snapshots.compare(first.snapshot.id, second.snapshot.id)

    assert (first.snapshot.files, first.snapshot.hashed) == (FILES, FILES)
    assert second.snapshot.hashed == len(chosen)
    assert {change.kind for change in found.changes} == {ChangeKind.MODIFIED}
    expected = sorted(str(path_of(workspace, n).relative_to(workspace)) for n in chosen)
    assert [change.path for change in found.changes] == expected


async def test_a_sparse_file_of_four_gibibytes_is_hashed(workspace: Path, threads: Threads) -> None:
    with (workspace / "sparse").open("wb") as file:
        os.truncate(file.fileno(), 4 * GIBIBYTE)
    manifest = await LocalWorkspaceScanner(workspace, threads, SystemClock()).scan()
    state = manifest.state_of("sparse")

    assert isinstance(state, FileState)
    assert state.size == 4 * GIBIBYTE


async def test_a_scan_of_a_large_file_is_cancelled_in_the_middle(
    workspace: Path, threads: Threads
) -> None:
    with (workspace / "sparse").open("wb") as file:
        os.truncate(file.fileno(), 1024 * GIBIBYTE)  # which would take many minutes
    scan = asyncio.create_task(LocalWorkspaceScanner(workspace, threads, SystemClock()).scan())
    while not threads.in_flight:
        await asyncio.sleep(0)
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan

    assert threads.in_flight == 0
