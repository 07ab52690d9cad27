"""The promises of ``WorkspaceScanner``."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.scanning import ScanProgress, WorkspaceScanner
from vespera.domain.changes import ChangeKind, changes
from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    SpecialState,
    SymlinkState,
)
from vespera.domain.manifest import IGNORED
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


class WorkspaceScannerConformance(AdapterSuite):
    """For scanners of files of a local directory; give ``make_scanner``."""

    ports = (WorkspaceScanner,)

    def make_scanner(self, workspace: Path) -> Made[WorkspaceScanner]:
        """A scanner of the directory ``workspace``, which is empty."""
        raise self.missing("make_scanner", "a WorkspaceScanner of a directory")

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        """The directory that is scanned."""
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        return workspace

    @pytest_asyncio.fixture
    async def scanner(self, workspace: Path) -> AsyncIterator[WorkspaceScanner]:
        """The scanner of ``make_scanner``."""
        async with adapter_of(self.make_scanner, workspace) as scanner:
            yield scanner

    async def test_what_stands_there_is_seen(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / "sub").mkdir(0o755)
        (workspace / "sub" / "a.txt").write_bytes(b"content")
        (workspace / "sub" / "a.txt").chmod(0o640)
        manifest = await scanner.scan()
        state = manifest.state_of("sub/a.txt")

        assert isinstance(state, FileState)
        assert (state.size, state.mode) == (7, 0o640)
        assert isinstance(manifest.state_of("sub"), DirectoryState)
        assert manifest.state_of("sub/b.txt") == Absent()
        assert manifest.totals().files == 1
        assert manifest.began_at <= manifest.ended_at

    async def test_links_are_not_followed_and_what_is_special_is_not_opened(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / "link").symlink_to("/etc")
        (workspace / "loop").symlink_to(".")
        os.mkfifo(workspace / "fifo")
        found = dict((await scanner.scan()).entries())

        assert {path: entry.state for path, entry in found.items()} == {
            "fifo": SpecialState("fifo"),
            "link": SymlinkState("/etc"),
            "loop": SymlinkState("."),
        }

    async def test_names_of_any_bytes_are_seen(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        os.mkdir(os.fsencode(workspace) + b"/\xff")  # noqa: PTH102 -- a Path is no bytes
        (workspace / "é\n").touch()
        manifest = await scanner.scan()

        assert isinstance(manifest.state_of("\udcff"), DirectoryState)
        assert isinstance(manifest.state_of("é\n"), FileState)

    async def test_what_has_changed_is_found(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        for name in ("changed", "removed", "same"):
            (workspace / name).write_text("one")
        before = await scanner.scan()
        (workspace / "changed").write_text("two")
        (workspace / "removed").unlink()
        (workspace / "sub").mkdir()
        (workspace / "sub" / "added").touch()

        assert [(c.path, c.kind) for c in changes(before, await scanner.scan(before))] == [
            ("changed", ChangeKind.MODIFIED),
            ("removed", ChangeKind.REMOVED),
            ("sub", ChangeKind.ADDED),
            ("sub/added", ChangeKind.ADDED),
        ]

    async def test_a_content_exchanged_under_the_same_time_stamp_is_found(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        path = workspace / "a.txt"
        path.write_bytes(b"one")
        before, times = await scanner.scan(), path.stat()
        path.write_bytes(b"two")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        assert [c.path for c in changes(before, await scanner.scan(before))] == ["a.txt"]

    async def test_the_same_states_have_the_same_digest(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / "a").write_text("one")
        digests = [(await scanner.scan()).digest]
        (workspace / "a").write_text("two")
        digests.append((await scanner.scan()).digest)
        (workspace / "a").write_text("one")
        digests.append((await scanner.scan()).digest)

        assert digests[0] == digests[2] != digests[1]

    async def test_in_full_every_file_is_read(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        for name in ("a", "b", "c"):
            (workspace / name).write_text(name)
        before = await scanner.scan()

        assert (await scanner.scan(before, full=True)).hashed == 3

    async def test_what_is_left_out_is_listed_and_counted(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / "out").mkdir()
        for name in ("out/a", "out/b", "a.log", "kept"):
            (workspace / name).touch()
        (workspace / ".gitignore").write_text("*.log\nout/\n")
        manifest = await scanner.scan()

        assert list(manifest.unexamined()) == [("a.log", "ignored"), ("out", "ignored")]
        assert manifest.totals().ignored == 3
        assert manifest.state_of("out/a") == IGNORED

    async def test_vespera_s_own_directory_is_not_looked_at(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / ".vespera").mkdir()
        (workspace / ".vespera" / "a").touch()
        (workspace / "b").touch()

        assert [path for path, _ in (await scanner.scan()).entries()] == ["b"]

    async def test_progress_is_told_in_the_event_loop(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        for number in range(1200):
            (workspace / str(number % 3)).mkdir(exist_ok=True)
            (workspace / str(number % 3) / str(number)).touch()
        told: list[ScanProgress] = []

        def tell(progress: ScanProgress) -> None:
            asyncio.get_running_loop()
            told.append(progress)

        await scanner.scan(progress=tell)
        await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time

        assert told
        assert 0 < told[-1].seen <= 1200

    async def test_a_cancelled_scan_is_cancelled(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        (workspace / "a").touch()
        scan = asyncio.ensure_future(scanner.scan())
        await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time
        scan.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scan

    async def test_a_workspace_that_is_not_there_is_told(
        self, scanner: WorkspaceScanner, workspace: Path
    ) -> None:
        workspace.rmdir()
        with pytest.raises(FileUnreadable, match="workspace"):
            await scanner.scan()
