"""What a scan of a directory tree sees, and what it does not read again."""

import asyncio
import os
import shutil
import socket
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from blake3 import blake3

from vespera.application.ports.scanning import ScanProgress
from vespera.domain.changes import Change, ChangeKind, changes, repository_changes
from vespera.domain.errors import FileUnreadable, InvalidRequest
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.manifest import IGNORED, Manifest, Totals
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.ignoring import rules_of
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.infrastructure.files.scanning import ScanStopped, View, Walk
from vespera.infrastructure.files.trust import Trust
from vespera.infrastructure.threads import Threads

MakeScanner = Callable[..., LocalWorkspaceScanner]
FAR_FUTURE = 2**62


def trusting(*_: object) -> Trust:
    """A file system each of whose changes has a stamp of its own, as here."""
    return Trust(files=True, directories=True, before=FAR_FUTURE)


def trusting_files(*_: object) -> Trust:
    return Trust(files=True, directories=False, before=FAR_FUTURE)


def distrusting(*_: object) -> Trust:
    return Trust(files=False, directories=False, before=0, caution="all were read")


@pytest.fixture(autouse=True)
def nothing_is_left_open(open_descriptors: None) -> None:
    """Each scan closes what it opens."""


@pytest.fixture
def make_scanner(workspace: Path, threads: Threads) -> MakeScanner:
    def make(**more: Any) -> LocalWorkspaceScanner:
        given = {"trust": trusting, **more}
        return LocalWorkspaceScanner(given.pop("root", workspace), threads, SystemClock(), **given)

    return make


@pytest.fixture
def scanner(make_scanner: MakeScanner) -> LocalWorkspaceScanner:
    return make_scanner()


def digest(content: bytes) -> str:
    return f"b3:{blake3(content).hexdigest()}"


def paths(manifest: Manifest) -> list[str]:
    return [path for path, _ in manifest.entries()]


async def changed(scanner: LocalWorkspaceScanner, before: Manifest) -> tuple[Change, ...]:
    return tuple(changes(before, await scanner.scan(before)))


async def test_everything_is_seen_as_it_is(scanner: LocalWorkspaceScanner, workspace: Path) -> None:
    (workspace / "sub" / "empty").mkdir(parents=True)
    (workspace / "sub").chmod(0o750)
    (workspace / "sub" / "run.sh").write_bytes(b"#!")
    (workspace / "sub" / "run.sh").chmod(0o4755)
    (workspace / "nothing").touch(0o644)
    (workspace / "link").symlink_to("sub")
    (workspace / "loop").symlink_to("loop")
    os.mkfifo(workspace / "fifo")
    manifest = await scanner.scan()

    assert manifest.state_of("sub") == DirectoryState(0o750)
    assert isinstance(manifest.state_of("sub/empty"), DirectoryState)
    assert manifest.state_of("sub/run.sh") == FileState(digest(b"#!"), 2, 0o4755)
    assert manifest.state_of("nothing") == FileState(digest(b""), 0, 0o644)
    assert manifest.state_of("link") == SymlinkState("sub")
    assert manifest.state_of("loop") == SymlinkState("loop")
    assert manifest.state_of("fifo") == SpecialState("fifo")
    assert manifest.totals() == Totals(files=5, directories=3, ignored=0, unknown=0)
    assert manifest.began_at <= manifest.ended_at
    assert manifest.hashed == 2


async def test_an_entry_has_the_key_under_which_it_was_seen(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "a").write_text("content")
    found = (workspace / "a").stat()
    entry = (await scanner.scan()).entry_of("a")

    assert entry is not None
    assert entry.key.inode == found.st_ino
    assert entry.key.device == found.st_dev
    assert (entry.key.size, entry.key.mode) == (7, found.st_mode)
    assert (entry.key.mtime_ns, entry.key.ctime_ns) == (found.st_mtime_ns, found.st_ctime_ns)


