import pytest

from vespera.domain.errors import DuplicateRow, TaskNotFound, UnstorableValue
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, TaskFailure, TaskStatus

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
