from datetime import timedelta

import pytest

from vespera.infrastructure.persistence.queries.queue import DUE_AT_ONCE


async def claim_ready(queue, now, later, limit=10, owner="w"):
    return await queue.claim_ready(owner=owner, now=now, lease_until=later, limit=limit)


@pytest.mark.parametrize("task_id", ["nobody", "\ud800"])
async def test_an_unknown_task_cannot_be_claimed(queue, now, later, task_id):
    assert await queue.claim(task_id, owner="w", now=now, lease_until=later) is None


@pytest.mark.parametrize("limit", [0, -1])
async def test_to_claim_nothing_claims_nothing(tasks, queue, make_task, now, later, limit):
    await tasks.add(make_task("a"))

    assert await claim_ready(queue, now, later, limit) == []


async def test_tasks_whose_moment_has_come_stand_in_line_with_all_others(
    tasks, queue, make_task, now, later
):
    for name, priority, run_after in (
        ("a", 0, None),
        ("b", 5, now),
        ("c", 3, None),
        ("d", 4, now - timedelta(days=1)),
        ("e", 9, later),
        ("f", 0, now),
    ):
        await tasks.add(make_task(name, priority=priority, run_after=run_after))

    first = await claim_ready(queue, now, later, limit=3)
    second = await claim_ready(queue, now, later)

    assert [task.id for task in first] == ["b", "d", "c"]
    assert [task.id for task in second] == ["a", "f"]
    assert all(task.run_after is None for task in [*first, *second])


async def test_a_claim_does_not_walk_over_the_delayed(
    database, tasks, queue, make_task, now, later
):
    many = int(str(DUE_AT_ONCE)) + 5
    for number in range(many):
        await tasks.add(make_task(f"delayed-{number:05}", priority=9, run_after=later))
    await tasks.add(make_task("a"))

    walked_over = await database.read(
        "SELECT id FROM tasks INDEXED BY tasks_ready"
        " WHERE status = 'pending' AND blockers = 0 AND paused_at IS NULL AND run_after IS NULL"
        " AND crashes < 2 AND handler_version IS NULL"
    )

    assert walked_over == [("a",)]
    assert [task.id for task in await claim_ready(queue, now, later, limit=many)] == ["a"]
    assert len(await claim_ready(queue, later, later, limit=many)) == many - 5
    assert len(await claim_ready(queue, later, later, limit=many)) == 5


async def test_a_claim_asks_once_for_a_version_however_many_tasks_it_has_begun(
    tasks, queue, make_task, now, later
):
    asked = []
    queue.heed(lambda kind, version: version, lambda *kind: bool(asked.append(kind)))
    for number in range(30):
        for name, fields in (
            ("first", {"handler_version": "1", "priority": 9}),
            ("delayed", {"handler_version": "1", "run_after": now}),
            ("other", {"handler_version": "2", "specialist_type": "writer"}),
        ):
            await tasks.add(make_task(f"{name}-{number}", attempt=1, **fields))
    await tasks.add(make_task("new"))

    claimed = await claim_ready(queue, now, later)

    assert [task.id for task in claimed] == ["new"]
    assert asked == [("generic", "1"), ("writer", "2")]


async def test_whatever_has_begun_them_ready_tasks_stand_in_one_line(
    tasks, queue, make_task, now, later
):
    queue.heed(lambda kind, version: version, lambda kind, version: version != "refused")
    for task_id, version, priority in (
        ("a", "2", 1),
        ("b", "1", 5),
        ("c", "refused", 9),
        ("d", "1", 1),
        ("e", "1", 7),
    ):
        task = make_task(task_id, attempt=1, handler_version=version, priority=priority)
        await tasks.add(task)
    await tasks.add(make_task("f", priority=6))
    await tasks.add(make_task("g", priority=1))

    claims = [await claim_ready(queue, now, later, limit=3) for _ in range(3)]

    assert [[task.id for task in claim] for claim in claims] == [
        ["e", "f", "b"],
        ["a", "d", "g"],
        [],
    ]


async def crash(tasks, queue, now, task_id, times):
    for _ in range(times):
        await queue.claim(task_id, owner="w", now=now, lease_until=now)
        await queue.take_back(now=now, dead=["w"])
    return await tasks.get(task_id)


async def test_a_task_that_is_taken_back_has_crashed_once_more(tasks, queue, make_task, now):
    await tasks.add(make_task("a"))

    assert (await crash(tasks, queue, now, "a", 3)).crashes == 3


async def test_a_task_that_crashed_twice_in_a_row_is_claimed_as_a_suspect_only(
    tasks, queue, make_task, now, later
):
    await tasks.add(make_task("a"))
    await tasks.add(make_task("b"))
    await crash(tasks, queue, now, "a", 2)
    await crash(tasks, queue, now, "b", 1)
    assert await queue.has_suspects(now=now)

    ready = await queue.claim_ready(owner="w", now=now, lease_until=later, limit=9)
    suspect = await queue.claim_suspect(owner="w", now=now, lease_until=later)

    assert [task.id for task in ready] == ["b"]
    assert (suspect.id, suspect.status, suspect.attempt) == ("a", "running", 3)
    assert not await queue.has_suspects(now=now)
    assert await queue.claim_suspect(owner="w", now=now, lease_until=later) is None


async def test_a_suspect_that_is_not_due_yet_is_left_alone(tasks, queue, make_task, now, later):
    await tasks.add(make_task("a"))
    await crash(tasks, queue, now, "a", 2)
    read = await tasks.get("a")
    await tasks.save(read.cancel(None, now))
    await tasks.add(make_task("b", crashes=2, run_after=later))

    assert not await queue.has_suspects(now=now)
    assert await queue.claim_suspect(owner="w", now=now, lease_until=later) is None
    assert await queue.has_suspects(now=later)
