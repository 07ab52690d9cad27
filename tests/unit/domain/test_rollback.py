"""What a step of a rollback is, and as what it is recorded."""

import pytest

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    OperationKind,
    SpecialState,
    SymlinkState,
)
from vespera.domain.ids import OwnerId, RollbackId, TaskId
from vespera.domain.rollback import (
    Obstacle,
    Rollback,
    RollbackConflict,
    RollbackStep,
    StepKind,
    StepRow,
    changes_of,
    rollback_named,
)
from vespera.testing.conformance.samples import NOW

CREATE, MODIFY, DELETE, READ, MOVE, COPY, MKDIR, RMDIR, SYMLINK, CHMOD, SCOPE = OperationKind
GONE, LINK, FIFO = Absent(), SymlinkState("away"), SpecialState("fifo")
V1, V2, RUN = FileState("b3:1", 1, 0o644), FileState("b3:2", 1, 0o644), FileState("b3:1", 1, 0o755)
FOLDER, SHUT = DirectoryState(0o755), DirectoryState(0o500)


@pytest.mark.parametrize(
    ("found", "wanted", "kind", "content", "recorded"),
    [
        (GONE, V1, StepKind.RESTORE, "b3:1", [CREATE]),
        (GONE, FOLDER, StepKind.RESTORE, None, [MKDIR]),
        (GONE, LINK, StepKind.RESTORE, None, [SYMLINK]),
        (V2, V1, StepKind.REPLACE, "b3:1", [MODIFY]),
        (LINK, V1, StepKind.REPLACE, "b3:1", [DELETE, CREATE]),
        (FOLDER, V1, StepKind.REPLACE, "b3:1", [RMDIR, CREATE]),
        (V1, FOLDER, StepKind.REPLACE, None, [DELETE, MKDIR]),
        (V1, LINK, StepKind.REPLACE, None, [DELETE, SYMLINK]),
        (V1, GONE, StepKind.REMOVE, None, [DELETE]),
        (FIFO, GONE, StepKind.REMOVE, None, [DELETE]),
        (FOLDER, GONE, StepKind.REMOVE_DIRECTORY, None, [RMDIR]),
        (V1, RUN, StepKind.SET_MODE, None, [CHMOD]),
        (FOLDER, SHUT, StepKind.SET_MODE, None, [CHMOD]),
    ],
)
def test_a_step_is_what_leads_from_what_is_there_to_what_is_wanted(
    found, wanted, kind, content, recorded
):
    step = RollbackStep(path="a", found=found, wanted=wanted)

    assert step.kind is kind
    assert step.content == content
    changes = changes_of(step)
    assert [change[0] for change in changes] == recorded
    assert changes[0][1] == found
    assert changes[-1][2] == wanted


def test_a_conflict_names_the_path_and_the_reason():
    conflict = RollbackConflict(path="a\udcff", obstacle=Obstacle.EDITED, told="it is not")

    assert str(conflict) == r"'a\udcff': it is not"


def test_a_rollback_is_recorded_under_a_name_of_its_own():
    rollback = Rollback(
        id=RollbackId("r1"), task_id=TaskId("t"), owner=OwnerId("o"), began_at=NOW, heard_at=NOW
    )

    assert rollback.name == "rollback:r1"
    assert rollback_named(rollback.name) == "r1"
    assert rollback_named(TaskId("r1")) is None


def test_a_step_is_done_if_it_is_over_without_a_conflict():
    step = RollbackStep(path="a", found=V2, wanted=V1)
    conflict = RollbackConflict(path="a", obstacle=Obstacle.EDITED, told="it is not")

    assert not StepRow(number=0, step=step, operations=()).done
    assert StepRow(number=0, step=step, operations=(), over=True).done
    assert not StepRow(number=0, step=step, operations=(), over=True, conflict=conflict).done
