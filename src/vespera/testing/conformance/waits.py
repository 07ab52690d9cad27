"""What ``TaskQueue`` and ``StepRepository`` promise of tasks that wait."""

from datetime import timedelta
from typing import Any

import pytest

from vespera.domain.errors import DuplicateRow, LeaseLost
from vespera.domain.ids import OwnerId, SignalId, TaskId
from vespera.domain.step import Fence
from vespera.domain.task import Task, TaskStatus
from vespera.testing.conformance.samples import (
    FENCE,
    LATER,
    NOW,
    WORKER,
    a_running_task,
    a_signal,
    a_step,
    a_task,
    a_wait,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores

T1 = TaskId("t1")
LOST = (
    Fence(T1, 2, WORKER),
    Fence(T1, 1, OwnerId("worker-2")),
    Fence(TaskId("t2"), 1, WORKER),
    Fence(T1, 0, WORKER),
)
TICK = timedelta(microseconds=1)


class WaitingQueueSuite(PersistenceSuite):
    """The part of ``TaskQueueConformance`` that is of waiting tasks."""

    async def test_a_waiting_task_is_let_go_of_and_stays_waiting(self, stores: Stores) -> None:
        held = await _waiting(stores, wake_at=LATER)
        assert await stores.queue.park(FENCE, news=0, now=NOW)

        parked = await stores.tasks.get(T1)
        assert (parked.status, parked.owner, parked.lease_until) == ("waiting", None, None)
        assert (parked.run_after, parked.version) == (LATER, held.version + 1)

    async def test_a_task_that_has_other_news_is_not_let_go_of(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.signals.send(a_signal())
        assert not await stores.queue.park(FENCE, news=0, now=NOW)
        assert (await stores.tasks.get(T1)).owner == WORKER

        assert await stores.queue.park(FENCE, news=1, now=NOW)

    async def test_a_task_that_is_called_off_is_not_let_go_of(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.tasks.call_off(T1, "not wanted")

        assert not await stores.queue.park(FENCE, news=1, now=NOW)
        assert (await stores.tasks.get(T1)).owner == WORKER

    @pytest.mark.parametrize("fence", LOST)
    async def test_who_lost_the_task_does_not_let_go_of_it(
        self, stores: Stores, fence: Fence
    ) -> None:
        held = await _waiting(stores)

        assert not await stores.queue.park(fence, news=0, now=NOW)
        assert await stores.tasks.get(T1) == held

    async def test_a_running_task_is_not_let_go_of(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())

        assert not await stores.queue.park(FENCE, news=0, now=NOW)
        assert await stores.tasks.get(T1) == a_running_task()

    async def test_news_are_told_of_the_tasks_that_the_owner_holds(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.tasks.add(a_running_task("running"))
        await stores.tasks.add(a_running_task("other", owner=OwnerId("w2")))
        await stores.tasks.add(_asleep("asleep"))
        for task_id in ("t1", "other", "asleep"):
            await stores.signals.send(a_signal(task_id=TaskId(task_id)))

        assert dict(await stores.queue.news(WORKER)) == {"t1": 1, "running": 0}
        assert dict(await stores.queue.news(OwnerId("nobody"))) == {}

    async def test_a_waiting_task_is_claimed_from_its_moment_on(self, stores: Stores) -> None:
        await stores.tasks.add(_asleep("t1", run_after=LATER))
        await stores.tasks.add(_asleep("for ever"))
        moments: dict[str, Any] = {"owner": WORKER, "lease_until": LATER, "limit": 9}

        assert list(await stores.queue.claim_ready(now=LATER - TICK, **moments)) == []
        (claimed,) = await stores.queue.claim_ready(now=LATER, **moments)
        assert (claimed.id, claimed.status, claimed.attempt) == ("t1", "running", 2)
        assert (claimed.owner, claimed.run_after, claimed.crashes) == (WORKER, None, 0)
        assert (await stores.tasks.get(TaskId("for ever"))).status == "waiting"

    async def test_a_waiting_task_that_is_held_is_not_claimed(self, stores: Stores) -> None:
        held = await _waiting(stores, wake_at=NOW)
        moments: dict[str, Any] = {"owner": OwnerId("w2"), "now": LATER, "lease_until": LATER}

        assert list(await stores.queue.claim_ready(limit=9, **moments)) == []
        assert await stores.queue.claim(T1, **moments) is None
        assert await stores.tasks.get(T1) == held

    async def test_a_waiting_task_that_nobody_holds_can_be_claimed_before_its_moment(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(_asleep("t1", run_after=LATER))
        claimed = await stores.queue.claim(T1, owner=WORKER, now=NOW, lease_until=LATER)

        assert claimed is not None
        assert (claimed.status, claimed.attempt, claimed.owner) == ("running", 2, WORKER)

    async def test_the_lease_of_a_waiting_task_is_extended(self, stores: Stores) -> None:
        await _waiting(stores)
        until = LATER + timedelta(seconds=9)

        assert list(await stores.queue.extend({T1: 1}, owner=WORKER, lease_until=until)) == ["t1"]
        assert (await stores.tasks.get(T1)).lease_until == until

    async def test_owners_are_also_those_who_hold_waiting_tasks(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.tasks.add(_asleep("asleep"))

        assert list(await stores.queue.owners()) == [WORKER]

    @pytest.mark.parametrize("how", ["expired", "dead"])
    async def test_a_waiting_task_that_is_taken_back_has_not_crashed(
        self, stores: Stores, how: str
    ) -> None:
        await _waiting(stores, wake_at=LATER + TICK)
        await stores.tasks.add(_asleep("asleep", run_after=LATER))
        now, dead = (LATER, []) if how == "expired" else (NOW, [WORKER])

        assert list(await stores.queue.take_back(now=now, dead=dead)) == ["t1"]
        task = await stores.tasks.get(T1)
        assert (task.status, task.owner, task.lease_until) == ("pending", None, None)
        assert (task.run_after, task.crashes) == (None, 0)

    async def test_the_next_due_moment_may_be_that_of_a_waiting_task(self, stores: Stores) -> None:
        await _waiting(stores, wake_at=NOW)  # who holds it wakes it
        await stores.tasks.add(_asleep("for ever"))
        assert await stores.queue.next_due() is None
        await stores.tasks.add(_asleep("a", run_after=LATER + TICK))
        assert await stores.queue.next_due() == LATER + TICK
        await stores.tasks.add(_asleep("b", run_after=LATER))
        assert await stores.queue.next_due() == LATER
        await stores.tasks.add(a_task("c", run_after=NOW))
        assert await stores.queue.next_due() == NOW


class WaitingStepsSuite(PersistenceSuite):
    """The part of ``StepRepositoryConformance`` that is of waits."""

    async def test_a_wait_is_remembered_and_its_task_is_waiting(self, stores: Stores) -> None:
        held = await _waiting(stores, wake_at=LATER)

        assert list(await stores.steps.of_task(T1)) == [a_wait()]
        assert (held.status, held.run_after, held.owner) == ("waiting", LATER, WORKER)
        assert (held.lease_until, held.version) == (LATER, a_running_task().version)

    async def test_a_task_can_wait_again_for_what_is_remembered(self, stores: Stores) -> None:
        await _waiting(stores, wake_at=LATER)
        await stores.steps.suspend(None, FENCE, wake_at=None, now=NOW)

        assert list(await stores.steps.of_task(T1)) == [a_wait()]
        assert (await stores.tasks.get(T1)).run_after is None

    @pytest.mark.parametrize("wait", [None, a_wait()])
    @pytest.mark.parametrize("fence", LOST)
    async def test_who_lost_the_task_does_not_let_it_wait(
        self, stores: Stores, fence: Fence, wait: Any
    ) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(LeaseLost):
            await stores.steps.suspend(wait, fence, wake_at=None, now=NOW)

        assert list(await stores.steps.of_task(T1)) == []
        assert await stores.tasks.get(T1) == a_running_task()

    async def test_what_came_replaces_the_wait_and_the_task_is_running(
        self, stores: Stores
    ) -> None:
        await _waiting(stores, wake_at=LATER)
        until = LATER + timedelta(days=1)
        await stores.steps.record(a_step(), FENCE, lease_until=until)

        assert list(await stores.steps.of_task(T1)) == [a_step()]
        task = await stores.tasks.get(T1)
        assert (task.status, task.run_after, task.lease_until) == ("running", None, until)

    async def test_a_result_is_not_replaced_by_a_wait(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(a_step(), FENCE)
        with pytest.raises(DuplicateRow):
            await stores.steps.suspend(a_wait(), FENCE, wake_at=None, now=NOW)

        assert list(await stores.steps.of_task(T1)) == [a_step()]
        assert await stores.tasks.get(T1) == a_running_task()

    async def test_a_wait_replaces_the_failure_of_an_earlier_epoch(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(a_step(value=None, error=b"late"), FENCE)
        await stores.steps.suspend(a_wait(epoch=1), FENCE, wake_at=None, now=NOW)

        assert list(await stores.steps.of_task(T1)) == [a_wait(epoch=1)]

    async def test_a_signal_is_received_with_the_record_of_it_once(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.signals.send(a_signal())
        await stores.steps.record(a_step(), FENCE, received=SignalId("s1"))
        with pytest.raises((DuplicateRow, LeaseLost)):
            await stores.steps.record(a_step(occurrence=2, seq=2), FENCE, received=SignalId("s1"))

        assert list(await stores.steps.of_task(T1)) == [a_step()]
        assert [each.received_at for each in await stores.signals.of_task(T1)] == [NOW]

    async def test_who_lost_the_task_receives_nothing(self, stores: Stores) -> None:
        await _waiting(stores)
        await stores.signals.send(a_signal())
        with pytest.raises(LeaseLost):
            await stores.steps.record(a_step(), LOST[0], received=SignalId("s1"))

        assert list(await stores.signals.of_task(T1)) == [a_signal()]

    async def test_to_wait_is_a_transaction_of_its_own_also_inside_a_unit(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.steps.suspend(a_wait(), FENCE, wake_at=None, now=NOW)
                raise ZeroDivisionError

        assert (await stores.tasks.get(T1)).status == "waiting"


async def _waiting(stores: Stores, wake_at: Any = None) -> Task:
    """The task "t1", held as ``FENCE`` says, which waits."""
    await stores.tasks.add(a_running_task())
    await stores.steps.suspend(a_wait(), FENCE, wake_at=wake_at, now=NOW)
    return await stores.tasks.get(T1)


def _asleep(task_id: str, **fields: Any) -> Task:
    """A waiting task that nobody holds."""
    return a_task(task_id, status=TaskStatus.WAITING, attempt=1, **fields)
