"""What holds on every database, whatever happens around it."""

import asyncio
import random
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
import sqlalchemy as sa

from vespera.domain.errors import DatabaseLocked, DuplicateRow, StaleTask
from vespera.domain.task import TaskStatus
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


async def ids(tasks):
    return [task.id for task in await tasks.page(limit=10_000)]


async def test_rolled_back_work_never_surfaces(tasks, unit_of_work, make_task):
    seen = set()
    done = False

    async def write(number):
        async with unit_of_work():
            await tasks.add(make_task(f"{number:03}-1"))
            await asyncio.sleep(0)
            await tasks.add(make_task(f"{number:03}-2"))
            assert number % 3

    async def watch():
        while not done:
            seen.update(await ids(tasks))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(write(number) for number in range(120)), return_exceptions=True)
    done = True
    await watching
    kept = {f"{n:03}-{part}" for n in range(120) if n % 3 for part in (1, 2)}

    assert set(await ids(tasks)) == kept
    assert seen <= kept


async def test_units_are_seen_whole_or_not_at_all(tasks, unit_of_work, make_task):
    async def write(number):
        async with unit_of_work():
            for part in range(5):
                await tasks.add(make_task(f"{number:03}-{part}"))

    writing = [asyncio.create_task(write(number)) for number in range(40)]
    while not all(task.done() for task in writing):
        assert len(await ids(tasks)) % 5 == 0
        await asyncio.sleep(0)
    await asyncio.gather(*writing)


async def test_an_acknowledged_task_is_seen_at_once(tasks, make_task):
    async def write(number):
        await tasks.add(make_task(f"{number}"))
        return (await tasks.get(f"{number}")).id

    assert len(await asyncio.gather(*(write(number) for number in range(100)))) == 100


async def test_guilty_units_of_a_batch_fail_alone(tasks, unit_of_work, make_task, now):
    await tasks.add(make_task("taken"))
    stale = replace(make_task("taken"), version=7)

    async def write(number):
        async with unit_of_work():
            await tasks.add(make_task(f"{number:03}"))
            if number == 13:
                await tasks.add(make_task("taken"))
            if number == 77:
                await tasks.save(stale.assign(now))

    results = await asyncio.gather(*(write(n) for n in range(100)), return_exceptions=True)

    assert {n: type(r) for n, r in enumerate(results) if r} == {13: DuplicateRow, 77: StaleTask}
    assert sorted(await ids(tasks)) == sorted(
        [f"{number:03}" for number in range(100) if number not in (13, 77)] + ["taken"]
    )


async def test_every_task_is_claimed_by_one_worker(database, tasks, unit_of_work, make_task, now):
    queue = SqlTaskQueue(database)
    async with unit_of_work():
        for number in range(200):
            await tasks.add(make_task(f"{number:03}"))

    async def work(owner):
        mine = []
        while True:
            lease_until = now + timedelta(seconds=30)
            got = await queue.claim_ready(owner=owner, now=now, lease_until=lease_until, limit=7)
            if not got:
                return mine
            mine += [task.id for task in got]

    shares = await asyncio.gather(*(work(f"w{number}") for number in range(8)))

    assert sorted(chain(*shares)) == [f"{number:03}" for number in range(200)]
    assert await tasks.count_by_status() == {TaskStatus.RUNNING: 200}


async def test_random_cancellation_leaves_every_unit_whole_and_its_outcome_true(
    tasks, unit_of_work, make_task
):
    chance = random.Random(7)

    async def write(number):
        try:
            async with unit_of_work():
                await tasks.add(make_task(f"{number:03}-1"))
                await tasks.add(make_task(f"{number:03}-2"))
        except asyncio.CancelledError as cancelled:
            return getattr(cancelled, "outcome", "rolled back")
        return "committed"

    writing = [asyncio.create_task(write(number)) for number in range(200)]
    while not all(task.done() for task in writing):
        if chance.random() < 0.5:
            chance.choice(writing).cancel()
        await asyncio.sleep(0)
    told = await asyncio.gather(*writing, return_exceptions=True)
    found = await ids(tasks)

    for number, outcome in enumerate(told):
        count = sum(name.startswith(f"{number:03}-") for name in found)
        expected = {"committed": {2}, "rolled back": {0}}.get(str(outcome), {0, 2})
        assert count in expected, (number, outcome)


async def test_a_cancelled_read_loses_nothing(tasks, make_task):
    await tasks.add(make_task("a"))
    for turns in range(6):
        reading = asyncio.create_task(tasks.page())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert await ids(tasks) == ["a"]


