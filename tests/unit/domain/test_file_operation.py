"""File operations and path states are plain, immutable values."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

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
from vespera.domain.ids import OperationId


def an_operation() -> FileOperation:
    return FileOperation(
        id=OperationId("1"),
        task_id=None,
        kind=OperationKind.CREATE,
        phase=Phase.INTENT,
        path="a.txt",
        before=Absent(),
        after=NOT_OBSERVED,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def test_an_operation_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        an_operation().path = "b.txt"  # type: ignore[misc]


def test_operations_with_the_same_content_are_equal() -> None:
    assert an_operation() == an_operation()


def test_an_operation_says_nothing_that_it_was_not_given() -> None:
    operation = an_operation()

    assert (operation.expected, operation.context, operation.metadata) == (None, {}, {})


def test_every_state_is_a_path_state() -> None:
    assert isinstance(Absent(), PathState)
    assert not isinstance("absent", PathState)


def test_files_that_differ_in_one_of_digest_size_or_mode_are_not_the_same() -> None:
    state = FileState("b3:1", 1, 0o644)

    others = [FileState("b3:2", 1, 0o644), FileState("b3:1", 2, 0o644), FileState("b3:1", 1, 0o600)]
    assert state not in others


def test_what_was_not_observed_is_not_known() -> None:
    assert UnknownState("not_observed") == NOT_OBSERVED


def test_kinds_and_phases_read_as_words() -> None:
    kinds = [*("create", "modify", "delete", "read", "move", "copy")]
    kinds += ["mkdir", "rmdir", "symlink", "chmod", "scope"]
    assert [kind.value for kind in OperationKind] == kinds
    assert [phase.value for phase in Phase] == ["intent", "claim", "done", "failed", "refused"]
