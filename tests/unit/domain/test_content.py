"""What the store is given, and what it tells of it."""

from datetime import UTC, datetime

import pytest

from vespera.domain.content import ContentSource, NotKept, PutResult, replaced_by
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId

HERE, THERE = FileState("b3:01", 1, 0o644), FileState("b3:02", 2, 0o644)


def intended(
    kind: OperationKind, before: PathState = HERE, to: PathState | None = None
) -> FileOperation:
    there = Destination(path="b", before=to, after=NOT_OBSERVED) if to else None
    return FileOperation(
        id=OperationId("1"),
        task_id=TaskId("t"),
        kind=kind,
        phase=Phase.INTENT,
        path="a",
        before=before,
        after=NOT_OBSERVED,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
        destination=there,
    )


def test_what_has_a_reason_was_not_kept() -> None:
    assert PutResult("b3:00", 1).kept
    assert not PutResult("b3:00", reason=NotKept.CHANGED).kept


@pytest.mark.parametrize(
    "kind", [OperationKind.CREATE, OperationKind.MODIFY, OperationKind.DELETE], ids=str
)
def test_what_stood_where_something_is_written_or_deleted_is_replaced(kind: OperationKind) -> None:
    assert replaced_by(intended(kind)) == [ContentSource("a", "b3:01")]


@pytest.mark.parametrize("kind", [OperationKind.MOVE, OperationKind.COPY], ids=str)
def test_what_comes_somewhere_else_replaces_what_stood_there(kind: OperationKind) -> None:
    assert replaced_by(intended(kind, to=THERE)) == [ContentSource("b", "b3:02")]
    assert not replaced_by(intended(kind, to=Absent()))


@pytest.mark.parametrize("kind", [OperationKind.READ, OperationKind.CHMOD], ids=str)
def test_what_leaves_the_content_replaces_nothing(kind: OperationKind) -> None:
    assert not replaced_by(intended(kind))


@pytest.mark.parametrize(
    "before",
    [Absent(), DirectoryState(0o755), SymlinkState("elsewhere"), UnknownState("unreadable")],
    ids=repr,
)
def test_what_is_no_file_has_no_content(before: PathState) -> None:
    assert not replaced_by(intended(OperationKind.DELETE, before))
