from dataclasses import replace

import pytest

from vespera.domain.errors import DuplicateRow, LeaseLost, OperationNotFound, UnstorableValue
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


async def test_the_same_id_twice_is_refused(operations, make):
    await operations.add(make("o1"))

    with pytest.raises(DuplicateRow):
        await operations.add(make("o1", path="other"))


async def test_an_intent_becomes_what_was_done(operations, make):
    await operations.add(make("o1"))
    done = make("o1", phase=Phase.DONE, after=FileState("b3:00", 1, 0o600))
    await operations.save(done)

    assert await operations.get("o1") == done


async def test_what_was_never_recorded_is_not_saved(operations, make):
    with pytest.raises(OperationNotFound, match="'o1'"):
        await operations.save(make("o1"))


async def test_who_holds_the_task_may_record_and_save(operations, tasks, running, make):
    await tasks.add(running("t1"))
    await operations.add(make("o1"), HELD)
    await operations.save(make("o1", phase=Phase.DONE), HELD)

    assert (await operations.get("o1")).phase == "done"


async def test_who_lost_the_task_may_not(operations, tasks, running, make):
    await tasks.add(running("t1"))
    await operations.add(make("o1"), HELD)
    with pytest.raises(LeaseLost):
        await operations.add(make("o2"), LOST)
    with pytest.raises(LeaseLost):
        await operations.save(make("o1", phase=Phase.DONE), LOST)

    assert await operations.of_task("t1") == [make("o1")]


@pytest.mark.parametrize("field", ["context", "metadata"])
async def test_what_has_no_json_form_is_refused_by_field(operations, make, field):
    with pytest.raises(UnstorableValue, match=field):
        await operations.add(make("o1", **{field: {"x": object()}}))

    assert await operations.find(["o1"]) == {}


async def test_a_path_that_no_file_can_have_is_refused(operations, make):
    with pytest.raises(UnstorableValue, match="path"):
        await operations.add(make("o1", path="\ud800"))


async def test_operations_of_a_task_come_in_the_order_of_recording(operations, make):
    for name, task_id in (("o2", "t1"), ("o1", "t1"), ("o3", "t2"), ("o4", None)):
        await operations.add(make(name, task_id=task_id))

    assert [operation.id for operation in await operations.of_task("t1")] == ["o1", "o2"]


async def test_operations_on_paths_are_everybodys_in_the_order_of_recording(operations, make):
    for name, path, task_id in (
        ("o3", "a", "t1"),
        ("o1", "b", "t2"),
        ("o2", "a", None),
        ("o4", "c", "t1"),
    ):
        await operations.add(make(name, path, task_id))

    found = await operations.on_paths(["a", "b", "a", "nothing"])

    assert [operation.id for operation in found] == ["o1", "o2", "o3"]


async def test_operations_on_any_number_of_paths_are_found(operations, unit_of_work, make):
    async with unit_of_work():
        for number in range(1001):
            await operations.add(make(f"o{number:04}", path=f"p{number}"))

    assert len(await operations.on_paths([f"p{number}" for number in range(1001)])) == 1001


async def test_every_path_is_named_once_and_in_order(operations, make):
    for name, path in (("o1", "b"), ("o2", "a"), ("o3", "b"), ("o4", "\udcff"), ("o5", "ü")):
        await operations.add(make(name, path))

    assert await operations.all_paths() == sorted(["a", "b", "ü", "\udcff"])


async def test_find_gives_those_that_exist(operations, make):
    await operations.add(make("o1"))

    assert await operations.find(["o1", "o2"]) == {"o1": make("o1")}


async def test_an_operation_can_be_replaced_in_the_unit_that_records_it(
    operations, unit_of_work, make
):
    async with unit_of_work():
        await operations.add(make("o1"))
        await operations.save(replace(make("o1"), phase=Phase.CLAIM))

    assert (await operations.get("o1")).phase == "claim"
