import asyncio
from datetime import timedelta

import pytest

from vespera.domain.task import TaskStatus


async def claim_ready(queue, now, later, limit=10, owner="w"):
    return await queue.claim_ready(owner=owner, now=now, lease_until=later, limit=limit)


async def test_a_claim_begins_an_attempt(tasks, queue, make_task, now, later):
    await tasks.add(make_task("a", run_after=now))
    (claimed,) = await claim_ready(queue, now, later)

    assert claimed.status == "running"
    assert (claimed.owner, claimed.lease_until) == ("w", later)
    assert (claimed.attempt, claimed.version, claimed.run_after) == (1, 2, None)
    assert await tasks.get("a") == claimed


async def test_what_is_claimed_is_what_the_domain_would_make_of_it(
    tasks, queue, make_task, now, later
):
    await tasks.add(make_task("a"))
    read = await tasks.get("a")
    (claimed,) = await claim_ready(queue, now, later)

    assert read.claim("w", later, now) == claimed


async def test_higher_priority_first_then_oldest_first(tasks, queue, make_task, now, later):
    for name, priority in (("a", 0), ("b", 5), ("c", -1), ("d", 5)):
        await tasks.add(make_task(name, priority=priority))

    claimed = await claim_ready(queue, now, later, limit=3)

    assert [task.id for task in claimed] == ["b", "d", "a"]


async def test_a_task_is_not_claimed_before_it_is_due(tasks, queue, make_task, now, later):
    await tasks.add(make_task("a", run_after=later))

    assert await claim_ready(queue, now, later) == []
    assert [task.id for task in await claim_ready(queue, later, later)] == ["a"]


async def test_a_blocked_task_is_not_claimed(tasks, queue, make_task, now, later):
    await tasks.add(make_task("a", status=TaskStatus.FAILED))
    await tasks.add(make_task("b"), ["a"])

    assert await claim_ready(queue, now, later) == []
    assert await queue.claim("b", owner="w", now=now, lease_until=later) is None


async def test_nobody_gets_a_task_that_somebody_else_got(tasks, queue, make_task, now, later):
    for number in range(20):
        await tasks.add(make_task(f"{number:02}"))

    shares = await asyncio.gather(*(claim_ready(queue, now, later, 3, f"w{n}") for n in range(10)))

    claimed = [task.id for share in shares for task in share]
    assert sorted(claimed) == [f"{number:02}" for number in range(20)]


async def test_a_claim_is_its_own_transaction_inside_a_unit(
    tasks, queue, unit_of_work, make_task, now, later
):
    await tasks.add(make_task("a"))
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work():
            assert len(await claim_ready(queue, now, later)) == 1
            raise ZeroDivisionError

    assert (await tasks.get("a")).status == "running"


@pytest.mark.parametrize("status", ["pending", "assigned"])
async def test_one_task_can_be_claimed_due_or_not(tasks, queue, make_task, now, later, status):
    await tasks.add(make_task("a", status=TaskStatus(status), run_after=later))

    claimed = await queue.claim("a", owner="w", now=now, lease_until=later)

    assert (claimed.status, claimed.attempt) == ("running", 1)


@pytest.mark.parametrize("status", ["running", "executed", "completed", "failed", "cancelled"])
async def test_what_is_not_waiting_cannot_be_claimed(tasks, queue, make_task, now, later, status):
    await tasks.add(make_task("a", status=TaskStatus(status)))

    assert await queue.claim("a", owner="w", now=now, lease_until=later) is None


@pytest.mark.parametrize("task_id", ["nobody", "\ud800"])
async def test_an_unknown_task_cannot_be_claimed(queue, now, later, task_id):
    assert await queue.claim(task_id, owner="w", now=now, lease_until=later) is None


async def test_leases_are_extended_for_those_still_held(tasks, queue, running, now, later):
    await tasks.add(running("held", owner="w"))
    await tasks.add(running("other attempt", owner="w", attempt=2))
    await tasks.add(running("other owner", owner="x"))
    await tasks.add(running("finished", owner="w", status=TaskStatus.EXECUTED))
    until = later + timedelta(seconds=9)
    names = ("held", "other attempt", "other owner", "finished", "nobody")

    held = await queue.extend(dict.fromkeys(names, 1), owner="w", lease_until=until)

    assert held == ["held"]
    assert (await tasks.get("held")).lease_until == until
    assert (await tasks.get("other owner")).lease_until == later


async def test_extending_a_lease_does_not_outdate_what_the_worker_read(
    tasks, queue, running, now, later
):
    await tasks.add(running("a", owner="w"))
    read = await tasks.get("a")
    await queue.extend({"a": 1}, owner="w", lease_until=later)
    await tasks.save(read.execute(b"{}", now))

    assert (await tasks.get("a")).status == "executed"


async def test_extending_no_lease_is_nothing(queue, later):
    assert list(await queue.extend({}, owner="w", lease_until=later)) == []


async def test_owners_are_those_of_running_tasks(tasks, queue, running):
    await tasks.add(running("a", owner="w1"))
    await tasks.add(running("b", owner="w2"))
    await tasks.add(running("c", owner="w2"))
    await tasks.add(running("d", owner="w3", status=TaskStatus.EXECUTED))

    assert list(await queue.owners()) == ["w1", "w2"]


async def test_tasks_of_expired_leases_and_dead_owners_are_pending_again(
    tasks, queue, running, now, later
):
    await tasks.add(running("alive", owner="w1", lease_until=later))
    await tasks.add(running("expired", owner="w1", lease_until=now))
    await tasks.add(running("dead", owner="w2", lease_until=later))
    await tasks.add(running("dead and expired", owner="w2", lease_until=now))

    taken = await queue.take_back(now=now, dead=["w2", "w9"])

    assert taken == ["dead", "dead and expired", "expired"]
    task = await tasks.get("dead")
    assert (task.status, task.owner, task.lease_until) == ("pending", None, None)
    assert (task.attempt, task.failures, task.version) == (1, 0, 2)
    assert (await tasks.get("alive")).status == "running"


async def test_taking_back_outdates_what_the_former_worker_read(tasks, queue, running, now):
    await tasks.add(running("a", lease_until=now))
    await queue.take_back(now=now, dead=[])

    assert (await tasks.get("a")).version == 2


async def test_the_next_due_moment_is_that_of_an_unblocked_pending_task(
    tasks, queue, make_task, now, later
):
    much_later = later + timedelta(days=1)
    assert await queue.next_due() is None
    await tasks.add(make_task("a", run_after=much_later))
    await tasks.add(make_task("b", run_after=later))
    await tasks.add(make_task("blocked", run_after=now), ["a"])
    await tasks.add(make_task("cancelled", run_after=now, status=TaskStatus.CANCELLED))
    await tasks.add(make_task("ready"))

    assert await queue.next_due() == later


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
