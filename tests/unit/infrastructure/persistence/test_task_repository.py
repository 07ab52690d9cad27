from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vespera.domain.errors import DuplicateRow, GatedType, TaskNotFound, UnstorableValue
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, TaskFailure, TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.gates import SqlGates

FAILURE = TaskFailure(error_types=("ValueError", "Exception"), message="\ud800 no", traceback="...")


def full(make_task, now, later):
    return make_task(
        "full",
        title="Zürich \0 ✓",
        description="long " * 1000,
        specialist_type="coder",
        payload=bytes(range(256)),
        status=TaskStatus.RUNNING,
        completion=Completion.AUTO,
        parent_id="parent",
        priority=-7,
        timeout=0.1,
        retry=RetryPolicy(max_attempts=9, delay=0.5, retry_on=("OSError",)),
        idempotency_key="key",
        request_digest="d" * 64,
        run_after=later,
        version=3,
        attempt=2,
        failures=1,
        owner="worker-1",
        lease_until=now,
        outcome=b"\0",
        error=FAILURE,
        report_id="r1",
    )


async def test_a_task_comes_back_as_it_was_stored(tasks, make_task, now, later):
    await tasks.add(make_task("parent"))
    task = full(make_task, now, later)
    await tasks.add(task)

    assert await tasks.get("full") == task


SELDOM = {
    "run_after": datetime(2030, 1, 1, tzinfo=UTC),
    "parent_id": "parent",
    "timeout": 0.5,
    "idempotency_key": "key",
    "report_id": "report",
    "cancelling": "not wanted any more",
    "concurrency_key": "customer",
    "paused_at": datetime(2030, 1, 2, tzinfo=UTC),
    "dedup_key": "once",
    "forked_from": "another",
    "handler_version": "2",
    "error": FAILURE,
    "outcome": b"",
    "blockers": 1,
    "failures": 2,
    "crashes": 3,
    "news": 4,
    "spawned": True,
    "undoable": True,
    "retries": 5,
}


def test_every_field_that_is_seldom_given_is_tried_here():
    assert set(SELDOM) == {*sql.SELDOM_GIVEN, *sql.COUNTED_FROM_ZERO}


@pytest.mark.parametrize("status", [TaskStatus.PENDING, TaskStatus.RUNNING])
@pytest.mark.parametrize("field", [None, *SELDOM])
async def test_a_new_task_is_stored_whatever_it_says_or_leaves_out(
    tasks, make_task, now, field, status
):
    await tasks.add(make_task("parent"))
    held = {} if status is TaskStatus.PENDING else {"owner": "worker", "lease_until": now}
    said = {} if field is None else {field: SELDOM[field]}
    task = make_task("new", status=status, priority=-3, attempt=7, version=9, **held, **said)
    await tasks.add(task)

    assert await tasks.get("new") == task


@pytest.mark.parametrize("field", [None, "timeout"])
@pytest.mark.parametrize("gate", ["generic", "*"])
async def test_a_running_task_passes_no_gate_whatever_it_says(
    tasks, database, make_task, field, gate
):
    await SqlGates(database).pause_type(gate, now=datetime(2030, 1, 1, tzinfo=UTC))
    said = {} if field is None else {field: SELDOM[field]}
    with pytest.raises(GatedType):
        await tasks.add(make_task("running", status=TaskStatus.RUNNING, **said))
    await tasks.add(make_task("pending", **said))

    assert (await tasks.get("pending")).gated
    assert set(await tasks.find(["running", "pending"])) == {"pending"}


@pytest.mark.parametrize("field", [None, "run_after", "report_id", "owner", "lease_until", "error"])
async def test_a_completion_is_stored_whatever_is_left_of_the_task(tasks, make_task, later, field):
    given = {**SELDOM, "parent_id": None, "owner": "worker", "lease_until": later}
    await tasks.add(make_task("done", status=TaskStatus.RUNNING, **given))
    left = dict.fromkeys(("run_after", "report_id", "owner", "lease_until", "error"))
    if field is not None:
        left[field] = given[field]
    done = replace(
        await tasks.get("done"), status=TaskStatus.COMPLETED, version=2, outcome=b"1", **left
    )
    await tasks.complete(done, operations=0)

    assert await tasks.get("done") == done


@pytest.mark.parametrize("task_id", ["nobody", "", "\ud800", "a'; DROP TABLE tasks; --", None])
async def test_an_unknown_id_is_not_found_by_name(tasks, task_id):
    with pytest.raises(TaskNotFound) as refused:
        await tasks.get(task_id)

    assert repr(task_id) in str(refused.value)


async def test_the_same_idempotency_key_twice_is_refused(tasks, make_task):
    await tasks.add(make_task("a", idempotency_key="k"))
    with pytest.raises(DuplicateRow, match="idempotency_key"):
        await tasks.add(make_task("b", idempotency_key="k"))


@pytest.mark.parametrize("field", ["title", "specialist_type", "idempotency_key"])
async def test_text_that_no_database_takes_is_refused_and_nothing_is_stored(
    tasks, make_task, field
):
    with pytest.raises(UnstorableValue):
        await tasks.add(make_task("a", **{field: "\udcff"}))

    assert await tasks.find(["a"]) == {}


async def test_a_number_that_is_too_large_is_refused(tasks, make_task):
    with pytest.raises(UnstorableValue):
        await tasks.add(make_task("a", priority=2**63))


async def test_an_unknown_parent_is_named_and_nothing_is_stored(tasks, make_task):
    with pytest.raises(TaskNotFound, match="'nobody'"):
        await tasks.add(make_task("a", parent_id="nobody"))

    assert await tasks.find(["a"]) == {}


async def test_find_gives_those_that_exist(tasks, make_task):
    await tasks.add(make_task("a"))

    assert list(await tasks.find(["a", "nobody", "\ud800"])) == ["a"]
    assert await tasks.find([]) == {}


async def test_find_by_keys_gives_tasks_by_key(tasks, make_task):
    await tasks.add(make_task("a", idempotency_key="k1"))
    await tasks.add(make_task("b"))

    found = await tasks.find_by_keys(["k1", "k2", "\ud800"])

    assert {key: task.id for key, task in found.items()} == {"k1": "a"}


@pytest.mark.parametrize("limit", [0, -1])
async def test_an_empty_page_is_empty(tasks, make_task, limit):
    await tasks.add(make_task("a"))

    assert await tasks.page(limit=limit) == []
