import asyncio

import pytest

from vespera.domain.errors import ForeignUnitOfWork, NestedUnitOfWork
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


async def test_a_unit_within_a_unit_is_told_with_the_task_the_database_and_what_to_do(
    unit_of_work,
):
    nesting = asyncio.create_task(_nested(unit_of_work), name="nesting")

    with pytest.raises(NestedUnitOfWork) as caught:
        await nesting

    assert str(caught.value) == (
        "The asyncio task 'nesting' opened a unit of work of the database in memory inside another"
        " one that it has open. Leave the inner 'async with unit_of_work()' out: what it would"
        " commit is committed with the outer one. What must be committed alone is done before it"
        " or after it."
    )


async def test_a_write_into_the_unit_of_another_task_is_told_with_both_tasks_and_what_to_do(
    unit_of_work, tasks, make_task
):
    async with unit_of_work():
        writing = asyncio.create_task(tasks.add(make_task("t")), name="writing")
        with pytest.raises(ForeignUnitOfWork) as caught:
            await writing

    opener = asyncio.current_task()
    assert str(caught.value) == (
        "The asyncio task 'writing' wrote into the unit of work of the database in memory that the"
        f" task {opener.get_name()!r} has open. Write in the task that opened it, or open a unit of"
        " its own in the other one."
    )


async def _nested(unit_of_work):
    async with unit_of_work(), unit_of_work():
        raise AssertionError
