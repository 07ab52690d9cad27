"""What a manifest knows, and how it keeps it."""

from datetime import UTC, datetime

import pytest

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.manifest import (
    IGNORED,
    Folder,
    Manifest,
    PathEntry,
    StatKey,
    Totals,
    canonical,
    canonical_folders,
    entry_from,
    has_doubts,
    head_of,
    is_unknown,
    is_watched,
    key_from,
    record_of,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = StatKey(3, -5, 2**62, 2**64 - 1, 2**63, 0o100644)
A_FILE = FileState("b3:" + "0f" * 32, 3, 0o644)


def record(state: PathState, *, watched: bool = False, key: StatKey = KEY) -> bytes:
    return record_of(PathEntry(state, key, trusted=True, watched=watched))


def folder(**entries: PathState) -> Folder:
    records = {name.encode(): record(state) for name, state in entries.items()}
    state = DirectoryState(0o755)
    return Folder(state=state, entries=records, doubtful=has_doubts(state, records))


def manifest(**folders: Folder) -> Manifest:
    named = {name.replace("_", "/").strip("/").encode(): each for name, each in folders.items()}
    return Manifest(folders=named, began_at=NOW, ended_at=NOW, digest="b3:")


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "state",
    [A_FILE, SymlinkState("a/\udcff"), SpecialState("fifo"), UnknownState("unreadable")],
    ids=lambda state: type(state).__name__,
)
def test_an_entry_comes_back_from_its_record(
    state: PathState, trusted: bool, watched: bool
) -> None:
    entry = PathEntry(state, KEY, trusted, watched)
    packed = record_of(entry)

    assert entry_from(packed) == entry
    assert key_from(packed) == KEY
    assert is_watched(packed) is watched
    assert is_unknown(packed) is isinstance(state, UnknownState)


def test_only_a_trusted_record_begins_with_the_head_of_its_key() -> None:
    head = head_of(KEY, trusted=True)

    assert record_of(PathEntry(A_FILE, KEY, trusted=True)).startswith(head)
    assert not record_of(PathEntry(A_FILE, KEY, trusted=False)).startswith(head)


@pytest.mark.parametrize("name", StatKey._fields)
def test_every_part_of_the_key_counts(name: str) -> None:
    other = KEY._replace(**{name: getattr(KEY, name) - 1})

    assert not record(A_FILE).startswith(head_of(other, trusted=True))


@pytest.mark.parametrize("state", [Absent(), DirectoryState(0o755)])
def test_what_is_no_entry_has_no_record(state: PathState) -> None:
    with pytest.raises(ValueError, match="is no entry of a folder"):
        record(state)


def test_a_digest_of_another_kind_has_no_record() -> None:
    with pytest.raises(ValueError, match="is no digest of a scan"):
        record(FileState("s2:00", 1, 0o644))


def test_the_same_states_have_the_same_form_whatever_their_keys() -> None:
    touched = KEY._replace(mtime_ns=1, ctime_ns=1, inode=1, device=1)
    one = {b"a": record(A_FILE), b"b": record(SymlinkState("x"))}
    other = {
        b"b": record(SymlinkState("x"), key=touched._replace(size=9)),
        b"a": record(A_FILE, key=touched, watched=True),
    }

    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {b"b": record(A_FILE)},
        {b"a": record(SymlinkState("x"))},
        {b"a": record(FileState("b3:" + "1f" * 32, 3, 0o644))},
        {b"a": record(FileState("b3:" + "0f" * 32, 4, 0o644), key=KEY._replace(size=4))},
        {b"a": record(FileState("b3:" + "0f" * 32, 3, 0o600), key=KEY._replace(mode=0o100600))},
        {b"a": record(A_FILE), b"b": record(A_FILE)},
    ],
)
def test_other_states_have_another_form(entries: dict[bytes, bytes]) -> None:
    assert canonical(entries) != canonical({b"a": record(A_FILE)})


def test_folders_have_one_form_in_which_only_the_ignored_do_not_count() -> None:
    root = Folder(state=DirectoryState(0o755), digest=b"1")
    same = {b"": root, b"venv": Folder(state=IGNORED, count=7)}

    assert canonical_folders(same) == canonical_folders({b"": root})
    for other in (
        {b"": Folder(state=DirectoryState(0o700), digest=b"1")},
        {b"": Folder(state=DirectoryState(0o755), digest=b"2")},
        {b"": Folder(state=UnknownState("unreadable"), digest=b"1")},
        {b"": root, b"empty": Folder(state=DirectoryState(0o755))},
        {b"": root, b"venv": Folder(state=IGNORED, entries={b".env": record(A_FILE)})},
    ):
        assert canonical_folders(other) != canonical_folders(same)


