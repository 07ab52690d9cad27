import asyncio
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from vespera.domain.errors import DatabaseLocked
from vespera.infrastructure.persistence.connection import Opening
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.tables import tasks as table

ADD = sa.text("INSERT INTO alembic_version (version_num) VALUES (:number)")
COUNT = sa.text("SELECT count(*) FROM alembic_version")


async def count(database):
    async with database.session() as session:
        return (await session.execute(COUNT)).scalar_one() - 1


async def test_what_a_session_commits_is_there(database):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        await session.commit()

    assert await count(database) == 1


async def test_what_a_session_does_not_commit_is_rolled_back(database):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})

    assert await count(database) == 0


async def test_an_error_in_the_block_rolls_back(database):
    with pytest.raises(ZeroDivisionError):
        async with database.session() as session:
            await session.execute(ADD, {"number": "x"})
            raise ZeroDivisionError

    assert await count(database) == 0


async def test_a_session_sees_what_the_repositories_wrote(database, tasks, make_task):
    await tasks.add(make_task("a"))
    async with database.session() as session:
        assert (await session.execute(sa.select(table.c.id))).scalars().all() == ["a"]


async def test_repositories_see_what_a_session_committed(database, tasks, make_task):
    await tasks.add(make_task("a"))
    async with database.session() as session:
        await session.execute(sa.update(table).values(title="changed"))
        await session.commit()

    assert (await tasks.get("a")).title == "changed"


async def test_a_savepoint_rolls_back_alone(database):
    async with database.session() as session:
        await session.execute(ADD, {"number": "kept"})
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                await session.execute(ADD, {"number": "dropped"})
                raise ZeroDivisionError
        await session.commit()

    assert await count(database) == 1


async def test_a_savepoint_that_comes_first_belongs_to_the_transaction(database):
    async with database.session() as session:
        async with session.begin_nested():
            await session.execute(ADD, {"number": "x"})
        await session.rollback()

    assert await count(database) == 0


async def test_a_table_made_by_a_session_that_rolls_back_is_gone(database):
    async with database.session() as session:
        await session.execute(sa.text("CREATE TABLE extra (id INTEGER)"))

    assert await database.read("SELECT 1 FROM sqlite_master WHERE name = 'extra'") == []


@pytest.mark.parametrize(
    "sql",
    [
        "WITH x AS (SELECT 'a' AS a) INSERT INTO alembic_version SELECT a FROM x",
        "  -- a comment\n INSERT INTO alembic_version VALUES ('a')",
        "REPLACE INTO alembic_version VALUES ('a')",
    ],
)
async def test_every_kind_of_write_can_be_rolled_back(database, sql):
    async with database.session() as session:
        await session.execute(sa.text(sql))
        await session.rollback()

    assert await count(database) == 0


async def test_many_rows_at_once_can_be_rolled_back(database):
    async with database.session() as session:
        await session.execute(ADD, [{"number": "a"}, {"number": "b"}])
        await session.rollback()

    assert await count(database) == 0


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "WITH x AS (SELECT 1) SELECT * FROM x", "PRAGMA user_version", "VALUES (1)"]
)
async def test_a_session_that_only_reads_holds_nobody_up(database, tasks, make_task, sql):
    async with database.session() as session:
        await session.execute(sa.text(sql))
        await tasks.add(make_task("a"))

    assert len(await tasks.page()) == 1


async def test_concurrent_sessions_do_not_mix(database):
    async def write(number):
        async with database.session() as session:
            await session.execute(ADD, {"number": f"{number}"})
            if number % 2:
                await session.commit()

    await asyncio.gather(*(write(number) for number in range(10)))

    assert await count(database) == 5


async def test_a_write_waits_for_a_session_that_writes(database, tasks, make_task):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        adding = asyncio.create_task(tasks.add(make_task("a")))
        while not database.in_flight:
            await asyncio.sleep(0)
        await session.commit()
    await adding

    assert len(await tasks.page()) == 1


async def test_a_write_that_waits_for_too_long_says_so_and_wrote_nothing(
    database, tasks, make_task
):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        with pytest.raises(DatabaseLocked, match="in-memory database"):
            await tasks.add(make_task("a"))

    assert list(await tasks.page()) == []


async def test_a_session_that_waits_for_too_long_says_so_with_the_same_error(database):
    async with database.session() as first, database.session() as second:
        await second.execute(COUNT)
        await first.execute(ADD, {"number": "x"})
        with pytest.raises(DatabaseLocked):
            await second.execute(ADD, {"number": "y"})


async def test_a_session_that_begins_while_another_writes_waits_and_says_so(database):
    async with database.session() as first, database.session() as second:
        await first.execute(ADD, {"number": "x"})
        with pytest.raises(DatabaseLocked):
            await second.execute(COUNT)


async def test_a_mistake_in_a_statement_is_sqlalchemys_own_error(database):
    async with database.session() as session:
        with pytest.raises(sa.exc.OperationalError):
            await session.execute(sa.text("SELECT * FROM nowhere"))


async def test_a_broken_constraint_is_sqlalchemys_own_error(database):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        with pytest.raises(sa.exc.IntegrityError):
            await session.execute(ADD, {"number": "x"})


