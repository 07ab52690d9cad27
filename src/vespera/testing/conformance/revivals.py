"""The promises of ``Revivals``."""

from dataclasses import replace
from typing import Any

import pytest

from vespera.application.ports.revivals import Revivals
from vespera.domain.errors import DuplicateRow, StaleTask, TaskNotFound
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.revival import Revived
from vespera.domain.task import OnFailedDependency, ParentEnd, Task, TaskStatus
from vespera.testing.conformance.samples import (
    FAILURE,
    FENCE,
    LATER,
    NOW,
    WORKER,
    a_running_task,
    a_step,
    a_task,
    an_operation,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores

T1 = TaskId("t1")
FAILED, COMPLETED = TaskStatus.FAILED, TaskStatus.COMPLETED


class RevivalsConformance(PersistenceSuite):
    """Give ``make_stores``; the revivals are the ones in question."""

    ports = (Revivals,)

    async def test_a_revived_task_is_pending_and_has_a_clean_record(self, stores: Stores) -> None:
        ended = a_task(
            status=FAILED,
            error=FAILURE,
            outcome=b"{}",
            attempt=4,
            failures=3,
            crashes=2,
            cancelling="because",
            run_after=LATER,
            paused_at=NOW,
        )
        await stores.tasks.add(ended)
        await stores.revivals.revive([Revived(task=ended)], reason="", now=LATER)

        assert await stores.tasks.get(T1) == replace(
            ended,
            status=TaskStatus.PENDING,
            error=None,
            outcome=None,
            failures=0,
            crashes=0,
            cancelling=None,
            run_after=None,
            paused_at=None,
            retries=1,
            version=ended.version + 1,
            updated_at=LATER,
        )

    async def test_it_is_counted_where_it_stands(self, stores: Stores) -> None:
        ended = await _failed(stores)
        await stores.revivals.revive([Revived(task=ended)], reason="", now=LATER)
        counts = await stores.tasks.count_by_status()

        assert (counts[TaskStatus.PENDING], counts.get(FAILED, 0)) == (1, 0)

    async def test_it_is_told_with_the_reason(self, stores: Stores) -> None:
        ended = await _failed(stores)
        await stores.revivals.revive([Revived(task=ended)], reason="mended ✓", now=LATER)
        told = (await stores.events.page(0, types={"retried"})).events  # type: ignore[arg-type]

        assert [(e.task_id, e.at, e.data) for e in told] == [(T1, LATER, {"reason": "mended ✓"})]

    async def test_one_that_is_not_as_it_was_read_is_refused_with_all_others(
        self, stores: Stores
    ) -> None:
        ended, other = await _failed(stores), await _failed(stores, "t2")
        stale = Revived(task=replace(other, version=other.version + 1))
        with pytest.raises(StaleTask):
            await stores.revivals.revive([Revived(task=ended), stale], reason="", now=LATER)

        assert await stores.tasks.get(T1) == ended

    async def test_one_that_is_held_is_refused(self, stores: Stores) -> None:
        held = a_running_task()
        await stores.tasks.add(held)
        with pytest.raises(StaleTask):
            await stores.revivals.revive([Revived(task=held)], reason="", now=LATER)

        assert (await stores.tasks.get(T1)).owner == WORKER

    @pytest.mark.parametrize("goes", [ParentEnd.CANCEL, ParentEnd.LEAVE])
    async def test_one_that_goes_with_its_ended_parent_is_refused(
        self, stores: Stores, goes: ParentEnd
    ) -> None:
        await stores.tasks.add(a_task("parent", status=COMPLETED, outcome=b"{}"))
        child = await _failed(stores, parent_id=TaskId("parent"), on_parent_end=goes)
        refused = False
        try:
            await stores.revivals.revive([Revived(task=child)], reason="", now=LATER)
        except StaleTask:
            refused = True

        assert refused is (goes is ParentEnd.CANCEL)

    async def test_it_comes_along_with_its_parent(self, stores: Stores) -> None:
        parent = await _failed(stores, "parent")
        child = await _failed(stores, parent_id=TaskId("parent"), on_parent_end=ParentEnd.CANCEL)
        both = [Revived(task=parent), Revived(task=child)]
        await stores.revivals.revive(both, reason="", now=LATER)

        assert (await stores.tasks.get(T1)).status == "pending"

    async def test_records_are_of_earlier_epochs_and_keep_their_order(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(a_step(), FENCE)
        await stores.steps.record(a_step(name="b", seq=2, value=None, error=b"e", epoch=1), FENCE)
        running = await stores.tasks.get(T1)
        ended = replace(running.fail(FAILURE, NOW), failures=2)
        await stores.tasks.save(ended)
        await stores.revivals.revive([Revived(task=ended)], reason="", now=LATER)
        first, second = await stores.steps.of_task(T1)

        assert first.epoch < second.epoch < 0
        assert (first.value, second.error) == (a_step().value, b"e")

    async def test_what_is_undone_forgotten_and_withdrawn_holds_no_more(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        for name, seq in (("kept", 1), ("undone", 2), ("forgotten", 3)):
            await stores.steps.record(a_step(name=name, seq=seq), FENCE)
        await stores.operations.add(an_operation("o1"))
        await stores.operations.add(an_operation("o2", "b.txt"))
        ended = (await stores.tasks.get(T1)).fail(FAILURE, NOW)
        await stores.tasks.save(ended)
        plan = Revived(
            task=ended,
            undone=[a_step(name="undone", seq=2, value=None, error=b"undone")],
            forgotten=[("forgotten", 1)],
            withdrawn=[OperationId("o2")],
        )
        await stores.revivals.revive([plan], reason="", now=LATER)
        kept, undone = await stores.steps.of_task(T1)

        assert (kept.name, kept.value) == ("kept", a_step().value)
        assert (undone.name, undone.value, undone.error) == ("undone", None, b"undone")
        assert [each.id for each in await stores.operations.of_task(T1)] == ["o1"]

    async def test_those_that_wait_for_it_wait_on_but_not_those_that_ran_all_the_same(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        await stores.tasks.add(a_task("blocked"), [T1])
        runs = a_task("runs", on_failed_dependency=OnFailedDependency.RUN)
        await stores.tasks.add(runs, [T1])
        ended = (await stores.tasks.get(T1)).fail(FAILURE, NOW)
        await stores.tasks.save(ended)
        await stores.revivals.revive([Revived(task=ended)], reason="", now=LATER)
        assert await _blockers(stores, "blocked", "runs") == [1, 0]
        claimed = await stores.queue.claim(T1, owner=WORKER, now=NOW, lease_until=LATER)
        assert claimed is not None
        await stores.tasks.complete(claimed.complete(b"{}", None, NOW), operations=0)

        assert await _blockers(stores, "blocked", "runs") == [0, 0]

    async def test_kin_are_found_by_many_ids(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        await stores.tasks.add(a_task("b"))
        await stores.tasks.add(a_task("child", parent_id=TaskId("a")))
        await stores.tasks.add(a_task("waits"), [TaskId("a"), TaskId("b")])
        both, revivals = [TaskId("a"), TaskId("b")], stores.revivals

        assert [task.id for task in await revivals.children_of(both)] == ["child"]
        assert [task.id for task in await revivals.dependents_of(both)] == ["waits"]
        assert list(await revivals.children_of([TaskId("child")])) == []
        assert list(await revivals.dependents_of([])) == []

    async def test_a_fork_is_stored_with_its_records(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("first"))
        fork = a_task(forked_from=TaskId("first"))
        records = [a_step(epoch=-1), a_step(name="b", seq=2, value=None, error=b"e")]
        await stores.revivals.fork(fork, [TaskId("first")], records)

        assert await stores.tasks.get(T1) == replace(fork, blockers=1)
        assert list(await stores.steps.of_task(T1)) == records

    async def test_a_fork_that_cannot_be_stored_leaves_nothing(self, stores: Stores) -> None:
        await stores.tasks.add(a_task())
        with pytest.raises(DuplicateRow):
            await stores.revivals.fork(a_task(), [], [a_step()])
        with pytest.raises(TaskNotFound):
            await stores.revivals.fork(a_task("t2"), [TaskId("nobody")], [])

        assert list(await stores.steps.of_task(T1)) == []
        assert list(await stores.tasks.find([TaskId("t2")])) == []


async def _failed(stores: Stores, task_id: str = "t1", **fields: Any) -> Task:
    task = a_task(task_id, status=FAILED, error=FAILURE, **fields)
    await stores.tasks.add(task)
    return task


async def _blockers(stores: Stores, *task_ids: str) -> list[int]:
    return [(await stores.tasks.get(TaskId(task_id))).blockers for task_id in task_ids]
