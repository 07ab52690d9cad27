"""An announcement made again after a crash is the same announcement."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.repeated_intent import is_open_to_repetition, repeats

CREATE, MODIFY, DELETE, READ, *_, SCOPE = OperationKind
GONE = Absent()
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
UNREADABLE = UnknownState("unreadable")


def intent(kind: OperationKind, before: PathState, **more: Any) -> FileOperation:
    values: dict[str, Any] = {
        "id": OperationId("an id"),
        "task_id": TaskId("task"),
        "phase": Phase.INTENT,
        "path": "a.txt",
        "after": NOT_OBSERVED,
        "recorded_at": datetime(2030, 1, 1, tzinfo=UTC),
    }
    return FileOperation(kind=kind, before=before, **values | more)


@pytest.mark.parametrize(
    ("kind", "first", "now", "expected"),
    [
        (CREATE, GONE, GONE, True),
        (CREATE, GONE, V1, True),
        (CREATE, V1, V2, False),
        (MODIFY, V1, V1, True),
        (MODIFY, V1, V2, False),
        (DELETE, V1, V1, True),
        (DELETE, V1, GONE, True),
        (DELETE, V1, V2, False),
        (CREATE, UNREADABLE, UNREADABLE, False),
        (CREATE, GONE, UNREADABLE, False),
    ],
)
def test_the_disk_tells_whether_it_may_be_the_same(
    kind: OperationKind, first: PathState, now: PathState, *, expected: bool
) -> None:
    assert repeats(intent(kind, now), intent(kind, first)) is expected


def test_what_was_refused_once_is_the_same_when_it_is_tried_again() -> None:
    refused = intent(READ, NOT_OBSERVED, phase=Phase.REFUSED)

    assert is_open_to_repetition(refused)
    assert repeats(refused, refused)
    assert not repeats(refused, intent(READ, NOT_OBSERVED))


def test_an_allowance_is_the_same_however_often_it_is_given() -> None:
    assert repeats(intent(SCOPE, NOT_OBSERVED), intent(SCOPE, NOT_OBSERVED))
    assert not repeats(intent(SCOPE, NOT_OBSERVED), intent(SCOPE, NOT_OBSERVED, path="b"))


@pytest.mark.parametrize(
    "other",
    [
        intent(MODIFY, GONE),
        intent(CREATE, GONE, task_id=TaskId("other")),
        intent(CREATE, GONE, phase=Phase.DONE),
        intent(CREATE, GONE, expected=V1),
    ],
)
def test_an_announcement_of_something_else_is_another(other: FileOperation) -> None:
    assert not repeats(intent(CREATE, GONE), other)


def test_only_changes_that_a_task_announces_can_be_repeated() -> None:
    assert is_open_to_repetition(intent(CREATE, GONE))
    assert not is_open_to_repetition(intent(READ, V1))
    assert not is_open_to_repetition(intent(CREATE, GONE, task_id=None))
    assert not is_open_to_repetition(intent(CREATE, GONE, phase=Phase.CLAIM))