async def test_a_cancelled_query_of_a_session_loses_nothing(database, tasks, make_task):
    await tasks.add(make_task("a"))

    async def query():
        async with database.session() as session:
            await session.execute(sa.text("SELECT count(*) FROM tasks AS a, tasks AS b"))

    for turns in range(15):
        querying = asyncio.create_task(query())
        for _ in range(turns):
            await asyncio.sleep(0)
        querying.cancel()
        await asyncio.gather(querying, return_exceptions=True)
    await tasks.add(make_task("b"))

    assert await ids(tasks) == ["a", "b"]


async def test_a_session_gives_back_what_it_did_not_commit(database, tasks, make_task):
    await tasks.add(make_task("a"))
    async with database.session() as session:
        await session.execute(sa.text("UPDATE tasks SET title = 'changed'"))
    await tasks.add(make_task("b"))

    assert (await tasks.get("a")).title == "a task"


async def test_a_session_that_read_and_stays_open_never_blocks_the_writer(
    database, tasks, make_task
):
    await tasks.add(make_task("a"))
    async with database.session() as session:
        await session.execute(sa.text("SELECT * FROM tasks"))
        await tasks.add(make_task("b"))

    assert await ids(tasks) == ["a", "b"]


async def test_a_write_waits_for_the_end_of_a_sessions_transaction(database, tasks, make_task):
    await database.start()
    async with database.session() as session:
        await session.execute(sa.text("UPDATE tasks SET title = 'x'"))
        adding = asyncio.create_task(tasks.add(make_task("a")))
        while not database.in_flight:
            await asyncio.sleep(0)
        await session.commit()
    await adding

    assert await ids(tasks) == ["a"]


async def test_sessions_that_write_at_once_take_turns(database, tasks, make_task):
    await tasks.add(make_task("a", priority=0))

    async def add_one():
        async with database.session() as session:
            await session.execute(sa.text("UPDATE tasks SET priority = priority + 1"))
            await session.commit()

    await asyncio.gather(*(add_one() for _ in range(20)))

    assert (await tasks.get("a")).priority == 20


async def test_a_stream_that_is_never_finished_does_not_block_a_file(file_database, make_task):
    tasks = SqlTaskRepository(file_database)
    for number in range(300):
        await tasks.add(make_task(f"{number:03}", payload=b"x" * 1000))
    async with file_database.session() as session:
        rows = await session.stream(sa.text("SELECT * FROM tasks ORDER BY id"))
        await rows.fetchone()
        await tasks.add(make_task("new"))
        await rows.close()

    assert len(await ids(tasks)) == 301


async def test_somebody_who_holds_the_file_for_too_long_is_named_with_the_file(
    file_database, path, make_task
):
    tasks = SqlTaskRepository(file_database)
    await tasks.add(make_task("a"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseLocked, match=str(path)):
        await tasks.add(make_task("b"))
    assert await ids(tasks) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    await tasks.add(make_task("b"))

    assert await ids(tasks) == ["a", "b"]


async def test_what_was_committed_is_there_when_the_file_is_opened_again(file_database, make_task):
    tasks = SqlTaskRepository(file_database)
    await tasks.add(make_task("a"))
    await file_database.stop()

    assert await ids(tasks) == ["a"]


async def test_a_file_database_ends_its_threads_when_it_stops(file_database):
    before = threading.active_count()
    await file_database.start()
    async with file_database.session() as session:
        await session.execute(sa.text("SELECT 1"))
    await file_database.stop()

    assert threading.active_count() == before


@pytest.mark.parametrize("durability", ["full", "normal"])
async def test_every_connection_is_as_durable_as_was_asked_for(path, durability):
    database = AsyncDatabaseManager(str(path), durability=durability)
    level = {"full": 2, "normal": 1}[durability]
    ask = "PRAGMA synchronous"
    assert await database.read(ask) == [(level,)]
    assert await database._parts._lane.run(lambda c: c.execute(ask).fetchone()) == (level,)
    async with database.session() as session:
        assert (await session.execute(sa.text(ask))).scalar_one() == level
        assert (await session.execute(sa.text("PRAGMA wal_autocheckpoint"))).scalar_one() == 0
    assert await database.read("PRAGMA journal_mode") == [("wal",)]
    await database.stop()


async def test_while_a_session_writes_to_a_file_others_read_and_who_writes_waits(
    file_database, make_task
):
    tasks = SqlTaskRepository(file_database)
    await tasks.add(make_task("a"))
    change = sa.text("UPDATE tasks SET title = 'changed'")
    async with file_database.session() as first, file_database.session() as second:
        await first.execute(change)
        assert (await second.execute(sa.text("SELECT title FROM tasks"))).all() == [("a task",)]
        with pytest.raises(DatabaseLocked):
            await second.execute(change)
        with pytest.raises(DatabaseLocked):
            await tasks.add(make_task("b"))
        assert (await tasks.get("a")).title == "a task"
        await first.commit()
        await second.execute(change)
        await second.commit()

    assert (await tasks.get("a")).title == "changed"
