"""What is different between two manifests."""

from datetime import UTC, datetime

import pytest

from vespera.domain.changes import (
    Change,
    ChangeKind,
    Rename,
    changes,
    renames,
    repository_changes,
)
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
    has_doubts,
    record_of,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ONE, TWO = (FileState("b3:" + digit * 64, 3, 0o644) for digit in "12")
UNREADABLE = UnknownState("unreadable")
DIRECTORY = DirectoryState(0o755)


def record(state: PathState, ctime: int = 1) -> bytes:
    size, mode = (state.size, state.mode) if isinstance(state, FileState) else (0, 0)
    return record_of(PathEntry(state, StatKey(size, 1, ctime, 1, 1, mode), trusted=True))


def folder(
    entries: dict[str, PathState] | None = None,
    ignored: tuple[bytes, ...] = (),
    state: DirectoryState | UnknownState = DIRECTORY,
) -> Folder:
    records = {name.encode(): record(each) for name, each in (entries or {}).items()}
    return Folder(
        state=state, entries=records, ignored=ignored, doubtful=has_doubts(state, records)
    )


def manifest(folders: dict[str, Folder]) -> Manifest:
    named = {path.encode(): each for path, each in folders.items()}
    return Manifest(folders=named, began_at=NOW, ended_at=NOW, digest="b3:")


def of(**entries: PathState) -> Manifest:
    return manifest({"": folder(entries)})


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (Absent(), ONE, ChangeKind.ADDED),
        (Absent(), DIRECTORY, ChangeKind.ADDED),
        (ONE, Absent(), ChangeKind.REMOVED),
        (ONE, TWO, ChangeKind.MODIFIED),
        (ONE, SymlinkState("x"), ChangeKind.MODIFIED),
        (UNREADABLE, ONE, ChangeKind.UNKNOWN),
        (ONE, UNREADABLE, ChangeKind.UNKNOWN),
        (Absent(), UNREADABLE, ChangeKind.UNKNOWN),
        (UNREADABLE, UNREADABLE, ChangeKind.UNKNOWN),
    ],
)
def test_a_change_has_a_kind(before: PathState, after: PathState, kind: ChangeKind) -> None:
    assert Change("a", before, after).kind is kind


def test_what_came_went_and_is_another_is_told_in_order() -> None:
    before = of(gone=ONE, other=ONE, same=ONE, link=SymlinkState("x"))
    after = of(new=TWO, other=TWO, same=ONE, link=SymlinkState("y"))

    assert changes(before, after) == [
        Change("gone", ONE, Absent()),
        Change("link", SymlinkState("x"), SymlinkState("y")),
        Change("new", Absent(), TWO),
        Change("other", ONE, TWO),
    ]


def test_an_entry_with_another_key_and_the_same_state_is_unchanged() -> None:
    before = manifest({"": Folder(state=DIRECTORY, entries={b"a": record(ONE, 1)})})
    after = manifest({"": Folder(state=DIRECTORY, entries={b"a": record(ONE, 2)})})

    assert changes(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"), [(UNREADABLE, ONE), (ONE, UNREADABLE), (UNREADABLE, UNREADABLE)]
)
def test_unknown_on_either_side_is_neither_changed_nor_unchanged(
    before: PathState, after: PathState
) -> None:
    [change] = changes(of(a=before), of(a=after))

    assert change == Change("a", before, after)
    assert change.kind is ChangeKind.UNKNOWN


def test_what_is_unknown_is_told_even_if_the_folder_is_the_very_same() -> None:
    doubtful, shut = folder({"a": UNREADABLE, "b": ONE}), folder(state=UNREADABLE)
    seen = manifest({"": doubtful, "shut": shut})

    assert [change.path for change in changes(seen, seen)] == ["a", "shut"]


def test_all_in_a_directory_that_cannot_be_read_is_unknown_not_removed() -> None:
    before = manifest({"": folder(), "sub": folder({"a": ONE}), "sub/deep": folder({"b": ONE})})
    after = manifest({"": folder(), "sub": folder(state=UNREADABLE)})
    found = changes(before, after)

    assert [change.path for change in found] == ["sub", "sub/a", "sub/deep", "sub/deep/b"]
    assert {change.kind for change in found} == {ChangeKind.UNKNOWN}


def test_an_added_and_a_removed_directory_are_changes_with_all_that_is_in_them() -> None:
    without = manifest({"": folder()})
    there = manifest({"": folder(), "sub": folder({"a": ONE}), "sub/empty": folder()})

    assert changes(without, there) == [
        Change("sub", Absent(), DIRECTORY),
        Change("sub/a", Absent(), ONE),
        Change("sub/empty", Absent(), DIRECTORY),
    ]
    assert {change.kind for change in changes(there, without)} == {ChangeKind.REMOVED}


