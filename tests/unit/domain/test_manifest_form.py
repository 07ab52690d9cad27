"""Folders as bytes, whole and as differences."""

import random
from collections.abc import Mapping

import pytest

from vespera.domain.errors import UnreadableValue
from vespera.domain.file_operation import DirectoryState, UnknownState
from vespera.domain.manifest import IGNORED, Folder
from vespera.domain.manifest_form import from_bytes, to_bytes

ROOT = Folder(
    state=DirectoryState(0o755),
    key=b"key",
    entries={b"a": b"1" * 60, b"\xff": b"2" * 60},
    folders=(b"sub",),
    ignored=(b"x",),
    count=2**40,
    rules=b"rules",
    digest=b"digest",
)
SUB = Folder(state=DirectoryState(0o700))
SHUT = Folder(state=UnknownState("io_error: \udcff"), doubtful=True)
OUT = Folder(state=IGNORED, count=3)
ALL = {b"": ROOT, b"sub": SUB, b"shut": SHUT, b"out": OUT}


def plain(folders: Mapping[bytes, Folder]) -> object:
    return {
        path: [getattr(folder, name) for name in Folder.__slots__]
        for path, folder in folders.items()
    }


def test_folders_come_back_as_they_were() -> None:
    assert plain(from_bytes(to_bytes(ALL))) == plain(ALL)
    assert from_bytes(to_bytes({})) == {}


def test_a_difference_comes_back_as_the_whole_and_shares_what_is_the_same() -> None:
    root = Folder(state=DirectoryState(0o755), entries={b"a": b"3" * 60, b"b": b"1" * 60})
    after = {b"": root, b"sub": SUB, b"new": SUB}
    found = from_bytes(to_bytes(after, ALL), ALL)

    assert plain(found) == plain(after)
    assert found[b"sub"] is SUB


def test_a_difference_takes_room_for_what_is_different_only() -> None:
    many = {b"%d" % number: random.randbytes(60) for number in range(1000)}
    before = {b"": Folder(state=DirectoryState(0o755), entries=many)}
    after = {b"": Folder(state=DirectoryState(0o755), entries={**many, b"7": bytes(60)})}

    assert len(to_bytes(after, before)) < 300
    assert len(to_bytes(after)) > 60_000


@pytest.mark.parametrize(
    "data", [b"", b"VM1", to_bytes(ALL)[:-1], to_bytes(ALL) + b"x", bytes(100), b"\xff" * 100]
)
def test_what_is_damaged_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableValue, match="The manifest is"):
        from_bytes(data)


def test_a_form_of_a_later_version_is_told() -> None:
    with pytest.raises(UnreadableValue, match="VM9"):
        from_bytes(to_bytes(ALL).replace(b"VM1", b"VM9"))


def test_a_difference_from_another_base_is_told() -> None:
    difference = to_bytes({b"": ROOT}, ALL)

    with pytest.raises(UnreadableValue, match="damaged"):
        from_bytes(difference, {b"": ROOT})
