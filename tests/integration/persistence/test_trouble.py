"""A database in trouble: each kind has its typed error, names the file, and loses nothing."""

import asyncio
import sqlite3
import stat

import pytest
import sqlalchemy as sa

from vespera.domain.errors import (
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseTooNew,
    StorageError,
)
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


async def filled(path, make_task, count=300):
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await asyncio.gather(
        *(tasks.add(make_task(f"{number:04}", payload=b"x" * 500)) for number in range(count))
    )
    await database.stop()


async def refused(path, error):
    """What happens to a first start, to a second one, and to a use, of the database."""
    database = AsyncDatabaseManager(str(path), busy_timeout=0.05)
    with pytest.raises(error, match=str(path)) as first:
        await database.start()
    with pytest.raises(error):
        await database.start()
    with pytest.raises(error):
        await SqlTaskRepository(database).page()
    with pytest.raises(error):
        async with database.session():
            pass
    await database.stop()
    return str(first.value)


@pytest.mark.parametrize(
    "content", [b"x", b"x" * 511, b"hello\n", b"no database " * 1000, b"\0" * 4096]
)
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path, content):
    path.write_bytes(content)
    await refused(path, DatabaseCorrupt)

    assert path.read_bytes() == content


async def test_a_damaged_header_is_refused_and_left_as_it_was(path, make_task):
    await filled(path, make_task)
    content = b"\0" * 100 + path.read_bytes()[100:]
    path.write_bytes(content)
    await refused(path, DatabaseCorrupt)

    assert path.read_bytes() == content


async def test_a_damaged_page_is_found_when_it_is_read_and_the_rest_stays_readable(path, make_task):
    await filled(path, make_task)
    content = bytearray(path.read_bytes())
    rows = len(content) * 2 // 3  # behind the tables' first pages
    content[rows : rows + 40_000] = b"\xff" * 40_000
    path.write_bytes(content)
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)

    with pytest.raises(DatabaseCorrupt, match=str(path)):
        await tasks.page(limit=1000)
    async with database.session() as session:
        with pytest.raises(DatabaseCorrupt, match=str(path)):
            await session.execute(sa.text("SELECT * FROM tasks"))
    assert await database.read("SELECT version_num FROM alembic_version")
    await database.stop()


async def test_a_text_that_is_none_is_damage_too(path, make_task):
    await filled(path, make_task)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE tasks SET title = CAST(x'ff' AS TEXT)")
    other.close()
    database = AsyncDatabaseManager(str(path))

    with pytest.raises(DatabaseCorrupt, match=str(path)):
        await SqlTaskRepository(database).page(limit=1000)
    async with database.session() as session:
        with pytest.raises(DatabaseCorrupt, match=str(path)):
            await session.execute(sa.text("SELECT * FROM tasks"))
    await database.stop()


async def test_a_file_that_was_cut_off_is_found_to_be_damaged(path, make_task):
    await filled(path, make_task)
    path.write_bytes(path.read_bytes()[: 4096 * 6])
    database = AsyncDatabaseManager(str(path))
    with pytest.raises(DatabaseCorrupt, match=str(path)):
        await SqlTaskRepository(database).page(limit=1000)
    await database.stop()


async def test_a_database_of_another_program_is_refused_and_left_as_it_was(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    other.close()
    content = path.read_bytes()
    message = await refused(path, DatabaseCorrupt)

    assert "another program" in message
    assert path.read_bytes() == content


async def test_an_empty_database_marked_by_another_program_is_refused(path):
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id=7")
        other.execute("VACUUM")
    other.close()

    await refused(path, DatabaseCorrupt)


async def test_a_database_from_the_future_is_refused_and_left_as_it_was(path, make_task):
    await filled(path, make_task, count=3)
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    content = path.read_bytes()
    message = await refused(path, DatabaseTooNew)

    assert "9999" in message
    assert path.read_bytes() == content


async def test_a_directory_in_the_place_of_the_file_is_refused(path):
    path.mkdir()

    await refused(path, DatabaseCorrupt)


async def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    await refused(tmp_path / "file" / "work.db", DatabaseReadOnly)


async def test_missing_directories_are_made_and_our_own_is_private(tmp_path):
    path = tmp_path / "deep" / ".vespera" / "work.db"
    database = AsyncDatabaseManager(str(path))
    await database.start()
    await database.stop()

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP TABLE alembic_version", "alembic_version"),
        ("DELETE FROM alembic_version", "already exists"),
        ("DROP TABLE steps", "steps"),
    ],
)
async def test_a_database_of_ours_that_lacks_something_is_damaged(path, make_task, change, named):
    await filled(path, make_task, count=1)
    with sqlite3.connect(path) as damaging:
        damaging.execute(change)
    damaging.close()
    content = path.read_bytes()
    message = await refused(path, DatabaseCorrupt)

    assert named in message
    assert "Restore a copy" in message
    assert path.read_bytes() == content


async def test_an_empty_file_becomes_a_database(path, make_task):
    path.touch()
    await filled(path, make_task, count=1)


async def test_a_directory_that_cannot_be_written_is_refused(open_directory, unprivileged):
    open_directory.chmod(0o555)
    with unprivileged():
        await refused(open_directory / "work.db", DatabaseReadOnly)
        await refused(open_directory / "deep" / "work.db", DatabaseReadOnly)


async def test_a_file_that_cannot_be_read_is_refused(open_directory, unprivileged, make_task):
    path = open_directory / "work.db"
    await filled(path, make_task, count=1)
    path.chmod(0)
    with unprivileged():
        await refused(path, DatabaseReadOnly)


