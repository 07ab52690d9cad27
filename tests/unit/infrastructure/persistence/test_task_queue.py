import pytest


async def claim_ready(queue, now, later, limit=10, owner="w"):
    return await queue.claim_ready(owner=owner, now=now, lease_until=later, limit=limit)


@pytest.mark.parametrize("task_id", ["nobody", "\ud800"])
async def test_an_unknown_task_cannot_be_claimed(queue, now, later, task_id):
    assert await queue.claim(task_id, owner="w", now=now, lease_until=later) is None


@pytest.mark.parametrize("limit", [0, -1])
async def test_to_claim_nothing_claims_nothing(tasks, queue, make_task, now, later, limit):
    await tasks.add(make_task("a"))

    assert await claim_ready(queue, now, later, limit) == []


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
