import asyncio

import pytest

from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork


async def ids(tasks):
    return [task.id for task in await tasks.page()]


async def test_an_empty_unit_costs_nothing(database, unit_of_work):
    async with unit_of_work():
        pass

    assert database.in_flight == 0
    assert database._parts is None


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
