"""What each kind of operation can have done, and what it cannot."""

import pytest

from vespera.domain.effects import name_of, refutation
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    OperationKind,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)

CREATE, MODIFY, DELETE, READ = OperationKind
GONE = Absent()
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
LINK, DIRECTORY, FIFO = SymlinkState("elsewhere"), DirectoryState(0o755), SpecialState("fifo")
UNREADABLE = UnknownState("unreadable")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (CREATE, GONE, V1),
        (CREATE, GONE, None),
        (CREATE, UNREADABLE, V1),
        (MODIFY, V1, V2),
        (MODIFY, LINK, V1),
        (MODIFY, UNREADABLE, None),
        (DELETE, V1, GONE),
        (DELETE, DIRECTORY, None),
        (READ, V1, V1),
    ],
)
def test_what_can_have_been_is_not_refuted(
    kind: OperationKind, before: PathState, after: PathState | None
) -> None:
    assert refutation(kind, before, after) == ""


@pytest.mark.parametrize(
    ("kind", "before", "after", "reason"),
    [
        (CREATE, V1, V2, "already"),
        (CREATE, V1, V1, "it is unchanged"),
        (CREATE, GONE, GONE, "nothing is there"),
        (MODIFY, GONE, V1, "nothing was there"),
        (MODIFY, FIFO, V1, "a fifo was there, no file"),
        (MODIFY, V1, GONE, "removed"),
        (MODIFY, V1, LINK, "replaced by a symbolic link"),
        (DELETE, GONE, GONE, "nothing was there"),
        (DELETE, V1, V2, "there still is"),
        (READ, GONE, GONE, "nothing was there"),
        (READ, DIRECTORY, DIRECTORY, "but a directory"),
    ],
)
def test_what_cannot_have_been_is_refuted_in_words(
    kind: OperationKind, before: PathState, after: PathState, reason: str
) -> None:
    assert reason in refutation(kind, before, after)


def test_every_state_has_a_name_of_its_own() -> None:
    names = [name_of(state) for state in (GONE, V1, LINK, DIRECTORY, FIFO, UNREADABLE)]

    assert len(set(names)) == len(names)
    assert all(names)
