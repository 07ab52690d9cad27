"""The promises of ``TaskRepository.search`` and of its counts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from vespera.application.ports.persistence import TaskRepository
from vespera.domain.ids import TaskId
from vespera.domain.search import TaskOrder, TaskSearch
from vespera.domain.task import FINISHED, TaskFailure, TaskStatus
from vespera.testing.conformance.samples import FAILURE, NOW, WORKER, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

SECOND = timedelta(seconds=1)


class TaskSearchConformance(PersistenceSuite):
    """Give ``make_stores``; the task repository is the one in question."""

    ports = (TaskRepository,)

    async def test_the_newest_come_first_and_the_oldest_if_asked_for(self, stores: Stores) -> None:
        for name, age in (("b", 1), ("c", 0), ("a", 2), ("d", 1)):
            await stores.tasks.add(a_task(name, created_at=NOW - age * SECOND))

        assert await _found(stores) == ["c", "d", "b", "a"]
        assert await _found(stores, order=TaskOrder.OLDEST) == ["a", "b", "d", "c"]

    @pytest.mark.parametrize("order", list(TaskOrder))
    async def test_pages_follow_each_other_behind_a_place(
        self, stores: Stores, order: TaskOrder
    ) -> None:
        for name, age in (("b", 1), ("c", 0), ("a", 2), ("d", 1)):
            await stores.tasks.add(a_task(name, created_at=NOW - age * SECOND))
        whole = await stores.tasks.search(TaskSearch(order=order))
        for behind, task in enumerate(whole, 1):
            place = (task.created_at, task.id)
            rest = await _found(stores, order=order, after=place, limit=2)

            assert rest == [other.id for other in whole[behind : behind + 2]]

    async def test_tasks_are_found_by_what_they_are(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("parent", specialist_type="coder"))
        await stores.tasks.add(a_task("child", parent_id=TaskId("parent")))
        await stores.tasks.add(a_task("failed", status=TaskStatus.FAILED, error=FAILURE))

        assert await _found(stores, specialist_type="coder") == ["parent"]
        assert await _found(stores, parent_id=TaskId("parent")) == ["child"]
        assert await _found(stores, failed_with="ValueError") == ["failed"]
        assert await _found(stores, failed_with="Exception") == ["failed"]
        assert await _found(stores, failed_with="Value") == []

    @pytest.mark.parametrize("status", list(TaskStatus))
    async def test_tasks_are_found_and_counted_by_status(
        self, stores: Stores, status: TaskStatus
    ) -> None:
        await _one_of_each_status(stores)
        await stores.tasks.add(a_task("blocked"), [TaskId("pending")])
        expected = {status.value, *(["blocked"] if status is TaskStatus.PENDING else [])}

        assert set(await _found(stores, statuses=frozenset({status}))) == expected
        counted = (await stores.tasks.count_by_type())["generic"]
        assert counted[status] == len(expected)

    async def test_several_statuses_may_be_asked_for(self, stores: Stores) -> None:
        await _one_of_each_status(stores)

        assert set(await _found(stores, statuses=FINISHED)) == set(map(str, FINISHED))

    async def test_moments_are_exclusive(self, stores: Stores) -> None:
        for age in range(3):
            at = NOW - age * SECOND
            await stores.tasks.add(a_task(f"{age}", created_at=at, updated_at=at))
        middle = NOW - SECOND

        assert await _found(stores, created_after=middle) == ["0"]
        assert await _found(stores, created_before=middle) == ["2"]
        assert await _found(stores, updated_after=middle) == ["0"]
        assert await _found(stores, updated_before=middle) == ["2"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("REPORT", ["a"]), ("50%", ["b"]), ("_", ["c"]), ("!", ["d"]), ("none", [])],
    )
    async def test_a_text_in_the_title_is_taken_as_it_is(
        self, stores: Stores, text: str, expected: list[str]
    ) -> None:
        titles = {"a": "a report", "b": "50% off", "c": "snake_case", "d": "now!", "e": "502"}
        for name, title in titles.items():
            await stores.tasks.add(a_task(name, title=title))

        assert await _found(stores, title_contains=text) == expected

    async def test_each_type_is_counted_by_itself_whatever_becomes_of_it(
        self, stores: Stores
    ) -> None:
        for name, kind in (("a", "coder"), ("b", "coder"), ("c", "writer")):
            await stores.tasks.add(a_task(name, specialist_type=kind))
        task = a_task("a", specialist_type="coder").claim(WORKER, NOW, NOW)
        await stores.tasks.save(task)
        why = TaskFailure(error_types=("E",), message="no")
        await stores.tasks.save(task.fail(why, NOW))

        assert await stores.tasks.count_by_type() == {
            "coder": {TaskStatus.FAILED: 1, TaskStatus.PENDING: 1},
            "writer": {TaskStatus.PENDING: 1},
        }


async def _one_of_each_status(stores: Stores) -> None:
    for status in TaskStatus:
        held = {"owner": WORKER, "lease_until": NOW} if status is TaskStatus.RUNNING else {}
        await stores.tasks.add(a_task(status.value, status=status, **held))


async def _found(stores: Stores, **fields: Any) -> Sequence[str]:
    return [task.id for task in await stores.tasks.search(TaskSearch(**fields))]
