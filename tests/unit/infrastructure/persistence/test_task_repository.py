import asyncio
from datetime import timedelta

import pytest

from vespera.domain.errors import DuplicateRow, StaleTask, TaskNotFound, UnstorableValue
from vespera.domain.file_operation import Absent, FileOperation, OperationKind, Phase
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, TaskFailure, TaskStatus
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository

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


async def test_a_task_with_defaults_comes_back_as_it_was_stored(tasks, make_task):
    await tasks.add(make_task("plain"))

    assert await tasks.get("plain") == make_task("plain")


@pytest.mark.parametrize("task_id", ["nobody", "", "\ud800", "a'; DROP TABLE tasks; --", None])
async def test_an_unknown_id_is_not_found_by_name(tasks, task_id):
    with pytest.raises(TaskNotFound) as refused:
        await tasks.get(task_id)

    assert repr(task_id) in str(refused.value)


async def test_the_same_id_twice_is_refused(tasks, make_task):
    await tasks.add(make_task("a", title="first"))
    with pytest.raises(DuplicateRow):
        await tasks.add(make_task("a", title="second"))

    assert (await tasks.get("a")).title == "first"


async def test_the_same_idempotency_key_twice_is_refused(tasks, make_task):
    await tasks.add(make_task("a", idempotency_key="k"))
    with pytest.raises(DuplicateRow, match="idempotency_key"):
        await tasks.add(make_task("b", idempotency_key="k"))


async def test_tasks_without_key_do_not_collide(tasks, make_task):
    await tasks.add(make_task("a"))
    await tasks.add(make_task("b"))

    assert len(await tasks.find(["a", "b"])) == 2


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


async def test_an_unknown_dependency_is_named_and_nothing_is_stored(tasks, make_task):
    await tasks.add(make_task("a"))
    with pytest.raises(TaskNotFound, match="'nobody'"):
        await tasks.add(make_task("b"), ["a", "nobody"])

    assert await tasks.find(["b"]) == {}


async def test_dependencies_may_be_added_in_the_same_unit(tasks, unit_of_work, make_task):
    async with unit_of_work():
        await tasks.add(make_task("a"))
        await tasks.add(make_task("b"), ["a"])

    assert (await tasks.get("b")).blockers == 1


async def test_a_new_task_is_blocked_by_what_is_not_completed(tasks, make_task):
    await tasks.add(make_task("done", status=TaskStatus.COMPLETED))
    await tasks.add(make_task("open"))
    await tasks.add(make_task("failed", status=TaskStatus.FAILED))
    await tasks.add(make_task("new"), ["done", "open", "failed", "open"])

    assert (await tasks.get("new")).blockers == 2


async def test_dependencies_come_in_the_order_they_were_given(tasks, make_task):
    for name in ("a", "b", "c"):
        await tasks.add(make_task(name))
    await tasks.add(make_task("d"), ["c", "a", "b", "a"])

    assert [task.id for task in await tasks.dependencies_of("d")] == ["c", "a", "b"]


async def test_a_completed_task_releases_those_that_waited(tasks, running, make_task, now):
    await tasks.add(running("a"))
    await tasks.add(running("b"))
    await tasks.add(make_task("c"), ["a", "b"])
    for name, left in (("a", 1), ("b", 0)):
        task = await tasks.get(name)
        await tasks.complete(task.complete(b"{}", None, now), operations=0)
        assert (await tasks.get("c")).blockers == left


async def test_save_stores_every_change_of_a_transition(tasks, running, now, later):
    await tasks.add(running("a"))
    read = await tasks.get("a")
    changed = read.try_again(FAILURE, later, now)
    await tasks.save(changed)

    assert await tasks.get("a") == changed


async def test_save_of_a_claimed_and_executed_task_comes_back(tasks, queue, make_task, now, later):
    await tasks.add(make_task("a"))
    claimed = await queue.claim("a", owner="w", now=now, lease_until=later)
    executed = claimed.execute(b"out", now, refusal=FAILURE)
    await tasks.save(executed)

    assert await tasks.get("a") == executed


async def test_save_of_what_somebody_else_changed_is_refused(tasks, make_task, now):
    await tasks.add(make_task("a"))
    read = await tasks.get("a")
    await tasks.save(read.assign(now))
    with pytest.raises(StaleTask, match="'a'"):
        await tasks.save(read.cancel(FAILURE, now))

    assert (await tasks.get("a")).status == "assigned"


async def test_save_of_an_unknown_task_is_refused(tasks, make_task):
    with pytest.raises(StaleTask):
        await tasks.save(make_task("nobody"))


async def test_save_does_not_undo_a_release(tasks, running, make_task, now):
    await tasks.add(running("a"))
    await tasks.add(make_task("b"), ["a"])
    read = await tasks.get("b")
    await tasks.complete((await tasks.get("a")).complete(b"{}", None, now), operations=0)
    await tasks.save(read.assign(now))

    assert (await tasks.get("b")).blockers == 0


