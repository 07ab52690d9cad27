"""The promises of ``TaskQueue``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from vespera.application.ports.persistence import TaskQueue
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task, TaskStatus
from vespera.testing.conformance.samples import LATER, NOW, WORKER, a_running_task, a_task
from vespera.testing.conformance.stores import Stores
from vespera.testing.conformance.waits import WaitingQueueSuite

A, B = TaskId("a"), TaskId("b")


class TaskQueueConformance(WaitingQueueSuite):
    """Give ``make_stores``; the queue is the one in question."""

    ports = (TaskQueue,)

    async def test_a_claim_begins_an_attempt_as_the_domain_would(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", run_after=NOW))
        read = await stores.tasks.get(A)
        (claimed,) = await _claim_ready(stores)

        assert claimed == read.claim(WORKER, LATER, NOW)
        assert await stores.tasks.get(A) == claimed

    async def test_the_claim_of_one_task_begins_an_attempt_as_the_domain_would(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        read = await stores.tasks.get(A)
        claimed = await _claim(stores, A)

        assert claimed == read.claim(WORKER, LATER, NOW)
        assert await stores.tasks.get(A) == claimed

    async def test_an_attempt_begins_with_the_version_that_is_heeded(self, stores: Stores) -> None:
        stores.queue.heed(lambda kind, had: f"{kind} after {had}", lambda _kind, _version: True)
        await stores.tasks.add(a_task("a", specialist_type="new"))
        await stores.tasks.add(a_task("b", specialist_type="new", attempt=1))
        await stores.tasks.add(a_task("c", specialist_type="new", handler_version="1", attempt=1))
        claimed = await _claim_ready(stores)

        found = {task.id: task.handler_version for task in claimed}
        assert found == {"a": "new after None", "b": None, "c": "new after 1"}

    async def test_what_another_version_has_begun_is_not_claimed(self, stores: Stores) -> None:
        begun = {"handler_version": "1", "attempt": 1}
        stores.queue.heed(lambda _kind, _had: "2", lambda _kind, version: version == "2")
        await stores.tasks.add(a_task("a", **begun))
        await stores.tasks.add(a_task("b", run_after=LATER, **begun))
        await stores.tasks.add(a_task("c", crashes=9, **begun))
        assert list(await _claim_ready(stores)) == []
        assert await _claim(stores, A) is None
        assert not await stores.queue.has_suspects(now=NOW)
        assert await stores.queue.next_due() is None
        stores.queue.heed(lambda _kind, _had: "2", lambda _kind, _version: True)

        assert _ids(await _claim_ready(stores)) == ["a"]
        assert await stores.queue.has_suspects(now=NOW)

    async def test_higher_priority_comes_first_then_the_oldest(self, stores: Stores) -> None:
        for name, priority in (("a", 0), ("b", 5), ("c", -1), ("d", 5)):
            await stores.tasks.add(a_task(name, priority=priority))

        assert _ids(await _claim_ready(stores, limit=3)) == ["b", "d", "a"]

    async def test_no_more_are_claimed_than_the_limit(self, stores: Stores) -> None:
        for name in "abc":
            await stores.tasks.add(a_task(name))

        assert len(await _claim_ready(stores, limit=2)) == 2
        assert len(await _claim_ready(stores, limit=0)) == 0
        assert len(await _claim_ready(stores, limit=2)) == 1

    async def test_a_task_is_not_claimed_before_it_is_due(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", run_after=LATER))

        assert await _claim_ready(stores, now=LATER - timedelta(microseconds=1)) == []
        assert _ids(await _claim_ready(stores, now=LATER)) == ["a"]

    async def test_a_blocked_task_is_not_claimed(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", status=TaskStatus.FAILED))
        await stores.tasks.add(a_task("b"), [A])

        assert await _claim_ready(stores) == []
        assert await _claim(stores, B) is None

    async def test_of_many_that_claim_at_once_nobody_gets_what_another_got(
        self, stores: Stores
    ) -> None:
        for number in range(20):
            await stores.tasks.add(a_task(f"{number:02}"))
        shares = await asyncio.gather(
            *(_claim_ready(stores, owner=f"w{number}", limit=3) for number in range(10))
        )

        claimed = [(task.id, task.owner) for share in shares for task in share]
        assert sorted(task_id for task_id, _ in claimed) == [f"{n:02}" for n in range(20)]
        assert {(task.id, task.owner) for task in await stores.tasks.page()} == set(claimed)

    async def test_of_many_that_claim_one_task_at_once_one_succeeds(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        claims = await asyncio.gather(*(_claim(stores, A, f"w{number}") for number in range(10)))

        (winner,) = [claim for claim in claims if claim is not None]
        assert await stores.tasks.get(A) == winner

    @pytest.mark.parametrize("status", ["pending", "assigned"])
    async def test_one_task_can_be_claimed_due_or_not(self, stores: Stores, status: str) -> None:
        await stores.tasks.add(a_task("a", status=TaskStatus(status), run_after=LATER))
        claimed = await _claim(stores, A)

        assert claimed is not None
        assert (claimed.status, claimed.attempt) == ("running", 1)

    @pytest.mark.parametrize("status", ["running", "executed", "completed", "failed", "cancelled"])
    async def test_what_is_under_way_or_over_cannot_be_claimed(
        self, stores: Stores, status: str
    ) -> None:
        await stores.tasks.add(a_task("a", status=TaskStatus(status)))

        assert await _claim(stores, A) is None
        assert await _claim_ready(stores) == []
        assert await stores.tasks.get(A) == a_task("a", status=TaskStatus(status))

    async def test_what_is_not_there_cannot_be_claimed(self, stores: Stores) -> None:
        assert await _claim(stores, TaskId("nobody")) is None
        assert await _claim_ready(stores) == []

    async def test_an_assigned_task_is_left_to_those_it_is_assigned_to(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a", status=TaskStatus.ASSIGNED))

        assert await _claim_ready(stores) == []

    async def test_leases_are_extended_for_those_still_held(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("held"))
        await stores.tasks.add(a_running_task("other attempt", attempt=2))
        await stores.tasks.add(a_running_task("other owner", owner=OwnerId("x")))
        await stores.tasks.add(
            a_running_task("over", status=TaskStatus.EXECUTED, owner=None, lease_until=None)
        )
        names = ["held", "other attempt", "other owner", "over", "nobody"]
        until = LATER + timedelta(seconds=9)
        attempts = {TaskId(name): 1 for name in names}
        held = await stores.queue.extend(attempts, owner=WORKER, lease_until=until)

        assert list(held) == ["held"]
        leases = {task.id: task.lease_until for task in await stores.tasks.page()}
        assert leases == {**dict.fromkeys(names[:-2], LATER), "held": until, "over": None}

    async def test_extending_a_lease_does_not_outdate_what_the_worker_read(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task("a"))
        read = await stores.tasks.get(A)
        await stores.queue.extend({A: 1}, owner=WORKER, lease_until=LATER)
        await stores.tasks.save(read.execute(b"{}", NOW))

        assert (await stores.tasks.get(A)).status == "executed"

    async def test_to_extend_no_lease_is_fine(self, stores: Stores) -> None:
        assert list(await stores.queue.extend({}, owner=WORKER, lease_until=LATER)) == []

    async def test_owners_are_those_who_hold_tasks_each_once(self, stores: Stores) -> None:
        for name, owner in (("a", "w1"), ("b", "w2"), ("c", "w2")):
            await stores.tasks.add(a_running_task(name, owner=OwnerId(owner)))
        over = a_running_task("d", owner=None, lease_until=None, status=TaskStatus.EXECUTED)
        await stores.tasks.add(over)

        assert sorted(await stores.queue.owners()) == ["w1", "w2"]

    async def test_tasks_of_expired_leases_and_of_dead_owners_are_pending_again(
        self, stores: Stores
    ) -> None:
        dead = OwnerId("w2")
        await stores.tasks.add(a_running_task("alive"))
        await stores.tasks.add(a_running_task("dead", owner=dead))
        await stores.tasks.add(a_running_task("dead and expired", owner=dead, lease_until=NOW))
        await stores.tasks.add(a_running_task("expired", lease_until=NOW))
        taken = await stores.queue.take_back(now=NOW, dead=[dead, OwnerId("w9")])

        assert sorted(taken) == ["dead", "dead and expired", "expired"]
        for task_id in taken:
            task = await stores.tasks.get(task_id)
            assert (task.status, task.owner, task.lease_until) == ("pending", None, None)
            assert (task.attempt, task.failures, task.version) == (1, 0, 2)
        assert await stores.tasks.get(TaskId("alive")) == a_running_task("alive")

    async def test_each_taking_back_counts_as_a_crash(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a", crashes=1))
        await stores.queue.take_back(now=LATER, dead=[])

        assert (await stores.tasks.get(A)).crashes == 2

    async def test_a_task_that_crashed_twice_is_suspicious_and_claimed_as_such(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a", crashes=1))
        await stores.tasks.add(a_task("b", crashes=2))
        await stores.tasks.add(a_task("c", crashes=5))
        moments = {"now": NOW, "lease_until": LATER}

        assert _ids(await _claim_ready(stores)) == ["a"]
        assert await stores.queue.has_suspects(now=NOW)
        first = await stores.queue.claim_suspect(owner=WORKER, **moments)
        second = await stores.queue.claim_suspect(owner=WORKER, **moments)
        assert [(task.id, task.status) for task in (first, second) if task] == [
            ("b", "running"),
            ("c", "running"),
        ]
        assert await stores.queue.claim_suspect(owner=WORKER, **moments) is None
        assert not await stores.queue.has_suspects(now=NOW)

    async def test_a_suspicious_task_that_is_blocked_or_not_due_is_left_alone(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a", crashes=2, run_after=LATER))
        await stores.tasks.add(a_task("b", crashes=2), [A])

        assert not await stores.queue.has_suspects(now=NOW)
        assert await stores.queue.claim_suspect(owner=WORKER, now=NOW, lease_until=LATER) is None

    async def test_a_suspicious_task_is_due_at_its_moment_and_no_other_one_is_run_alone(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a", crashes=1))
        assert await stores.queue.claim_suspect(owner=WORKER, now=NOW, lease_until=LATER) is None
        await stores.tasks.add(a_task("b", crashes=2, run_after=NOW))

        assert await stores.queue.has_suspects(now=NOW)
        claimed = await stores.queue.claim_suspect(owner=WORKER, now=NOW, lease_until=LATER)
        assert claimed is not None
        assert claimed.id == "b"

    async def test_a_lease_holds_until_its_last_microsecond(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))

        early = LATER - timedelta(microseconds=1)
        assert list(await stores.queue.take_back(now=early, dead=[])) == []
        assert list(await stores.queue.take_back(now=LATER, dead=[])) == ["a"]

    async def test_a_lease_is_judged_by_another_moment_if_one_is_given(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_running_task("dead", owner=OwnerId("w2")))
        early, dead = LATER - timedelta(microseconds=1), [OwnerId("w2")]

        assert list(await stores.queue.take_back(now=LATER, dead=dead, expired=early)) == ["dead"]
        assert (await stores.tasks.get(TaskId("dead"))).updated_at == LATER
        assert list(await stores.queue.take_back(now=LATER, dead=[], expired=LATER)) == ["a"]

    async def test_with_a_limit_so_many_are_taken_back_of_each(self, stores: Stores) -> None:
        dead = [OwnerId("w2"), OwnerId("w3")]
        for number in range(5):
            await stores.tasks.add(a_running_task(f"b{number}", owner=dead[0]))
            await stores.tasks.add(a_running_task(f"c{number}", lease_until=NOW))
        await stores.tasks.add(a_running_task("d", owner=dead[1]))
        taken = [list(await stores.queue.take_back(now=NOW, dead=dead, limit=2)) for _ in range(3)]

        assert [len(ids) for ids in taken] == [5, 4, 2]
        assert len({task_id for ids in taken for task_id in ids}) == 11

    async def test_what_was_taken_back_can_be_claimed_anew(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.queue.take_back(now=LATER, dead=[])
        (claimed,) = await _claim_ready(stores, owner="w2")

        assert (claimed.attempt, claimed.owner) == (2, "w2")

    async def test_the_next_due_moment_is_that_of_a_pending_task_without_blockers(
        self, stores: Stores
    ) -> None:
        assert await stores.queue.next_due() is None
        await stores.tasks.add(a_task("ready"))
        assert await stores.queue.next_due() is None
        await stores.tasks.add(a_task("a", run_after=LATER + timedelta(days=1)))
        await stores.tasks.add(a_task("b", run_after=LATER))
        await stores.tasks.add(a_task("blocked", run_after=NOW), [A])
        await stores.tasks.add(a_task("over", run_after=NOW, status=TaskStatus.CANCELLED))

        assert await stores.queue.next_due() == LATER


async def _claim_ready(
    stores: Stores, *, owner: str = WORKER, now: datetime = NOW, limit: int = 10
) -> Sequence[Task]:
    return list(
        await stores.queue.claim_ready(
            owner=OwnerId(owner), now=now, lease_until=LATER, limit=limit
        )
    )


async def _claim(stores: Stores, task_id: TaskId, owner: str = WORKER) -> Task | None:
    return await stores.queue.claim(task_id, owner=OwnerId(owner), now=NOW, lease_until=LATER)


def _ids(tasks: Sequence[Task]) -> list[str]:
    return [task.id for task in tasks]
