"""How far a long scan is, on stderr; and what is told besides."""

import sys
from datetime import UTC, datetime

import pytest

from vespera.application.ports.scanning import ScanProgress
from vespera.application.usecases.snapshot_workspace import SnapshotResult
from vespera.domain.ids import SnapshotId
from vespera.domain.snapshot import Snapshot
from vespera.interfaces.cli.scans import show_taken, shown_scan
from vespera.testing import VirtualClock

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_in_a_pipe_there_is_a_line_every_other_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()
    async with clock.running():
        with shown_scan(clock) as tell:
            tell(ScanProgress(500, 500))
            await clock.sleep(2)
            tell(ScanProgress(1000, 900))
            tell(ScanProgress(1500, 900))
            await clock.sleep(2)
            tell(ScanProgress(2000, 900, 4000))

    assert capsys.readouterr().err.splitlines() == [
        "1000 files looked at, 900 read",
        "2000/4000 files looked at, 900 read",
    ]


async def test_on_a_terminal_there_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    clock = VirtualClock()
    async with clock.running():
        with shown_scan(clock) as tell:
            await clock.sleep(1)
            tell(ScanProgress(500, 3, 1000))

    assert "500/1000 files looked at, 3 read" in capsys.readouterr().err


def test_why_everything_was_read_is_told_beside_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    snapshot = Snapshot(
        id=SnapshotId("s1"),
        task_id=None,
        label="",
        began_at=NOW,
        ended_at=NOW,
        digest="b3:0",
        files=2,
        directories=3,
        ignored=0,
        unknown=1,
        hashed=2,
        caution="this is tmpfs",
    )
    show_taken(SnapshotResult(success=True, snapshot=snapshot), as_json=False)

    told = capsys.readouterr()
    assert told.out == "s1: 2 files in 3 directories, 1 not known (2 read)\n"
    assert told.err == "note: this is tmpfs\n"