def test_another_mode_of_a_directory_is_a_change() -> None:
    before = manifest({"": folder(), "sub": folder()})
    after = manifest({"": folder(state=DirectoryState(0o700)), "sub": folder()})

    assert changes(before, after) == [Change(".", DIRECTORY, DirectoryState(0o700))]


def test_a_directory_that_became_a_link_is_told_once() -> None:
    before = manifest({"": folder(), "sub": folder({"a": ONE})})
    after = of(sub=SymlinkState("elsewhere"))

    assert changes(before, after) == [
        Change("sub", DIRECTORY, SymlinkState("elsewhere")),
        Change("sub/a", ONE, Absent()),
    ]


def test_what_is_left_out_on_both_sides_or_was_not_there_is_no_change() -> None:
    left_out = folder(state=IGNORED)
    before = manifest({"": folder(ignored=(b"a.pyc", b"gone.pyc"))})
    after = manifest({"": folder(ignored=(b"a.pyc", b"venv")), "venv": left_out})

    assert changes(before, after) == []
    assert changes(after, before) == []


def test_what_was_seen_and_is_left_out_now_is_unknown() -> None:
    before = manifest({"": folder({"a.log": ONE}), "out": folder({"b": ONE})})
    after = manifest({"": folder(ignored=(b"a.log", b"out")), "out": folder(state=IGNORED)})

    assert changes(before, after) == [
        Change("a.log", ONE, IGNORED),
        Change("out", DIRECTORY, IGNORED),
        Change("out/b", ONE, IGNORED),
    ]
    assert {change.kind for change in changes(after, before)} == {ChangeKind.UNKNOWN}


def test_what_is_watched_in_what_is_left_out_is_told() -> None:
    before = manifest({"": folder(ignored=(b"out",)), "out": folder({".env": ONE}, state=IGNORED)})
    after = manifest({"": folder(ignored=(b"out",)), "out": folder({".env": TWO}, state=IGNORED)})

    assert changes(before, after) == [Change("out/.env", ONE, TWO)]


def test_folders_that_are_the_same_objects_are_not_looked_into() -> None:
    class Untouchable(dict[bytes, bytes]):
        def items(self) -> None:  # type: ignore[override]
            raise AssertionError

    shared = Folder(state=DIRECTORY, entries=Untouchable(a=b""))

    assert changes(manifest({"": shared}), manifest({"": shared})) == []


def test_names_of_any_bytes_are_in_the_order_of_their_bytes() -> None:
    records = {b"\xff": record(ONE), "ü".encode(): record(ONE), b"z": record(ONE)}
    after = manifest({"": Folder(state=DIRECTORY, entries=records)})

    assert [change.path for change in changes(of(), after)] == ["z", "ü", "\udcff"]


def test_files_of_the_same_content_are_paired_as_renamed() -> None:
    before = of(a=ONE, b=TWO, c=TWO, empty=FileState("b3:" + "0" * 64, 0, 0o644))
    after = of(d=TWO, e=ONE, f=ONE, void=FileState("b3:" + "0" * 64, 0, 0o644))
    found = changes(before, after)

    assert renames(found) == [Rename("a", "e"), Rename("b", "d")]


def test_what_is_no_file_is_not_renamed() -> None:
    found = changes(of(a=SymlinkState("x"), b=SpecialState("fifo")), of(c=SymlinkState("x")))

    assert len(found) == 3
    assert renames(found) == []


def test_changes_of_a_git_repository_are_a_line_each_and_no_changes_of_files() -> None:
    git, other = folder({"HEAD": ONE, "index": ONE}, state=IGNORED), folder(state=IGNORED)
    refs = folder({"main": ONE}, state=IGNORED)
    root = folder(ignored=(b".git",))
    before = manifest({"": root, ".git": git, ".git/refs/heads": refs, "sub/.git": git})
    after = manifest(
        {
            "": root,
            ".git": folder({"HEAD": TWO, "index": TWO, "packed-refs": ONE}, state=IGNORED),
            ".git/refs/heads": folder({"main": TWO, "new": ONE}, state=IGNORED),
            "sub/.git": other,
        }
    )

    assert changes(before, after) == []
    assert repository_changes(before, after) == [
        "the git repository's HEAD changed",
        "the git repository's index changed",
        "the git repository's refs changed",
        "sub: the git repository's HEAD changed",
        "sub: the git repository's index changed",
    ]
    assert repository_changes(before, before) == []


def test_the_link_to_a_repository_elsewhere_is_told_too() -> None:
    before, after = of(**{".git": ONE}), of(**{".git": TWO})

    assert changes(before, after) == []
    assert repository_changes(before, after) == [
        "the git repository appeared, went, or was exchanged"
    ]
