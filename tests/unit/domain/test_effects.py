"""What each kind of operation can have done, and what it cannot."""

from datetime import UTC, datetime

import pytest

from vespera.domain.effects import name_of, refutation
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId

CREATE, MODIFY, DELETE, READ, MOVE, COPY, MKDIR, RMDIR, SYMLINK, CHMOD, SCOPE = OperationKind
GONE = Absent()
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
LINK, DIRECTORY, FIFO = SymlinkState("elsewhere"), DirectoryState(0o755), SpecialState("fifo")
UNREADABLE = UnknownState("unreadable")


def an_act(kind: OperationKind) -> FileOperation:
    return FileOperation(
        id=OperationId("an id"),
        task_id=None,
        kind=kind,
        phase=Phase.INTENT,
        path="a.txt",
        before=NOT_OBSERVED,
        after=NOT_OBSERVED,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


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
        (MOVE, GONE, V1),
        (COPY, GONE, None),
        (MKDIR, GONE, DIRECTORY),
        (MKDIR, GONE, None),
        (RMDIR, DIRECTORY, GONE),
        (RMDIR, UNREADABLE, None),
        (SYMLINK, GONE, UNREADABLE),
        (CHMOD, DIRECTORY, DirectoryState(0o700)),
        (CHMOD, V1, None),
        (SCOPE, UNREADABLE, None),
    ],
)
def test_what_can_have_been_is_not_refuted(
    kind: OperationKind, before: PathState, after: PathState | None
) -> None:
    assert refutation(an_act(kind), before, after) == ""


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
        (MOVE, V1, V2, "it was not moved there: there was"),
        (COPY, GONE, GONE, "it was not copied there: nothing is there"),
        (MKDIR, GONE, V1, "no directory was created: there is a file"),
        (SYMLINK, GONE, V1, "no symbolic link was created: there is a file"),
        (RMDIR, V1, GONE, "no directory was removed: there was a file"),
        (RMDIR, DIRECTORY, DIRECTORY, "it was not removed: there still is"),
        (CHMOD, V1, V2, "not only its mode was changed"),
        (CHMOD, GONE, GONE, "nothing was there"),
        (CHMOD, V1, GONE, "it was removed"),
        (CHMOD, LINK, LINK, "there was a symbolic link"),
    ],
)
def test_what_cannot_have_been_is_refuted_in_words(
    kind: OperationKind, before: PathState, after: PathState, reason: str
) -> None:
    assert reason in refutation(an_act(kind), before, after)


def test_every_state_has_a_name_of_its_own() -> None:
    names = [name_of(state) for state in (GONE, V1, LINK, DIRECTORY, FIFO, UNREADABLE)]

    assert len(set(names)) == len(names)
    assert all(names)