def test_the_state_of_each_path_is_known_or_why_it_is_not() -> None:
    shut = Folder(state=UnknownState("unreadable"), doubtful=True)
    left_out = Folder(state=IGNORED, count=2, entries={b".env": record(A_FILE)})
    root = Folder(
        state=DirectoryState(0o755), entries={b"a": record(A_FILE)}, ignored=(b"venv", b"x.pyc")
    )
    seen = manifest(_=root, shut=shut, venv=left_out, sub=folder(b=SymlinkState("x")))

    assert seen.state_of("") == DirectoryState(0o755)
    assert seen.state_of("a") == A_FILE
    assert seen.state_of("sub") == DirectoryState(0o755)
    assert seen.state_of("sub/b") == SymlinkState("x")
    assert [seen.state_of(path) for path in ("b", "sub/c", "a/b", "no/such/a")] == [Absent()] * 4
    assert [seen.state_of(path) for path in ("x.pyc", "venv", "venv/a", "venv/a/b")] == [
        IGNORED
    ] * 4
    assert seen.state_of("venv/.env") == A_FILE
    assert seen.state_of("shut") == UnknownState("unreadable")
    assert seen.state_of("shut/a") == UnknownState("its directory: unreadable")
    assert isinstance(seen.state_of("shut/a/b"), UnknownState)


def test_an_empty_manifest_has_nothing() -> None:
    assert manifest().state_of("a/b") == Absent()
    assert manifest().state_of("") == Absent()
    assert list(manifest().entries()) == []


def test_an_entry_is_found_by_its_path() -> None:
    seen = manifest(sub=folder(a=A_FILE))

    assert seen.entry_of("sub/a") == PathEntry(A_FILE, KEY, trusted=True)
    assert seen.entry_of("sub/b") is None
    assert seen.entry_of("sub") is None


def test_entries_come_in_the_order_of_their_bytes() -> None:
    names = {"ü": A_FILE, "\udcff": A_FILE, "a": A_FILE}
    records = {name.encode("utf-8", "surrogateescape"): record(s) for name, s in names.items()}
    root = Folder(state=DirectoryState(0o755), entries=records)
    seen = manifest(_=root, b=folder(z=A_FILE))

    assert [path for path, _ in seen.entries()] == ["a", "b/z", "ü", "\udcff"]


def test_what_was_not_examined_is_listed_with_the_reason_and_counted() -> None:
    root = Folder(
        state=DirectoryState(0o755),
        entries={b"a": record(A_FILE), b"bad": record(UnknownState("unstable"))},
        ignored=(b"venv", b"x.pyc"),
        count=1,
        doubtful=True,
    )
    shut = Folder(state=UnknownState("unreadable"), doubtful=True)
    venv = Folder(state=IGNORED, count=40, entries={b".env": record(A_FILE)})
    below = Folder(state=IGNORED, count=2)
    seen = manifest(_=root, shut=shut, venv=venv, venv_lib=below)

    assert list(seen.unexamined()) == [
        ("bad", "unstable"),
        ("shut", "unreadable"),
        ("venv", "ignored"),
        ("x.pyc", "ignored"),
    ]
    assert seen.totals() == Totals(files=3, directories=2, ignored=43, unknown=2)


def test_a_workspace_that_cannot_be_seen_is_told_by_a_dot() -> None:
    seen = manifest(_=Folder(state=UnknownState("unreadable"), doubtful=True))

    assert list(seen.unexamined()) == [(".", "unreadable")]


def test_of_a_path_however_deep_it_is_known_what_its_directories_tell() -> None:
    deep = "/".join(["d"] * 2000)
    known = manifest(_=folder(a=A_FILE), x=Folder(state=UnknownState("unreadable")))

    assert known.state_of(deep) == Absent()
    assert known.state_of(f"a/{deep}") == Absent()
    unknown = UnknownState("its directory: unreadable")
    assert known.state_of("x/y") == unknown
    assert isinstance(known.state_of(f"x/{deep}"), UnknownState)