async def test_of_many_saves_of_one_version_one_wins(tasks, make_task, now):
    await tasks.add(make_task("a"))
    read = await tasks.get("a")

    results = await asyncio.gather(
        *(tasks.save(read.assign(now)) for _ in range(10)), return_exceptions=True
    )

    assert [type(result) for result in results].count(StaleTask) == 9


async def test_complete_is_refused_when_a_file_operation_was_recorded_since(
    database, tasks, running, make_task, now
):
    await tasks.add(running("a"))
    await tasks.add(make_task("b"), ["a"])
    operation = FileOperation(
        id="o1",
        task_id="a",
        kind=OperationKind.CREATE,
        phase=Phase.INTENT,
        path="x",
        before=Absent(),
        after=Absent(),
        recorded_at=now,
    )
    await SqlFileOperationRepository(database).add(operation)
    done = (await tasks.get("a")).complete(b"{}", "r1", now)
    with pytest.raises(StaleTask):
        await tasks.complete(done, operations=0)
    assert (await tasks.get("b")).blockers == 1
    await tasks.complete(done, operations=1)

    assert (await tasks.get("a")).status == "completed"
    assert (await tasks.get("b")).blockers == 0


async def test_complete_of_what_somebody_else_changed_is_refused(tasks, running, now):
    await tasks.add(running("a"))
    read = await tasks.get("a")
    await tasks.save(read.release(now))

    with pytest.raises(StaleTask):
        await tasks.complete(read.complete(b"{}", None, now), operations=0)


async def test_find_gives_those_that_exist(tasks, make_task):
    await tasks.add(make_task("a"))

    assert list(await tasks.find(["a", "nobody", "\ud800"])) == ["a"]
    assert await tasks.find([]) == {}


async def test_find_takes_any_number_of_ids(tasks, unit_of_work, make_task):
    names = [f"{number:04}" for number in range(1201)]
    async with unit_of_work():
        for name in names:
            await tasks.add(make_task(name))

    assert sorted(await tasks.find(names)) == names


async def test_find_by_keys_gives_tasks_by_key(tasks, make_task):
    await tasks.add(make_task("a", idempotency_key="k1"))
    await tasks.add(make_task("b"))

    found = await tasks.find_by_keys(["k1", "k2", "\ud800"])

    assert {key: task.id for key, task in found.items()} == {"k1": "a"}


async def test_pages_follow_each_other_without_gap_or_overlap(tasks, make_task):
    for name in "dbaec":
        await tasks.add(make_task(name))
    first = await tasks.page(limit=2)
    second = await tasks.page(after=first[-1].id, limit=2)
    third = await tasks.page(after=second[-1].id, limit=2)

    assert [[task.id for task in page] for page in (first, second, third)] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]


@pytest.mark.parametrize("limit", [0, -1])
async def test_an_empty_page_is_empty(tasks, make_task, limit):
    await tasks.add(make_task("a"))

    assert await tasks.page(limit=limit) == []


async def test_a_page_can_be_of_one_status_and_type(tasks, make_task):
    await tasks.add(make_task("a", specialist_type="coder"))
    await tasks.add(make_task("b", status=TaskStatus.FAILED, specialist_type="coder"))
    await tasks.add(make_task("c", status=TaskStatus.FAILED))

    async def page(**wanted):
        return [task.id for task in await tasks.page(**wanted)]

    assert await page(status=TaskStatus.FAILED) == ["b", "c"]
    assert await page(specialist_type="coder") == ["a", "b"]
    assert await page(status=TaskStatus.FAILED, specialist_type="coder") == ["b"]


async def test_tasks_are_counted_by_status(tasks, make_task):
    for name, status in (("a", TaskStatus.PENDING), ("b", TaskStatus.FAILED), ("c", "pending")):
        await tasks.add(make_task(name, status=TaskStatus(status)))

    assert await tasks.count_by_status() == {TaskStatus.PENDING: 2, TaskStatus.FAILED: 1}


async def test_dead_ends_are_found_through_other_tasks(tasks, make_task):
    await tasks.add(make_task("failed", status=TaskStatus.FAILED))
    await tasks.add(make_task("cancelled", status=TaskStatus.CANCELLED))
    await tasks.add(make_task("unrelated", status=TaskStatus.FAILED))
    await tasks.add(make_task("middle"), ["failed"])
    await tasks.add(make_task("end"), ["middle", "cancelled"])

    assert [task.id for task in await tasks.dead_ends_of("end")] == ["cancelled", "failed"]


async def test_what_a_completed_task_once_waited_for_holds_nobody_up(tasks, make_task):
    await tasks.add(make_task("failed", status=TaskStatus.FAILED))
    await tasks.add(make_task("signed off", status=TaskStatus.COMPLETED), ["failed"])
    await tasks.add(make_task("end"), ["signed off"])

    assert await tasks.dead_ends_of("end") == []


async def test_a_task_that_waits_for_nothing_has_no_dead_ends(tasks, make_task):
    await tasks.add(make_task("a"))

    assert await tasks.dead_ends_of("a") == []


async def test_moments_keep_their_microseconds(tasks, make_task, now):
    await tasks.add(make_task("a", run_after=now + timedelta(microseconds=1)))

    assert (await tasks.get("a")).run_after == now + timedelta(microseconds=1)
