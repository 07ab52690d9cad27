"""The promises of ``TaskRepository``."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.errors import DuplicateRow, StaleTask, TaskNotFound, TaskOver
from vespera.domain.ids import OwnerId, ReportId, TaskId
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, Task, TaskStatus
from vespera.testing.conformance.dedup import DedupSuite
from vespera.testing.conformance.samples import (
    FAILURE,
    LATER,
    NOW,
    WORKER,
    a_running_task,
    a_task,
    an_operation,
)
from vespera.testing.conformance.stores import Stores

A, B, C = TaskId("a"), TaskId("b"), TaskId("c")


class TaskRepositoryConformance(DedupSuite):
    """Give ``make_stores``; the task repository is the one in question."""

    ports = (TaskRepository,)

    async def test_a_task_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("parent"))
        task = _full()
        await stores.tasks.add(task)

        assert await stores.tasks.get(task.id) == task

    async def test_a_task_with_defaults_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))

        assert await stores.tasks.get(A) == a_task("a")

    async def test_moments_keep_their_microseconds(self, stores: Stores) -> None:
        moment = NOW + timedelta(microseconds=1)
        await stores.tasks.add(a_task("a", run_after=moment))

        assert (await stores.tasks.get(A)).run_after == moment

    @pytest.mark.parametrize("task_id", ["nobody", "", "a'; DROP TABLE tasks; --"])
    async def test_a_task_that_is_not_there_is_named(self, stores: Stores, task_id: str) -> None:
        with pytest.raises(TaskNotFound) as refused:
            await stores.tasks.get(TaskId(task_id))

        assert repr(task_id) in str(refused.value)

    async def test_the_same_id_twice_is_refused_and_the_first_stays(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", title="first"))
        with pytest.raises(DuplicateRow):
            await stores.tasks.add(a_task("a", title="second"))

        assert (await stores.tasks.get(A)).title == "first"

    async def test_the_same_idempotency_key_twice_is_refused(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", idempotency_key="k"))
        with pytest.raises(DuplicateRow):
            await stores.tasks.add(a_task("b", idempotency_key="k"))

        assert await stores.tasks.find([B]) == {}

    async def test_tasks_without_a_key_do_not_collide(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        await stores.tasks.add(a_task("b"))

        assert len(await stores.tasks.find([A, B])) == 2

    async def test_of_many_that_add_one_key_at_once_one_succeeds(self, stores: Stores) -> None:
        results = await asyncio.gather(
            *(stores.tasks.add(a_task(f"{n}", idempotency_key="k")) for n in range(10)),
            return_exceptions=True,
        )

        assert [type(result) for result in results].count(DuplicateRow) == 9
        assert len(await stores.tasks.page()) == 1

    async def test_an_unknown_dependency_is_named_and_nothing_is_stored(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        with pytest.raises(TaskNotFound, match="'nobody'"):
            await stores.tasks.add(a_task("b"), [A, TaskId("nobody")])

        assert await stores.tasks.find([B]) == {}

    async def test_a_dependency_may_be_added_in_the_same_unit(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            await stores.tasks.add(a_task("a"))
            await stores.tasks.add(a_task("b"), [A])

        assert (await stores.tasks.get(B)).blockers == 1

    async def test_a_new_task_is_blocked_by_what_is_not_completed(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("done", status=TaskStatus.COMPLETED))
        await stores.tasks.add(a_task("open"))
        await stores.tasks.add(a_task("failed", status=TaskStatus.FAILED))
        await stores.tasks.add(
            a_task("new"), [TaskId(name) for name in ("done", "open", "failed", "open")]
        )

        assert (await stores.tasks.get(TaskId("new"))).blockers == 2

    async def test_dependencies_come_in_the_order_they_were_given(self, stores: Stores) -> None:
        for name in ("a", "b", "c"):
            await stores.tasks.add(a_task(name))
        await stores.tasks.add(a_task("d"), [C, A, B, A])

        assert _ids(await stores.tasks.dependencies_of(TaskId("d"))) == ["c", "a", "b"]

    async def test_a_completed_task_releases_those_that_waited_for_it(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_running_task("b"))
        await stores.tasks.add(a_task("c"), [A, B])
        for task_id, left in ((A, 1), (B, 0)):
            await _complete(stores, task_id)
            assert (await stores.tasks.get(C)).blockers == left

    async def test_what_it_waited_for_is_still_told_afterwards(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_task("b"), [A])
        await _complete(stores, A)

        assert _ids(await stores.tasks.dependencies_of(B)) == ["a"]

    async def test_save_stores_every_change_of_a_transition(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        changed = a_running_task("a").try_again(FAILURE, LATER, NOW)
        await stores.tasks.save(changed)
        assert await stores.tasks.get(A) == changed
        changed = changed.claim(WORKER, LATER, NOW)
        await stores.tasks.save(changed)
        assert await stores.tasks.get(A) == changed
        changed = changed.execute(b"out", NOW, refusal=FAILURE)
        await stores.tasks.save(changed)
        assert await stores.tasks.get(A) == changed

    async def test_save_of_what_somebody_else_changed_is_refused(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        read = await stores.tasks.get(A)
        await stores.tasks.save(read.assign(NOW))
        with pytest.raises(StaleTask):
            await stores.tasks.save(read.cancel(FAILURE, NOW))

        assert (await stores.tasks.get(A)).status == "assigned"

    async def test_save_of_a_task_that_is_not_there_is_refused(self, stores: Stores) -> None:
        with pytest.raises(StaleTask):
            await stores.tasks.save(a_task("nobody"))

        assert await stores.tasks.page() == []

    async def test_of_many_that_save_one_version_at_once_one_succeeds(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        read = await stores.tasks.get(A)

        results = await asyncio.gather(
            *(stores.tasks.save(read.assign(NOW)) for _ in range(10)), return_exceptions=True
        )

        assert [type(result) for result in results].count(StaleTask) == 9

    async def test_save_does_not_undo_a_release(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_task("b"), [A])
        read = await stores.tasks.get(B)
        await _complete(stores, A)
        await stores.tasks.save(read.assign(NOW))

        assert (await stores.tasks.get(B)).blockers == 0

    async def test_complete_stores_what_save_would(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        done = (await stores.tasks.get(A)).complete(b"out", None, NOW)
        await stores.tasks.complete(done, operations=0)

        assert await stores.tasks.get(A) == done

    async def test_complete_is_refused_if_a_file_operation_was_recorded_since(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_task("b"), [A])
        await stores.operations.add(an_operation("o1", task_id=A))
        done = (await stores.tasks.get(A)).complete(b"{}", ReportId("r1"), NOW)
        for wrong in (0, 2):
            with pytest.raises(StaleTask):
                await stores.tasks.complete(done, operations=wrong)
        assert (await stores.tasks.get(A)).status == "running"
        assert (await stores.tasks.get(B)).blockers == 1
        await stores.tasks.complete(done, operations=1)

        assert (await stores.tasks.get(A)).status == "completed"
        assert (await stores.tasks.get(B)).blockers == 0

    async def test_complete_of_what_somebody_else_changed_is_refused(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_task("b"), [A])
        read = await stores.tasks.get(A)
        await stores.tasks.save(read.release(NOW))
        with pytest.raises(StaleTask):
            await stores.tasks.complete(read.complete(b"{}", None, NOW), operations=0)

        assert (await stores.tasks.get(A)).status == "pending"
        assert (await stores.tasks.get(B)).blockers == 1

    async def test_what_is_to_be_called_off_is_told_to_who_holds_it_or_where_nobody_does(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task("mine"))
        await stores.tasks.add(a_running_task("theirs", owner=OwnerId("worker-2")))
        for task_id in ("nobody's", "over", "wanted"):
            await stores.tasks.add(a_task(task_id))
        for task_id in ("mine", "theirs", "nobody's", "over"):
            await stores.tasks.call_off(TaskId(task_id), "why")
        over = await stores.tasks.get(TaskId("over"))
        await stores.tasks.save(over.cancel(FAILURE, NOW))

        mine = await stores.tasks.called_off(WORKER)
        assert [(task.id, task.cancelling) for task in mine] == [
            ("mine", "why"),
            ("nobody's", "why"),
        ]
        assert [task.id for task in await stores.tasks.called_off(None)] == ["nobody's"]

    async def test_what_is_over_or_not_there_is_not_called_off(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        await stores.tasks.save(a_task("a").cancel(FAILURE, NOW))
        for task_id in ("a", "nobody"):
            with pytest.raises(TaskOver):
                await stores.tasks.call_off(TaskId(task_id), "why")

        assert (await stores.tasks.get(TaskId("a"))).cancelling is None

    async def test_find_gives_those_that_exist(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))

        assert await stores.tasks.find([A, B]) == {"a": a_task("a")}
        assert await stores.tasks.find([]) == {}

    async def test_find_takes_any_number_of_ids(self, stores: Stores) -> None:
        names = [TaskId(f"{number:04}") for number in range(1201)]
        async with stores.unit_of_work():
            for name in names:
                await stores.tasks.add(a_task(name))

        assert sorted(await stores.tasks.find(names)) == names

    async def test_find_by_keys_gives_those_that_exist_by_their_key(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", idempotency_key="k1"))
        await stores.tasks.add(a_task("b"))
        found = await stores.tasks.find_by_keys(["k1", "k2"])

        assert {key: task.id for key, task in found.items()} == {"k1": "a"}

    async def test_pages_follow_each_other_in_the_order_of_ids(self, stores: Stores) -> None:
        for name in "dbaec":
            await stores.tasks.add(a_task(name))
        first = await stores.tasks.page(limit=2)
        second = await stores.tasks.page(after=first[-1].id, limit=2)
        third = await stores.tasks.page(after=second[-1].id, limit=2)

        assert [_ids(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]

    async def test_a_page_has_a_hundred_tasks_at_most_if_nothing_is_said(
        self, stores: Stores
    ) -> None:
        async with stores.unit_of_work():
            for number in range(101):
                await stores.tasks.add(a_task(f"{number:03}"))

        assert len(await stores.tasks.page()) == 100

    async def test_a_page_may_be_of_one_status_and_of_one_type(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", specialist_type="coder"))
        await stores.tasks.add(a_task("b", status=TaskStatus.FAILED, specialist_type="coder"))
        await stores.tasks.add(a_task("c", status=TaskStatus.FAILED))
        page = stores.tasks.page

        assert _ids(await page(status=TaskStatus.FAILED)) == ["b", "c"]
        assert _ids(await page(specialist_type="coder")) == ["a", "b"]
        assert _ids(await page(status=TaskStatus.FAILED, specialist_type="coder")) == ["b"]

    async def test_tasks_are_counted_by_status(self, stores: Stores) -> None:
        assert await _counted(stores) == {}
        for name, status in (("a", "pending"), ("b", "failed"), ("c", "pending")):
            await stores.tasks.add(a_task(name, status=TaskStatus(status)))

        assert await _counted(stores) == {"pending": 2, "failed": 1}

    async def test_dead_ends_are_found_through_other_tasks(self, stores: Stores) -> None:
        refused = {"status": TaskStatus.EXECUTED, "completion": Completion.AUTO, "error": FAILURE}
        await stores.tasks.add(a_task("failed", status=TaskStatus.FAILED))
        await stores.tasks.add(a_task("cancelled", status=TaskStatus.CANCELLED))
        await stores.tasks.add(a_task("refused", **refused))
        await stores.tasks.add(a_task("unrelated", status=TaskStatus.FAILED))
        await stores.tasks.add(a_task("middle"), [TaskId("failed"), TaskId("refused")])
        await stores.tasks.add(a_task("end"), [TaskId("middle"), TaskId("cancelled")])
        found = await stores.tasks.dead_ends_of(TaskId("end"))

        assert sorted(_ids(found)) == ["cancelled", "failed", "refused"]

    async def test_what_a_completed_task_waited_for_is_no_dead_end(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("failed", status=TaskStatus.FAILED))
        await stores.tasks.add(
            a_task("signed off", status=TaskStatus.COMPLETED), [TaskId("failed")]
        )
        await stores.tasks.add(a_task("end"), [TaskId("signed off")])

        assert await stores.tasks.dead_ends_of(TaskId("end")) == []

    async def test_a_task_that_waits_for_nothing_has_no_dead_ends(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        await stores.tasks.add(a_task("failed", status=TaskStatus.FAILED))

        assert await stores.tasks.dead_ends_of(A) == []


def _full() -> Task:
    return a_task(
        "full",
        title="Zürich \0 ✓",
        description="long " * 1000,
        specialist_type="coder",
        payload=bytes(range(256)),
        status=TaskStatus.RUNNING,
        completion=Completion.AUTO,
        parent_id=TaskId("parent"),
        priority=-7,
        timeout=0.1,
        retry=RetryPolicy(max_attempts=9, delay=0.5, retry_on=("OSError",)),
        idempotency_key="key",
        request_digest="d" * 64,
        run_after=LATER,
        version=3,
        attempt=2,
        failures=1,
        owner=WORKER,
        lease_until=NOW,
        outcome=b"\0",
        error=FAILURE,
        report_id=ReportId("r1"),
        dedup_key="customer",
    )


async def _complete(stores: Stores, task_id: TaskId) -> None:
    task = await stores.tasks.get(task_id)
    await stores.tasks.complete(task.complete(b"{}", None, NOW), operations=0)


async def _counted(stores: Stores) -> dict[str, int]:
    counts = await stores.tasks.count_by_status()
    return {status: count for status, count in counts.items() if count}


def _ids(tasks: Sequence[Task]) -> list[str]:
    return [task.id for task in tasks]