async def test_nothing_is_in_flight_while_a_session_is_idle(database):
    async with database.session() as session:
        await session.execute(COUNT)
        assert database.in_flight == 0
        task = asyncio.create_task(session.execute(COUNT))
        await asyncio.sleep(0)
        assert database.in_flight == 1
        await task


ENDLESS = sa.text(
    "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
)


async def test_a_cancelled_query_does_not_run_on(database):
    async def query():
        async with database.session() as session:
            await session.execute(COUNT)
            await session.execute(ENDLESS)

    querying = asyncio.create_task(query())
    while not database.in_flight:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    querying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await querying

    assert database.in_flight == 0
    assert await count(database) == 0


async def test_a_connection_is_closed_though_its_opening_was_cancelled(database, monkeypatch):
    opened, connect = [], Opening.connect
    may_connect = threading.Event()
    await database.read("SELECT 1")  # the database's own connections are open

    def recorded(opening, factory):
        may_connect.wait()
        opened.append(connect(opening, factory))
        return opened[0]

    monkeypatch.setattr(Opening, "connect", recorded)

    async def query():
        async with database.session() as session:
            await session.execute(COUNT)

    querying = asyncio.create_task(query())
    while not database.in_flight:
        await asyncio.sleep(0)
    querying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await querying
    may_connect.set()
    await database.stop()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


async def test_a_cancelled_query_of_a_session_that_wrote_gives_back_the_lock(
    database, tasks, make_task
):
    kept = []
    wrote = asyncio.Event()

    async def query():
        try:
            async with database.session() as session:
                await session.execute(ADD, {"number": "x"})
                wrote.set()
                await session.execute(ENDLESS)
        except asyncio.CancelledError as error:
            kept.append(error)  # and with it all that its frames refer to

    querying = asyncio.create_task(query())
    await wrote.wait()
    await under_way_for_a_while(database)
    querying.cancel()
    await querying
    await tasks.add(make_task("a"))

    assert kept
    assert await count(database) == 0


async def test_a_query_cancelled_within_the_block_ends_the_transaction(database, tasks, make_task):
    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        query = asyncio.create_task(session.execute(ENDLESS))
        await under_way_for_a_while(database)
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)
    await tasks.add(make_task("a"))

    assert await count(database) == 0


async def test_a_query_cancelled_before_its_thread_has_begun_it_does_not_run_on(database):
    async with database.session() as session:
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
        raw._conn.interrupt()  # comes first, and the statement after it

        with pytest.raises(sa.exc.DBAPIError, match="interrupted"):
            await session.execute(ENDLESS)


async def under_way_for_a_while(database):
    while not database.in_flight:
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)


async def test_a_stream_that_was_broken_off_holds_no_lock_after_the_block(
    database, tasks, make_task
):
    for number in range(300):
        await tasks.add(make_task(f"{number}"))
    async with database.session() as session:
        rows = await session.stream(sa.select(table.c.id))
        async for _ in rows:
            break
    await tasks.add(make_task("a"))

    assert rows is not None
    assert len(await tasks.page(limit=1000)) == 301


async def test_a_stream_can_be_followed_by_another_statement_in_its_block(database):
    async with database.session() as session:
        rows = await session.stream(sa.text("VALUES (1), (2)"))
        await session.execute(ADD, {"number": "x"})
        assert (await rows.all()) == [(1,), (2,)]
        await session.commit()

    assert await count(database) == 1


async def test_a_session_that_streams_does_not_wait_for_those_who_wait_for_its_end(database):
    async with database.session() as first, database.session() as second:
        rows = await second.stream(COUNT)
        await first.execute(ADD, {"number": "x"})
        with pytest.raises(DatabaseLocked):
            await second.execute(ADD, {"number": "y"})
        await rows.close()
        await first.commit()

    assert await count(database) == 1


async def test_a_cancelled_session_waits_for_no_lock_any_more():
    database = AsyncDatabaseManager(":memory:", busy_timeout=1_000_000)

    async def write():
        async with database.session() as session:
            await session.execute(ADD, {"number": "y"})

    async with database.session() as session:
        await session.execute(ADD, {"number": "x"})
        writing = asyncio.create_task(write())
        await under_way_for_a_while(database)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await session.commit()
    assert await count(database) == 1
    await database.stop()


async def test_a_stopped_database_leaves_no_thread_of_a_session(database):
    before = threading.active_count()

    async def query():
        async with database.session() as session:
            await session.execute(ENDLESS)

    querying = [asyncio.create_task(query()) for _ in range(3)]
    while database.in_flight < 3:
        await asyncio.sleep(0)
    for task in querying:
        task.cancel()
    await asyncio.gather(*querying, return_exceptions=True)
    await database.stop()

    assert threading.active_count() == before


async def test_a_cancelled_query_of_a_session_does_not_lose_the_database(
    database, tasks, make_task
):
    await tasks.add(make_task("a"))
    slow = sa.text(
        "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 100000)"
        " SELECT count(*) FROM n"
    )

    async def query():
        async with database.session() as session:
            await session.execute(slow)

    for turns in range(12):
        querying = asyncio.create_task(query())
        for _ in range(turns):
            await asyncio.sleep(0)
        querying.cancel()
        await asyncio.gather(querying, return_exceptions=True)

    assert [task.id for task in await tasks.page()] == ["a"]
    assert await count(database) == 0
