"""What ``TaskRepository`` promises of tasks with a dedup key."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from vespera.domain.errors import DuplicateRow, StaleTask
from vespera.domain.ids import TaskId
from vespera.domain.task import OnFailedDependency, Task, TaskStatus
from vespera.testing.conformance.samples import FAILURE, LATER, NOW, a_running_task, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

A, B = TaskId("a"), TaskId("b")
KEY = ("generic", "k")
SECOND = timedelta(seconds=1)
BEHIND = {"dedup_key": "k", "on_failed_dependency": OnFailedDependency.RUN}


class DedupSuite(PersistenceSuite):
    """The part of ``TaskRepositoryConformance`` that is of dedup keys."""

    async def test_a_dedup_key_is_taken_while_its_task_is_not_finished(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task("a", dedup_key="k"))
        with pytest.raises(DuplicateRow):
            await stores.tasks.add(a_task("b", dedup_key="k"))

        assert await stores.tasks.find([B]) == {}

    async def test_a_dedup_key_is_free_when_its_task_is_finished_and_for_other_types(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a", dedup_key="k", status=TaskStatus.COMPLETED))
        await stores.tasks.add(a_task("b", dedup_key="k"))
        await stores.tasks.add(a_task("c", dedup_key="k", specialist_type="other"))

        assert (await stores.tasks.under_way([KEY]))[KEY].id == B

    async def test_of_many_that_add_one_dedup_key_at_once_one_succeeds(
        self, stores: Stores
    ) -> None:
        new = [a_running_task, a_task] * 5
        results = await asyncio.gather(
            *(stores.tasks.add(make(f"{n}", dedup_key="k")) for n, make in enumerate(new)),
            return_exceptions=True,
        )

        assert [type(result) for result in results].count(DuplicateRow) == 9

    async def test_a_task_may_come_behind_the_one_of_its_dedup_key(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a", dedup_key="k"))
        await stores.tasks.add(a_task("b", **BEHIND), [A])

        assert (await stores.tasks.get(B)).blockers == 1
        assert (await stores.tasks.under_way([KEY]))[KEY].id == B

    async def test_only_one_may_come_behind(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a", dedup_key="k"))
        await stores.tasks.add(a_task("b", **BEHIND), [A])
        with pytest.raises(DuplicateRow):
            await stores.tasks.add(a_task("c", **BEHIND), [A, B])

    async def test_one_behind_goes_on_however_the_other_ends(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task("a", dedup_key="k"))
        await stores.tasks.add(a_task("b", **BEHIND), [A])
        await stores.tasks.save((await stores.tasks.get(A)).fail(FAILURE, LATER))

        assert (await stores.tasks.get(B)).blockers == 0

    async def test_only_what_is_not_finished_is_under_way(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", dedup_key="k", status=TaskStatus.CANCELLED))

        assert await stores.tasks.under_way([KEY, ("other", "k"), ("", "\udcff")]) == {}

    async def test_a_task_takes_over_what_is_newer(self, stores: Stores) -> None:
        first = a_task("a", dedup_key="k", run_after=LATER)
        await stores.tasks.add(first)
        await stores.tasks.debounce(A, _newer(), within=None)

        assert await stores.tasks.get(A) == replace(
            first,
            title="newer",
            description="as well",
            payload=b"[]",
            priority=5,
            run_after=LATER + SECOND,
            updated_at=NOW + SECOND,
            version=2,
        )

    async def test_it_is_due_within_a_span_after_its_creation(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a", dedup_key="k", run_after=LATER))
        await stores.tasks.debounce(A, _newer(), within=SECOND)

        assert (await stores.tasks.get(A)).run_after == NOW + SECOND

    @pytest.mark.parametrize("status", ["running", "retried", "completed", "nobody"])
    async def test_a_task_that_has_begun_takes_nothing_over(
        self, stores: Stores, status: str
    ) -> None:
        if status == "running":
            await stores.tasks.add(a_running_task("a", dedup_key="k"))
        elif status == "retried":
            await stores.tasks.add(a_task("a", dedup_key="k", attempt=1))
        elif status == "completed":
            await stores.tasks.add(a_task("a", dedup_key="k", status=TaskStatus.COMPLETED))
        with pytest.raises(StaleTask):
            await stores.tasks.debounce(A, _newer(), within=None)

        assert all(task.title == "a task" for task in await stores.tasks.page())


def _newer() -> Task:
    return a_task(
        "ignored",
        title="newer",
        description="as well",
        payload=b"[]",
        priority=5,
        timeout=9.0,
        created_at=NOW + SECOND,
        updated_at=NOW + SECOND,
        run_after=LATER + SECOND,
    )