async def test_a_file_that_cannot_be_written_can_still_be_read(
    open_directory, unprivileged, make_task
):
    path = open_directory / "work.db"
    await filled(path, make_task, count=2)
    for file in open_directory.iterdir():
        file.chmod(0o444)
    with unprivileged():
        database = AsyncDatabaseManager(str(path))
        tasks = SqlTaskRepository(database)
        with pytest.raises(DatabaseReadOnly, match=str(path)):
            await tasks.add(make_task("new"))
        async with database.session() as session:
            with pytest.raises(DatabaseReadOnly, match=str(path)):
                await session.execute(sa.text("DELETE FROM tasks"))
        assert [task.id for task in await tasks.page()] == ["0000", "0001"]
        await database.stop()


async def test_a_file_that_somebody_holds_while_it_is_opened_is_locked(path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    await refused(path, DatabaseLocked)
    holder.close()


async def limit_pages(database, extra):
    def limit(connection):
        pages = connection.execute("PRAGMA page_count").fetchone()[0] + extra
        connection.execute(f"PRAGMA max_page_count={pages}")

    await database._parts._lane.run(limit)


async def test_a_full_disk_refuses_writes_goes_on_reading_and_recovers(
    database, tasks, unit_of_work, make_task
):
    await tasks.add(make_task("a"))
    await limit_pages(database, extra=4)
    with pytest.raises(DatabaseFull):
        async with unit_of_work():
            await tasks.add(make_task("b"))
            await tasks.add(make_task("c", payload=b"x" * 100_000))

    assert [task.id for task in await tasks.page()] == ["a"]
    await limit_pages(database, extra=1000)
    await tasks.add(make_task("c", payload=b"x" * 100_000))
    assert [task.id for task in await tasks.page()] == ["a", "c"]


async def test_of_many_units_a_full_disk_refuses_those_that_do_not_fit(database, tasks, make_task):
    await tasks.add(make_task("a"))
    await limit_pages(database, extra=8)
    adding = [
        tasks.add(make_task(f"{number}", payload=b"x" * size))
        for number, size in enumerate((10, 10, 10, 100_000, 10, 10))
    ]
    results = await asyncio.gather(*adding, return_exceptions=True)

    assert [type(result) for result in results].count(DatabaseFull) == 1
    assert len(await tasks.page()) == 6


async def test_a_file_size_limit_of_the_system_counts_as_a_full_disk(path, program):
    limited = program(LIMITED, path)
    said, complaint = limited.communicate(timeout=60)

    assert said.split() == ["DatabaseFull", "DatabaseFull", "a"], complaint
    assert sorted(file.name for file in path.parent.iterdir() if file.suffix != ".lock") == [
        path.name
    ]


LIMITED = """
import asyncio, resource, signal, sys
from datetime import UTC, datetime
import sqlalchemy as sa
from vespera.domain.errors import StorageError
from vespera.domain.task import Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

NOW = datetime(2030, 1, 1, tzinfo=UTC)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def task(name, payload=b""):
    return Task(id=name, title="t", description="", specialist_type="s", payload=payload,
                created_at=NOW, updated_at=NOW)

async def main():
    database = AsyncDatabaseManager(sys.argv[1], spill_above=None)
    tasks = SqlTaskRepository(database)
    await tasks.add(task("a"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    try:
        await tasks.add(task("b", b"x" * 1_000_000))
    except StorageError as error:
        print(type(error).__name__)
    try:
        async with database.session() as session:
            await session.execute(sa.text("UPDATE tasks SET payload = zeroblob(1000000)"))
            await session.commit()
    except StorageError as error:
        print(type(error).__name__)
    print(*(found.id for found in await tasks.page()))
    await database.stop()

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["removed", "replaced", "with its directory"])
async def test_a_file_that_is_taken_away_is_noticed_before_anything_is_lost(
    tmp_path, make_task, how
):
    path = tmp_path / "place" / "work.db"
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await tasks.add(make_task("a"))
    if how == "with its directory":
        path.parent.rename(tmp_path / "elsewhere")
    else:
        path.rename(tmp_path / "elsewhere.db")
    if how == "replaced":
        path.touch()

    with pytest.raises(StorageError, match="removed, moved or replaced") as refused:
        await tasks.add(make_task("b"))
    with pytest.raises(StorageError, match="removed, moved or replaced"):
        async with database.session() as session:
            await session.execute(sa.text("DELETE FROM tasks"))
    assert str(path) in str(refused.value)
    assert how == "replaced" or not path.exists()
    await database.stop()


async def test_a_session_that_is_open_notices_that_the_file_is_gone(path, make_task):
    database = AsyncDatabaseManager(str(path))
    await SqlTaskRepository(database).add(make_task("a"))
    async with database.session() as session:
        await session.execute(sa.text("SELECT * FROM tasks"))
        path.rename(path.with_name("elsewhere.db"))
        with pytest.raises(StorageError, match="removed, moved or replaced"):
            await session.execute(sa.text("DELETE FROM tasks"))
    await database.stop()


async def test_a_file_that_was_put_back_is_written_again(path, make_task):
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await tasks.add(make_task("a"))
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StorageError):
        await tasks.add(make_task("b"))
    path.with_name("elsewhere.db").rename(path)
    await tasks.add(make_task("b"))

    assert len(await tasks.page()) == 2
    await database.stop()


async def test_every_trouble_is_an_error_of_the_storage():
    for leaf in (DatabaseCorrupt, DatabaseFull, DatabaseLocked, DatabaseReadOnly, DatabaseTooNew):
        assert issubclass(leaf, StorageError)
