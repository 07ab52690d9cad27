import asyncio
import gc
import threading

import pytest

from vespera.domain.errors import DatabaseClosed, ForeignEventLoop, InvalidRequest
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


async def test_nothing_is_opened_before_the_first_use():
    database = AsyncDatabaseManager(":memory:")

    assert database._parts is None
    assert database.in_flight == 0


async def test_starting_twice_and_at_once_changes_nothing(database, tasks, make_task):
    await asyncio.gather(*(database.start() for _ in range(10)))
    await tasks.add(make_task("a"))
    await database.start()

    assert len(await tasks.page()) == 1


async def test_the_first_uses_may_come_at_once(tasks, make_task):
    await asyncio.gather(*(tasks.add(make_task(f"{number}")) for number in range(10)))

    assert len(await tasks.page()) == 10


async def test_a_cancelled_start_does_not_spoil_the_start_of_others(database, tasks, make_task):
    starting = [asyncio.create_task(database.start()) for _ in range(3)]
    await asyncio.sleep(0)
    starting[0].cancel()
    results = await asyncio.gather(*starting, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError, type(None), type(None)]
    await tasks.add(make_task("a"))


async def test_stopping_twice_or_unstarted_changes_nothing(database):
    await database.stop()
    await database.start()
    await asyncio.gather(database.stop(), database.stop())
    await database.stop()


async def test_a_stopped_database_in_memory_begins_anew(database, tasks, make_task):
    await tasks.add(make_task("a"))
    await database.stop()

    assert list(await tasks.page()) == []


async def test_stopping_while_it_starts_leaves_it_stopped(database):
    starting = asyncio.create_task(database.start())
    await asyncio.sleep(0)
    await database.stop()
    await asyncio.gather(starting, return_exceptions=True)

    assert database._parts is None or (await database.stop()) is None


async def test_what_was_handed_over_before_the_stop_is_committed(database, tasks, make_task):
    await database.start()
    adding = [asyncio.create_task(tasks.add(make_task(f"{number}"))) for number in range(5)]
    await asyncio.sleep(0)
    await database.stop()

    assert await asyncio.gather(*adding) == [None] * 5


async def test_what_comes_during_the_stop_is_told_so(database, tasks):
    await database.start()
    stopping = asyncio.create_task(database.stop())
    await asyncio.sleep(0)
    with pytest.raises(DatabaseClosed):
        await tasks.page()
    await stopping


async def test_a_cancelled_stop_still_closes(database):
    await database.start()
    stopping = asyncio.create_task(database.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await database.stop()

    assert database._parts is None
    assert database._stopping.done()


async def test_two_databases_in_memory_share_nothing(tasks, make_task):
    other = AsyncDatabaseManager(":memory:")
    await tasks.add(make_task("a"))

    assert list(await SqlTaskRepository(other).page()) == []
    await other.stop()


def test_a_database_in_use_by_one_event_loop_is_refused_to_another(make_task):
    database = AsyncDatabaseManager(":memory:")
    tasks = SqlTaskRepository(database)
    asyncio.run(tasks.add(make_task("a")))
    for use in (tasks.page(), tasks.add(make_task("b")), database.start()):
        with pytest.raises(ForeignEventLoop, match="stop it"):
            asyncio.run(use)
    asyncio.run(database.stop())
    asyncio.run(tasks.add(make_task("a")))
    asyncio.run(database.stop())


async def test_a_forgotten_database_warns_and_is_closed():
    database = AsyncDatabaseManager(":memory:")
    await database.start()
    parts = database._parts

    with pytest.warns(ResourceWarning, match="never stopped"):
        del database
        gc.collect()

    assert parts._lane._connection is None


async def test_a_database_in_memory_needs_no_thread(tasks, unit_of_work, make_task):
    before = threading.active_count()
    async with unit_of_work():
        await tasks.add(make_task("a"))
    await tasks.page()

    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("durability", "off"),
        ("durability", None),
        ("busy_timeout", -1),
        ("busy_timeout", float("nan")),
        ("busy_timeout", float("inf")),
        ("busy_timeout", "5"),
        ("busy_timeout", True),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_field(field, value):
    with pytest.raises(InvalidRequest) as refused:
        AsyncDatabaseManager(":memory:", **{field: value})

    assert refused.value.field == field


def test_a_database_in_memory_has_no_path():
    assert AsyncDatabaseManager(":memory:").path is None


SHARED = "sqlite+aiosqlite:///:memory:test-database-shared"


async def test_named_memory_is_shared_and_lasts_while_somebody_has_it_open(make_task):
    first, second = AsyncDatabaseManager(SHARED), AsyncDatabaseManager(SHARED)
    await SqlTaskRepository(first).add(make_task("a"))
    await SqlTaskRepository(second).add(make_task("b"))
    await first.stop()

    assert [task.id for task in await SqlTaskRepository(second).page()] == ["a", "b"]
    assert (first.shared, AsyncDatabaseManager(":memory:").shared) == (True, False)

    await second.stop()

    assert await SqlTaskRepository(first).page() == []
    await first.stop()


async def test_an_abandoned_database_keeps_what_was_committed_and_warns_of_nothing(make_task):
    keeper, abandoned = AsyncDatabaseManager(SHARED), AsyncDatabaseManager(SHARED)
    await keeper.start()
    await SqlTaskRepository(abandoned).add(make_task("a"))

    abandoned.abandon()
    abandoned.abandon()
    del abandoned
    gc.collect()

    assert [task.id for task in await SqlTaskRepository(keeper).page()] == ["a"]
    await keeper.stop()


async def test_the_lanes_may_come_from_somewhere_else(make_task):
    made = []

    def lane(**settings):
        made.append(settings["name"])
        return Lane(**settings)

    database = AsyncDatabaseManager(":memory:", lane=lane)
    await SqlTaskRepository(database).add(make_task("a"))
    await database.stop()

    assert made == ["vespera-writer"]
