import pytest

from vespera.domain.errors import OperationNotFound, UnstorableValue
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    Phase,
    SymlinkState,
)
from vespera.domain.step import Fence
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository

HELD = Fence("t1", 1, "worker-1")
LOST = Fence("t1", 2, "worker-1")


@pytest.fixture
def operations(database):
    return SqlFileOperationRepository(database)


@pytest.fixture
def make(now):
    def make(operation_id, path="a.txt", task_id="t1", **fields):
        values = {
            "id": operation_id,
            "task_id": task_id,
            "kind": OperationKind.CREATE,
            "phase": Phase.INTENT,
            "path": path,
            "before": Absent(),
            "after": NOT_OBSERVED,
            "recorded_at": now,
        }
        return FileOperation(**{**values, **fields})

    return make


async def test_an_operation_comes_back_as_it_was_recorded(operations, make):
    operation = make(
        "o1",
        path="dir/\udcff odd",
        task_id=None,
        kind=OperationKind.DELETE,
        phase=Phase.DONE,
        before=SymlinkState("\udc80"),
        after=FileState("b3:00", 2**40, 0o644),
        expected=Absent(),
        context={"why": "\ud800", "deep": [1, {"x": None}]},
        metadata={"lines": 3},
    )
    await operations.add(operation)

    assert await operations.get("o1") == operation


@pytest.mark.parametrize("operation_id", ["nobody", "\ud800"])
async def test_an_unknown_id_is_not_found_by_name(operations, operation_id):
    with pytest.raises(OperationNotFound) as refused:
        await operations.get(operation_id)

    assert repr(operation_id) in str(refused.value)


async def test_what_was_never_recorded_is_not_saved(operations, make):
    with pytest.raises(OperationNotFound, match="'o1'"):
        await operations.save(make("o1"))


@pytest.mark.parametrize("field", ["context", "metadata"])
async def test_what_has_no_json_form_is_refused_by_field(operations, make, field):
    with pytest.raises(UnstorableValue, match=field):
        await operations.add(make("o1", **{field: {"x": object()}}))

    assert await operations.find(["o1"]) == {}


async def test_a_path_that_no_file_can_have_is_refused(operations, make):
    with pytest.raises(UnstorableValue, match="path"):
        await operations.add(make("o1", path="\ud800"))
