"""The promises of ``UnitOfWork``, and what a repository's writes have to do with it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from vespera.application.ports.persistence import UnitOfWork
from vespera.domain.errors import DuplicateRow, ForeignUnitOfWork, NestedUnitOfWork, StaleTask
from vespera.domain.ids import TaskId
from vespera.testing.conformance.samples import LATER, NOW, WORKER, a_report, a_task, an_operation
from vespera.testing.conformance.stores import PersistenceSuite, Stores

_TURNS = 12


class UnitOfWorkConformance(PersistenceSuite):
    """Give ``make_stores``; the unit of work is the one in question."""

    ports = (UnitOfWork,)

    async def test_a_write_outside_of_a_unit_is_durable_when_it_returns(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))

        assert await _ids(stores) == ["a"]

    async def test_a_unit_commits_the_writes_of_all_repositories(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            await stores.tasks.add(a_task("a"))
            await stores.tasks.add(a_task("b"))
            await stores.operations.add(an_operation("o1"))
            await stores.reports.add(a_report("r1"))

        assert await _ids(stores) == ["a", "b"]
        assert set(await stores.operations.find([an_operation("o1").id])) == {"o1"}
        assert await stores.reports.get(a_report("r1").id) == a_report("r1")

    async def test_what_an_open_unit_writes_is_seen_by_nobody(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            await stores.tasks.add(a_task("a"))
            await stores.operations.add(an_operation("o1"))
            await stores.reports.add(a_report("r1"))
            assert await _ids(stores) == []
            assert await stores.operations.of_task(TaskId("t1")) == []
            assert await stores.reports.get(a_report("r1").id) is None

    async def test_an_error_in_the_block_passes_and_drops_all_writes(self, stores: Stores) -> None:
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("a"))
                await stores.operations.add(an_operation("o1"))
                await stores.reports.add(a_report("r1"))
                raise ZeroDivisionError

        assert await _ids(stores) == []
        assert await stores.operations.all_paths() == []
        assert await stores.reports.get(a_report("r1").id) is None

    async def test_one_refused_write_drops_the_whole_unit(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        with pytest.raises(DuplicateRow):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("b"))
                await stores.tasks.add(a_task("a"))

        assert await _ids(stores) == ["a"]

    async def test_of_two_units_that_change_one_version_the_second_is_refused(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        read = await stores.tasks.get(TaskId("a"))

        async def assign(beside: str) -> None:
            async with stores.unit_of_work():
                await stores.tasks.add(a_task(beside))
                await stores.tasks.save(read.assign(NOW))

        results = await asyncio.gather(assign("b"), assign("c"), return_exceptions=True)

        assert [type(result) for result in results if result] == [StaleTask]
        assert len(await _ids(stores)) == 2

    async def test_an_empty_unit_is_fine(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            pass

    async def test_units_may_follow_each_other(self, stores: Stores) -> None:
        for name in ("a", "b"):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task(name))

        assert await _ids(stores) == ["a", "b"]

    async def test_a_unit_may_follow_one_that_failed(self, stores: Stores) -> None:
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("a"))
                raise ZeroDivisionError
        async with stores.unit_of_work():
            await stores.tasks.add(a_task("b"))

        assert await _ids(stores) == ["b"]

    async def test_a_unit_within_a_unit_is_refused(self, stores: Stores) -> None:
        with pytest.raises(NestedUnitOfWork):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("a"))
                async with stores.unit_of_work():
                    pass

        assert await _ids(stores) == []

    async def test_another_asyncio_task_cannot_write_into_an_open_unit(
        self, stores: Stores
    ) -> None:
        async with stores.unit_of_work():
            await stores.tasks.add(a_task("a"))
            with pytest.raises(ForeignUnitOfWork):
                await asyncio.create_task(_add(stores, "b"))

        assert await _ids(stores) == ["a"]

    async def test_a_task_begun_in_a_unit_is_free_when_the_unit_has_ended(
        self, stores: Stores
    ) -> None:
        ended = asyncio.Event()

        async def write_afterwards() -> None:
            await ended.wait()
            await stores.tasks.add(a_task("b"))

        async with stores.unit_of_work():
            writing = asyncio.create_task(write_afterwards())
        ended.set()
        await writing

        assert await _ids(stores) == ["b"]

    async def test_a_task_begun_in_a_unit_may_open_one_of_its_own(self, stores: Stores) -> None:
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("outer"))
                await asyncio.create_task(_add_in_a_unit(stores, ["own"]))
                raise ZeroDivisionError

        assert await _ids(stores) == ["own"]

    async def test_units_of_tasks_that_run_at_once_do_not_mix(self, stores: Stores) -> None:
        async def write(name: str, *, fails: bool) -> None:
            async with stores.unit_of_work():
                await stores.tasks.add(a_task(f"{name}1"))
                await _turn()
                await stores.tasks.add(a_task(f"{name}2"))
                if fails:
                    raise ZeroDivisionError

        await asyncio.gather(
            *(write(name, fails=name in "bd") for name in "abcde"), return_exceptions=True
        )

        assert await _ids(stores) == ["a1", "a2", "c1", "c2", "e1", "e2"]

    async def test_of_units_that_are_committed_at_once_the_guilty_fail_alone(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("taken"))
        names = [["a"], ["b", "taken"], ["c"], ["taken", "d"], ["e"]]
        results = await asyncio.gather(
            *(_add_in_a_unit(stores, unit) for unit in names), return_exceptions=True
        )

        assert [type(result) for result in results if result] == [DuplicateRow, DuplicateRow]
        assert await _ids(stores) == ["a", "c", "e", "taken"]

    async def test_a_cancelled_block_drops_its_writes(self, stores: Stores) -> None:
        begun = asyncio.Event()

        async def write() -> None:
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("a"))
                begun.set()
                await asyncio.Event().wait()

        writing = asyncio.create_task(write())
        await begun.wait()
        writing.cancel()
        await asyncio.wait([writing])

        assert writing.cancelled()
        assert await _ids(stores) == []

    async def test_a_unit_cancelled_anywhere_is_whole_and_its_outcome_is_told(
        self, stores: Stores
    ) -> None:
        for turns in range(_TURNS):
            names = [f"{turns}-1", f"{turns}-2"]
            writing = asyncio.create_task(_add_in_a_unit(stores, names))
            for _ in range(turns):
                await _turn()
            writing.cancel()
            outcome = await _outcome_of(writing)
            found = len(await stores.tasks.find([TaskId(name) for name in names]))
            assert (outcome, found) in {("committed", 2), ("rolled back", 0)}

    async def test_a_claim_is_a_transaction_of_its_own_also_inside_a_unit(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.queue.claim_ready(owner=WORKER, now=NOW, lease_until=LATER, limit=1)
                raise ZeroDivisionError

        assert (await stores.tasks.get(TaskId("a"))).status == "running"


async def _ids(stores: Stores) -> Sequence[str]:
    return [task.id for task in await stores.tasks.page()]


async def _add(stores: Stores, name: str) -> None:
    await stores.tasks.add(a_task(name))


async def _add_in_a_unit(stores: Stores, names: Sequence[str]) -> None:
    async with stores.unit_of_work():
        for name in names:
            await stores.tasks.add(a_task(name))
            await _turn()


async def _outcome_of(writing: "asyncio.Task[Any]") -> str:
    try:
        await writing
    except asyncio.CancelledError as cancelled:
        return str(getattr(cancelled, "outcome", "rolled back"))
    return "committed"


async def _turn() -> None:
    await asyncio.sleep(0)  # noqa: TID251 -- not time: a turn of the event loop
