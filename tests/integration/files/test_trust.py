"""How far file systems are trusted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vespera.infrastructure.files.trust import Trust, kind_of_file_system, slack_of, trust_in

MOUNTS = r"""22 1 254:0 / / rw,relatime - ext4 /dev/root rw
23 22 0:20 / /mnt/ram rw - tmpfs tmpfs rw,size=1k
24 22 0:21 / /mnt/ram/over\040there rw shared:5 master:1 - overlay overlay rw
25 22 0:22 / /mnt/net rw - xfs /dev/sdb rw
26 22 0:23 / /mnt/net rw - nfs4 server:/x rw
broken line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> str:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return str(path)


@pytest.fixture
def directory(workspace: Path) -> Iterator[int]:
    descriptor = os.open(workspace, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def told_as(directory: int, kind: str, tmp_path: Path, now: int = 0) -> Trust:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 254:0 / / rw - {kind} /dev/root rw\n")
    return trust_in("/", directory, now, str(mounts))


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/mnt/ram", "tmpfs"),
        ("/mnt/ramble", "ext4"),
        ("/mnt/ram/over there/a", "overlay"),
        ("/mnt/net/a", "nfs4"),
    ],
)
def test_the_innermost_and_latest_mount_counts(mounts: str, root: str, kind: str) -> None:
    assert kind_of_file_system(root, mounts) == kind


def test_where_mounts_are_not_listed_nothing_is_known(tmp_path: Path) -> None:
    assert kind_of_file_system("/", str(tmp_path / "nothing")) is None


@pytest.mark.parametrize(
    ("kind", "files", "directories"),
    [
        ("ext4", True, True),
        ("overlay", True, False),
        ("tmpfs", False, False),
        ("nfs4", False, False),
    ],
)
def test_file_systems_are_trusted_by_their_kind(
    directory: int, tmp_path: Path, kind: str, files: bool, directories: bool
) -> None:
    found = told_as(directory, kind, tmp_path)

    assert (found.files, found.directories) == (files, directories)
    assert found.in_file(0) is files
    assert found.in_directory(0) is directories
    assert (kind in found.caution) is not files


def test_a_file_system_that_nobody_knows_is_not_trusted(directory: int, tmp_path: Path) -> None:
    found = trust_in("/", directory, 0, str(tmp_path / "nothing"))

    assert not found.files
    assert "not known" in found.caution


def test_the_file_system_s_own_clock_divides_old_from_young(
    directory: int, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "old").touch()
    os.utime(workspace / "old")
    old = (workspace / "old").stat().st_ctime_ns
    found = told_as(directory, "ext4", tmp_path)
    (workspace / "young").touch()

    assert abs(found.before - old) < 10**9
    assert not found.in_file((workspace / "young").stat().st_ctime_ns)
    assert not found.in_file(found.before)
    assert found.in_file(found.before - 1)
    assert not found.in_directory(found.before)
    assert found.in_directory(found.before - 1)


def test_the_probe_leaves_no_trace(directory: int, workspace: Path, tmp_path: Path) -> None:
    before = workspace.stat().st_mtime_ns
    told_as(directory, "ext4", tmp_path)

    assert list(workspace.iterdir()) == []
    assert workspace.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("stamps", "slack"),
    [
        ([5, 6, 7, 8], 0),
        ([5, 5, 5, 6], 20_000_000),
        ([5, 5, 5, 5], 20_000_000),
        ([10**9] * 4, 2 * 10**9),
    ],
)
def test_how_young_is_too_young_depends_on_how_fine_the_stamps_are(
    stamps: list[int], slack: int
) -> None:
    assert slack_of(stamps) == slack


def test_where_nothing_can_be_written_the_given_time_is_taken_with_care(tmp_path: Path) -> None:
    assert told_as(-1, "ext4", tmp_path, now=10**18).before == 10**18 - 2 * 10**9


def test_so_it_is_where_every_file_has_a_name(
    directory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")

    assert told_as(directory, "ext4", tmp_path, now=10**18).before == 10**18 - 2 * 10**9