async def test_a_large_file_is_hashed_whole(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    content = os.urandom(700_001)
    (workspace / "large").write_bytes(content)

    assert (await scanner.scan()).state_of("large") == FileState(
        digest(content), 700_001, stat.S_IMODE((workspace / "large").stat().st_mode)
    )


async def test_nothing_is_read_again_that_is_unchanged_and_all_of_it_is_shared(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    for name in ("a", "b", "sub/c", "sub/deep/d"):
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(name)
    one = await scanner.scan()
    (workspace / "sub" / "deep" / "d").write_text("another")
    two = await scanner.scan(one)

    assert (one.hashed, two.hashed) == (4, 1)
    for path in (b"", b"sub"):
        assert two.folders[path] is one.folders[path]
    assert two.folders[b"sub/deep"] is not one.folders[b"sub/deep"]
    assert one.digest != two.digest


@pytest.mark.parametrize("judge", [trusting, trusting_files, distrusting])
async def test_what_is_found_does_not_depend_on_how_far_keys_are_trusted(
    make_scanner: MakeScanner, workspace: Path, judge: Callable[..., Trust]
) -> None:
    scanner = make_scanner(trust=judge)
    for name in ("a", "b", "c"):
        (workspace / name).write_text(name)
    (workspace / "sub").mkdir()
    before = await scanner.scan()
    (workspace / "a").write_text("A")
    (workspace / "b").unlink()
    (workspace / "sub" / "new").write_text("new")
    after = await scanner.scan(before)

    assert [(c.path, c.kind) for c in changes(before, after)] == [
        ("a", ChangeKind.MODIFIED),
        ("b", ChangeKind.REMOVED),
        ("sub/new", ChangeKind.ADDED),
    ]
    assert after.hashed == (3 if judge is distrusting else 2)
    assert (after.caution == "") is (judge is not distrusting)
    assert (await scanner.scan(after)).folders[b""] is after.folders[b""]


async def test_in_full_everything_is_read(scanner: LocalWorkspaceScanner, workspace: Path) -> None:
    for name in ("a", "b"):
        (workspace / name).write_text(name)
    one = await scanner.scan()
    two = await scanner.scan(one, full=True)

    assert two.hashed == 2
    assert two.digest == one.digest


async def test_what_was_changed_during_the_scan_before_is_read_again(
    make_scanner: MakeScanner, workspace: Path
) -> None:
    (workspace / "old").write_text("old")
    divide = (workspace / "old").stat().st_ctime_ns + 1
    (workspace / "young").write_text("young")
    os.utime(workspace / "young")
    scanner = make_scanner(trust=lambda *_: Trust(files=True, directories=True, before=divide))
    one = await scanner.scan()

    assert (await scanner.scan(one)).hashed == 1


async def test_a_change_within_one_stamp_of_the_clock_is_found(
    make_scanner: MakeScanner, workspace: Path
) -> None:
    """Where two changes may bear one stamp, what is young is not trusted."""
    scanner = make_scanner(trust=lambda *_: Trust(files=True, directories=True, before=0))
    path = workspace / "a"
    path.write_text("one")
    before = await scanner.scan()
    key = before.entry_of("a")
    assert key
    path.write_text("two")
    os.utime(path, ns=(key.key.mtime_ns, key.key.mtime_ns))

    assert [change.path for change in await changed(scanner, before)] == ["a"]


async def test_an_edit_of_the_same_size_with_its_time_put_back_is_found(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    path = workspace / "a"
    path.write_text("one")
    before, times = await scanner.scan(), path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert [change.kind for change in await changed(scanner, before)] == [ChangeKind.MODIFIED]


async def test_an_edit_through_another_hard_link_is_found_under_both_names(
    scanner: LocalWorkspaceScanner, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "a").write_text("one")
    (workspace / "sub").mkdir()
    os.link(workspace / "a", workspace / "sub" / "b")
    os.link(workspace / "a", tmp_path / "outside")
    before = await scanner.scan()
    (tmp_path / "outside").write_text("two")

    assert [change.path for change in await changed(scanner, before)] == ["a", "sub/b"]


async def test_another_mode_alone_is_a_change(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "a").touch(0o644)
    (workspace / "sub").mkdir(0o755)
    before = await scanner.scan()
    (workspace / "a").chmod(0o600)
    (workspace / "sub").chmod(0o700)

    assert await changed(scanner, before) == (
        Change("a", FileState(digest(b""), 0, 0o644), FileState(digest(b""), 0, 0o600)),
        Change("sub", DirectoryState(0o755), DirectoryState(0o700)),
    )


async def test_a_touched_file_is_no_change(scanner: LocalWorkspaceScanner, workspace: Path) -> None:
    (workspace / "a").write_text("same")
    before = await scanner.scan()
    os.utime(workspace / "a", ns=(1, 1))
    (workspace / "a").write_text("same")

    assert await changed(scanner, before) == ()


async def test_what_takes_the_place_of_something_else_is_seen(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "directory").mkdir()
    (workspace / "directory" / "a").write_text("a")
    (workspace / "file").write_text("file")
    before = await scanner.scan()
    shutil.rmtree(workspace / "directory")
    (workspace / "directory").symlink_to("/etc")
    (workspace / "file").unlink()
    (workspace / "file").mkdir()
    after = await scanner.scan(before)

    assert [change.path for change in changes(before, after)] == [
        "directory",
        "directory/a",
        "file",
    ]
    assert after.state_of("directory") == SymlinkState("/etc")
    assert isinstance(after.state_of("file"), DirectoryState)


async def test_names_of_any_bytes_and_forms_are_kept_apart(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    composed = unicodedata.normalize("NFC", "é")
    split = unicodedata.normalize("NFD", "é")
    for name in (composed, split, "a\nb", " ", "Aa", "aA"):
        (workspace / name).write_text(name)
    with open(os.fsencode(workspace) + b"/\xff", "wb"):  # noqa: PTH123 -- a Path is no bytes
        pass
    manifest = await scanner.scan()

    assert set(paths(manifest)) == {composed, split, "a\nb", " ", "Aa", "aA", "\udcff"}
    assert manifest.state_of(composed) != manifest.state_of(split)


async def test_sockets_and_fifos_are_never_opened(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(workspace / "fifo")
    monkeypatch.chdir(workspace)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    one = await scanner.scan()

    assert [entry.state for _, entry in one.entries()] == [
        SpecialState("fifo"),
        SpecialState("socket"),
    ]
    assert await changed(scanner, one) == ()


async def test_a_symbolic_link_to_a_directory_is_not_followed(
    scanner: LocalWorkspaceScanner, workspace: Path, outside: Path
) -> None:
    (workspace / "link").symlink_to(outside)
    manifest = await scanner.scan()

    assert paths(manifest) == ["link"]
    assert manifest.state_of("link/secret.txt") == Absent()


@pytest.mark.usefixtures("ordinary_user")
async def test_what_may_not_be_read_is_unknown_with_the_reason(
    common_workspace: Path, threads: Threads
) -> None:
    scanner = LocalWorkspaceScanner(common_workspace, threads, SystemClock(), trust=trusting)
    (common_workspace / "closed.txt").write_text("closed")
    (common_workspace / "sub").mkdir()
    (common_workspace / "sub" / "a").write_text("a")
    before = await scanner.scan()
    (common_workspace / "closed.txt").chmod(0)
    (common_workspace / "sub").chmod(0)
    after = await scanner.scan(before)
    (common_workspace / "sub").chmod(0o700)

    assert list(after.unexamined()) == [("closed.txt", "unreadable"), ("sub", "unreadable")]
    assert [(c.path, c.kind) for c in changes(before, after)] == [
        ("closed.txt", ChangeKind.UNKNOWN),
        ("sub", ChangeKind.UNKNOWN),
        ("sub/a", ChangeKind.UNKNOWN),
    ]
    assert after.state_of("sub/a") == UnknownState("its directory: unreadable")
    assert isinstance((await scanner.scan(after)).state_of("sub/a"), FileState)


async def test_deep_trees_are_seen_to_the_bottom(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    above = 300
    for _ in range(above):
        Path("d").mkdir()
        Path("z").mkdir()
        os.chdir("d")
    Path("bottom").write_text("deep")
    one = await scanner.scan()
    Path("bottom").write_text("deeper")

    assert one.totals().directories == 1 + 2 * above
    assert [change.path for change in await changed(scanner, one)] == ["d/" * above + "bottom"]


async def test_more_than_can_be_held_open_is_walked_back_up(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the way up, directories that were closed on the way down have others still to do."""
    monkeypatch.chdir(workspace)
    for _ in range(150):
        Path("a").mkdir()
        Path("a", "file").touch()
        Path("z").mkdir()
        Path("z", "file").touch()
        os.chdir("z")
    manifest = await scanner.scan()

    assert manifest.totals() == Totals(files=300, directories=301, ignored=0, unknown=0)


async def test_ignore_files_are_heeded_where_they_are(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "sub" / "build").mkdir(parents=True)
    (workspace / "build" / "lib").mkdir(parents=True)
    (workspace / ".gitignore").write_text("*.log\n/build/\n")
    (workspace / "sub" / ".gitignore").write_text("!keep.log\n")
    (workspace / "sub" / ".vesperaignore").write_text("*.big\n")
    for name in (
        *("a.log", "a.big", "build/x", "build/y", "build/lib/z", "sub/a.log", "sub/keep.log"),
        *("sub/a.big", "sub/build/x"),
    ):
        (workspace / name).write_text(name)
    manifest = await scanner.scan()

    assert paths(manifest) == [
        *(".gitignore", "a.big", "sub/.gitignore", "sub/.vesperaignore", "sub/build/x"),
        "sub/keep.log",
    ]
    assert list(manifest.unexamined()) == [
        ("a.log", "ignored"),
        ("build", "ignored"),
        ("sub/a.big", "ignored"),
        ("sub/a.log", "ignored"),
    ]
    assert manifest.totals() == Totals(files=6, directories=3, ignored=6, unknown=0)
    assert manifest.state_of("build/lib/z") == IGNORED


async def test_a_changed_rule_is_heeded_at_once_also_further_down(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "sub").mkdir()
    (workspace / "sub" / "a.log").write_text("a")
    (workspace / "sub" / "b.txt").write_text("b")
    (workspace / ".gitignore").write_text("*.log")
    one = await scanner.scan()
    (workspace / ".gitignore").write_text("*.txt")
    two = await scanner.scan(one)

    assert one.state_of("sub/a.log") == IGNORED == two.state_of("sub/b.txt")
    assert isinstance(two.state_of("sub/a.log"), FileState)
    assert two.hashed == 2
    assert [(c.path, c.kind) for c in changes(one, two)] == [
        (".gitignore", ChangeKind.MODIFIED),
        ("sub/a.log", ChangeKind.UNKNOWN),
        ("sub/b.txt", ChangeKind.UNKNOWN),
    ]


async def test_patterns_can_be_given_and_the_repository_s_own_exclusions_hold(
    make_scanner: MakeScanner, workspace: Path
) -> None:
    (workspace / ".git" / "info").mkdir(parents=True)
    (workspace / ".git" / "info" / "exclude").write_text("*.bak")
    for name in ("a.bak", "a.tmp", "a.txt"):
        (workspace / name).touch()

    assert paths(await make_scanner(ignore=["*.tmp"]).scan()) == ["a.txt"]


@pytest.mark.parametrize("rules", ["*\n", "*\n!*.py\n", ".gitignore\n*.txt\n"])
@pytest.mark.parametrize("name", [".gitignore", ".vesperaignore"])
async def test_rules_that_leave_out_their_own_file_hold_in_each_scan(
    workspace: Path, scanner: LocalWorkspaceScanner, rules: str, name: str
) -> None:
    """So do those that tools put into their caches."""
    (workspace / "cache" / "deep").mkdir(parents=True)
    (workspace / "cache" / name).write_text(rules.replace(".gitignore", name))
    for path in ("a.py", "b.txt", "deep/c.txt"):
        (workspace / "cache" / path).write_text("x")
    first = await scanner.scan()

    second = await scanner.scan(first)

    assert list(changes(first, second)) == []
    assert list(second.unexamined()) == list(first.unexamined())


@pytest.mark.parametrize("kind", ["fifo", "link", "directory", "large"])
async def test_what_is_no_ordinary_ignore_file_ignores_nothing(
    scanner: LocalWorkspaceScanner, workspace: Path, outside: Path, kind: str
) -> None:
    place = workspace / ".gitignore"
    (outside / "rules").write_text("*")
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(outside / "rules")
    elif kind == "directory":
        place.mkdir()
    else:
        place.write_bytes(b"*\n" * 600_000)
    (workspace / "a").touch()

    assert isinstance((await scanner.scan()).state_of("a"), FileState)


async def test_secrets_are_watched_everywhere_and_what_is_left_out_is_counted_anew(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "venv" / "lib").mkdir(parents=True)
    (workspace / ".gitignore").write_text("venv/\n.env\n")
    for name in (".env", "venv/.env", "venv/lib/tls.key", "venv/lib/a.py", "key.pem"):
        (workspace / name).write_text(name)
    one = await scanner.scan()
    (workspace / "venv" / "lib" / "b.py").touch()
    (workspace / "venv" / "lib" / "tls.key").write_text("stolen")
    two = await scanner.scan(one)

    watched = [path for path, entry in one.entries() if entry.watched]
    assert watched == [".env", "key.pem", "venv/.env", "venv/lib/tls.key"]
    assert (one.totals().ignored, two.totals().ignored) == (1, 2)
    assert [change.path for change in changes(one, two)] == ["venv/lib/tls.key"]
    assert two.hashed == 1


async def test_of_a_git_repository_only_head_refs_and_index_are_looked_at(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    git = workspace / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "objects" / "aa").mkdir(parents=True)
    (git / "objects" / "aa" / "b").touch()
    (git / "config").write_text("[core]")
    (git / "HEAD").write_text("ref: refs/heads/main")
    (git / "refs" / "heads" / "main").write_text("1")
    one = await scanner.scan()
    (git / "config").write_text("[user]")
    (git / "objects" / "aa" / "c").touch()
    two = await scanner.scan(one)
    (git / "HEAD").write_text("ref: refs/heads/other")
    (git / "refs" / "heads" / "other").write_text("2")
    three = await scanner.scan(two)

    assert paths(one) == [".git/HEAD", ".git/refs/heads/main"]
    assert list(one.unexamined()) == [(".git", "ignored")]
    assert one.totals().ignored == 0
    assert repository_changes(one, two) == []
    assert repository_changes(two, three) == [
        "the git repository's HEAD changed",
        "the git repository's refs changed",
    ]
    assert changes(one, three) == []


async def test_what_is_vespera_s_own_is_not_looked_at_nor_told_of(
    make_scanner: MakeScanner, workspace: Path
) -> None:
    scanner = make_scanner(database=workspace.resolve() / "data" / "work.db")
    (workspace / "data" / "work.db-values").mkdir(parents=True)
    (workspace / "data" / "work.db-values" / "x").touch()
    (workspace / ".vespera" / "sub").mkdir(parents=True)
    (workspace / ".vespera" / "vespera.db").touch()
    for name in ("work.db", "work.db-wal", "work.db-shm", "work.db.lock", "other.db"):
        (workspace / "data" / name).touch()
    (workspace / "data" / ".vespera-t1.tmp").touch()
    manifest = await scanner.scan()

    assert paths(manifest) == ["data/other.db"]
    assert list(manifest.unexamined()) == []
    assert manifest.totals().ignored == 0


async def test_a_database_elsewhere_is_no_reason_to_leave_anything_out(
    make_scanner: MakeScanner, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "work.db").touch()

    assert paths(await make_scanner(database=tmp_path / "work.db").scan()) == ["work.db"]


async def test_other_file_systems_are_not_entered(
    threads: Threads, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    (workspace / "mounted").mkdir()
    (workspace / "mounted" / "a").touch()
    inode, real = (workspace / "mounted").stat().st_ino, os.fstat

    def elsewhere(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_ino != inode:
            return found
        times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_ctime_ns}
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]), times)

    monkeypatch.setattr(os, "fstat", elsewhere)
    manifest = await LocalWorkspaceScanner(workspace, threads, SystemClock()).scan()

    assert list(manifest.unexamined()) == [("mounted", "another file system is mounted there")]
    assert manifest.totals().unknown == 1


async def test_a_workspace_that_is_not_there_is_told(make_scanner: MakeScanner) -> None:
    with pytest.raises(FileUnreadable, match=r"'/no/such/workspace' cannot be entered.*create"):
        await make_scanner(root="/no/such/workspace").scan()


async def test_a_pattern_that_is_none_is_refused_at_once(make_scanner: MakeScanner) -> None:
    with pytest.raises(InvalidRequest, match="snapshot_ignore"):
        make_scanner(ignore=["!"])


class Meddler:
    """Does something in the middle of a scan: when a name is looked at, or opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str, name: str) -> None:
        self._monkeypatch, self._name = monkeypatch, name.encode()
        self._call, self._real = call, getattr(os, call)
        self.times = 1

    def does(self, act: Callable[[], object], *, before: bool = True) -> None:
        def meddled(name: Any, *args: Any, **more: Any) -> Any:
            hit = name == self._name and self.times > 0
            self.times -= hit
            if hit and before:
                act()
            found = self._real(name, *args, **more)
            if hit and not before:
                act()
            return found

        self._monkeypatch.setattr(os, self._call, meddled)


async def test_a_file_that_vanishes_is_absent(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a").touch()
    Meddler(monkeypatch, "stat", "a").does((workspace / "a").unlink)

    assert (await scanner.scan()).state_of("a") == Absent()


async def test_a_known_file_that_vanishes_is_absent(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    (workspace / "a").touch()
    (workspace / "b").touch()
    before = await scanner.scan()
    (workspace / "a").unlink()

    assert [(c.path, c.kind) for c in await changed(scanner, before)] == [("a", ChangeKind.REMOVED)]


async def test_a_known_file_that_vanishes_after_its_directory_was_looked_at_is_absent(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a").touch()
    before = await scanner.scan()
    Meddler(monkeypatch, "stat", "a").does((workspace / "a").unlink)

    assert [c.kind for c in await changed(scanner, before)] == [ChangeKind.REMOVED]


async def test_a_file_that_keeps_changing_while_it_is_read_is_unknown(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace / "a"
    path.write_text("0")
    meddler = Meddler(monkeypatch, "open", "a")
    meddler.times = 99
    written = iter(range(10**9))
    meddler.does(lambda: path.write_text(str(next(written))), before=False)
    real, reads = os.read, iter(range(10**9))

    def changing(descriptor: int, size: int) -> bytes:
        content = real(descriptor, size)
        path.write_text("x" * (next(reads) + 2))
        return content

    monkeypatch.setattr(os, "read", changing)
    before = await scanner.scan()
    monkeypatch.undo()

    assert before.state_of("a") == UnknownState("unstable")
    [change] = await changed(scanner, before)
    assert change.kind is ChangeKind.UNKNOWN
    assert isinstance(change.after, FileState)


async def test_a_directory_that_becomes_a_link_during_the_scan_is_not_followed(
    scanner: LocalWorkspaceScanner,
    workspace: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (workspace / "sub").mkdir()

    def exchange() -> None:
        (workspace / "sub").rmdir()
        (workspace / "sub").symlink_to(outside)

    Meddler(monkeypatch, "open", "sub").does(exchange)
    one = await scanner.scan()

    assert one.state_of("sub") == UnknownState("unstable")
    assert paths(one) == []
    assert (await scanner.scan(one)).state_of("sub") == SymlinkState(str(outside))


async def test_a_directory_that_vanishes_during_the_scan_is_absent(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "sub").mkdir()
    Meddler(monkeypatch, "open", "sub").does((workspace / "sub").rmdir)

    assert (await scanner.scan()).state_of("sub") == Absent()


async def test_a_file_that_becomes_a_directory_during_the_scan_is_unknown(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a").touch()

    def exchange() -> None:
        (workspace / "a").unlink()
        (workspace / "a").mkdir()

    Meddler(monkeypatch, "stat", "a").does(exchange)
    one = await scanner.scan()

    assert one.state_of("a") == UnknownState("unstable")
    assert isinstance((await scanner.scan(one)).state_of("a"), DirectoryState)


@pytest.mark.parametrize("by", ["a link", "a directory"])
async def test_a_directory_exchanged_while_it_was_closed_is_not_entered(
    scanner: LocalWorkspaceScanner,
    workspace: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    """On the way down a deep tree the upper directories are closed, and opened again later."""
    monkeypatch.chdir(workspace)
    Path("top", "a").mkdir(parents=True)
    os.chdir("top")
    for _ in range(150):
        Path("z").mkdir()
        os.chdir("z")

    def exchange() -> None:
        (workspace / "top").rename(workspace.parent / "moved")
        if by == "a link":
            (workspace / "top").symlink_to(outside)
        else:
            (workspace / "top" / "a").mkdir(parents=True)

    meddler = Meddler(monkeypatch, "open", "z")
    meddler.times = 150
    meddler.does(lambda: exchange() if meddler.times == 0 else None)
    manifest = await scanner.scan()

    assert manifest.state_of("top/a") == UnknownState("unstable")


async def test_a_directory_that_cannot_be_listed_is_unknown(
    scanner: LocalWorkspaceScanner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    (workspace / "a").touch()
    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", fail)
        manifest = await scanner.scan()

    assert manifest.state_of("") == UnknownState("io_error: Input/output error")


async def test_a_cancelled_scan_has_ended(
    scanner: LocalWorkspaceScanner, workspace: Path, threads: Threads
) -> None:
    for number in range(300):
        (workspace / f"d{number}").mkdir()
        (workspace / f"d{number}" / "a").touch()
    scan = asyncio.create_task(scanner.scan())
    for _ in range(5):
        await asyncio.sleep(0)
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan

    assert threads.in_flight == 0


async def test_a_walk_that_nobody_waits_for_ends_at_the_next_directory(workspace: Path) -> None:
    stop = Event()
    view = View(
        previous={},
        rules=rules_of((), ()),
        trust=trusting(),
        own=frozenset(),
        full=False,
        stop=stop,
        tell=lambda *_: None,
    )
    (workspace / "sub").mkdir()
    stop.set()
    root = os.open(workspace, os.O_RDONLY)
    try:
        with pytest.raises(ScanStopped):
            Walk(root, view).run()
    finally:
        os.close(root)


async def test_progress_is_told_in_the_event_loop(
    scanner: LocalWorkspaceScanner, workspace: Path
) -> None:
    for number in range(1100):
        (workspace / f"{number % 3}").mkdir(exist_ok=True)
        (workspace / f"{number % 3}" / f"{number}").touch()
    told: list[ScanProgress] = []
    loop = asyncio.get_running_loop()

    def tell(progress: ScanProgress) -> None:
        assert asyncio.get_running_loop() is loop
        told.append(progress)

    one = await scanner.scan(progress=tell)
    await asyncio.sleep(0)
    first = len(told)
    await scanner.scan(one, progress=tell)
    await asyncio.sleep(0)

    assert [each.seen for each in told[:first]] == sorted(each.seen for each in told[:first])
    assert told[0].expected is None
    assert told[0].hashed > 0
    assert (told[-1].expected, told[-1].hashed) == (1100, 0)
