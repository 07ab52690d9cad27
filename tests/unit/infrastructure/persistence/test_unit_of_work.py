import asyncio

import pytest

from vespera.domain.errors import DuplicateRow, ForeignUnitOfWork, NestedUnitOfWork, StaleTask
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork


async def ids(tasks):
    return [task.id for task in await tasks.page()]


async def test_a_write_outside_of_a_unit_is_durable_when_it_returns(tasks, make_task):
    await tasks.add(make_task("a"))

    assert await ids(tasks) == ["a"]


async def test_a_unit_commits_all_of_its_writes(tasks, unit_of_work, make_task):
    async with unit_of_work():
        await tasks.add(make_task("a"))
        await tasks.add(make_task("b"))

    assert await ids(tasks) == ["a", "b"]


async def test_an_open_unit_is_seen_by_nobody(tasks, unit_of_work, make_task):
    async with unit_of_work():
        await tasks.add(make_task("a"))
        assert await ids(tasks) == []


async def test_an_error_in_the_block_drops_the_unit(tasks, unit_of_work, make_task):
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work():
            await tasks.add(make_task("a"))
            raise ZeroDivisionError

    assert await ids(tasks) == []


async def test_one_refused_write_drops_the_whole_unit(tasks, unit_of_work, make_task):
    await tasks.add(make_task("a"))
    with pytest.raises(DuplicateRow):
        async with unit_of_work():
            await tasks.add(make_task("b"))
            await tasks.add(make_task("a"))

    assert await ids(tasks) == ["a"]


async def test_two_units_can_not_both_change_the_version_they_read(
    tasks, unit_of_work, make_task, now
):
    await tasks.add(make_task("a"))
    read = await tasks.get("a")

    async def assign():
        async with unit_of_work():
            await tasks.save(read.assign(now))

    results = await asyncio.gather(assign(), assign(), return_exceptions=True)

    assert sorted(type(result) for result in results if result) == [StaleTask]


async def test_an_empty_unit_costs_nothing(database, unit_of_work):
    async with unit_of_work():
        pass

    assert database.in_flight == 0
    assert database._parts is None


async def test_a_unit_inside_a_unit_is_refused(tasks, unit_of_work, make_task):
    with pytest.raises(NestedUnitOfWork):
        async with unit_of_work():
            await tasks.add(make_task("a"))
            async with unit_of_work():
                pass

    assert await ids(tasks) == []


async def test_units_may_follow_each_other(tasks, unit_of_work, make_task):
    for name in ("a", "b"):
        async with unit_of_work():
            await tasks.add(make_task(name))

    assert await ids(tasks) == ["a", "b"]


async def test_another_asyncio_task_can_not_write_to_an_open_unit(tasks, unit_of_work, make_task):
    async with unit_of_work():
        await tasks.add(make_task("a"))
        with pytest.raises(ForeignUnitOfWork):
            await asyncio.create_task(tasks.add(make_task("b")))

    assert await ids(tasks) == ["a"]


async def test_a_task_begun_in_a_unit_is_free_when_the_unit_has_ended(
    tasks, unit_of_work, make_task
):
    ended = asyncio.Event()

    async def write_afterwards():
        await ended.wait()
        await tasks.add(make_task("b"))

    async with unit_of_work():
        writing = asyncio.create_task(write_afterwards())
    ended.set()
    await writing

    assert await ids(tasks) == ["b"]


async def test_a_task_begun_in_a_unit_may_open_one_of_its_own(tasks, unit_of_work, make_task):
    async def write():
        async with unit_of_work():
            await tasks.add(make_task("own"))

    with pytest.raises(ZeroDivisionError):
        async with unit_of_work():
            await tasks.add(make_task("outer"))
            await asyncio.create_task(write())
            raise ZeroDivisionError

    assert await ids(tasks) == ["own"]


async def test_units_of_concurrent_tasks_do_not_mix(tasks, unit_of_work, make_task):
    async def write(name, fails):
        async with unit_of_work():
            await tasks.add(make_task(f"{name}1"))
            await asyncio.sleep(0)
            await tasks.add(make_task(f"{name}2"))
            assert not fails

    await asyncio.gather(
        *(write(name, fails=name in "bd") for name in "abcde"), return_exceptions=True
    )

    assert await ids(tasks) == ["a1", "a2", "c1", "c2", "e1", "e2"]


async def test_units_of_two_databases_do_not_mix(tasks, unit_of_work, make_task):
    other = AsyncDatabaseManager(":memory:")
    others = SqlTaskRepository(other)
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work():
            async with SqlUnitOfWork(other)():
                await tasks.add(make_task("here"))
                await others.add(make_task("there"))
            await others.add(make_task("there too"))
            raise ZeroDivisionError

    assert await ids(tasks) == []
    assert await ids(others) == ["there", "there too"]
    await other.stop()


async def test_a_cancelled_block_drops_its_unit(tasks, unit_of_work, make_task):
    begun = asyncio.Event()

    async def write():
        async with unit_of_work():
            await tasks.add(make_task("a"))
            begun.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert await ids(tasks) == []


async def outcome_of(writing):
    try:
        await writing
    except asyncio.CancelledError as cancelled:
        return getattr(cancelled, "outcome", "rolled back")
    return "committed"


async def test_cancelled_at_any_await_a_unit_is_whole_and_its_outcome_told(
    tasks, unit_of_work, make_task
):
    async def write(name):
        async with unit_of_work():
            await tasks.add(make_task(f"{name}-1"))
            await asyncio.sleep(0)
            await tasks.add(make_task(f"{name}-2"))

    for turns in range(8):
        writing = asyncio.create_task(write(turns))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        outcome = await outcome_of(writing)
        found = len(await tasks.find([f"{turns}-1", f"{turns}-2"]))
        assert (outcome, found) in {("committed", 2), ("rolled back", 0)}
