"""A database that was migrated is the same as a new one, and a migration is all or nothing."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from vespera.domain.errors import DatabaseCorrupt, StorageError
from vespera.infrastructure.persistence import migrations
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.migrations.runner import upgrade
from vespera.infrastructure.persistence.schema import APPLICATION_ID, REVISIONS
from vespera.infrastructure.persistence.tables import metadata
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


def schema_of(path):
    """Every table and index, its text without white space, which alone may differ."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL")
        schema = {(kind, name): "".join(sql.split()) for kind, name, sql in rows}
        schema["application_id"] = connection.execute("PRAGMA application_id").fetchone()
        schema["revision"] = connection.execute("SELECT * FROM alembic_version").fetchall()
    connection.close()
    return schema


async def created(path):
    database = AsyncDatabaseManager(str(path))
    await database.start()
    await database.stop()


def at_no_revision(path):
    """A file of ours from before the first revision: marked, and with nothing but the stamp."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    connection.close()


async def test_a_migrated_file_and_a_new_one_have_the_same_schema(tmp_path):
    await created(tmp_path / "new.db")
    at_no_revision(tmp_path / "old.db")
    await created(tmp_path / "old.db")

    assert schema_of(tmp_path / "old.db") == schema_of(tmp_path / "new.db")


async def test_a_new_file_has_the_tables_that_the_code_works_with(path):
    await created(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()

    assert differences == []


def test_the_revisions_that_are_known_are_those_that_are_there():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)

    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS


async def test_a_migrated_file_works(path, make_task):
    at_no_revision(path)
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await tasks.add(make_task("a"))

    assert [task.id for task in await tasks.page()] == ["a"]
    await database.stop()


async def test_a_migration_that_fails_leaves_nothing_behind(path):
    at_no_revision(path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE verification_reports (id INTEGER)")  # created last
    connection.close()
    database = AsyncDatabaseManager(str(path))
    with pytest.raises(DatabaseCorrupt, match=str(path)):
        await database.start()

    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "tasks" not in names


def test_a_migration_is_rolled_back_with_the_transaction_it_runs_in(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    upgrade(connection)
    assert connection.in_transaction
    connection.execute("ROLLBACK")

    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
    connection.close()


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
async def test_many_may_open_a_file_at_once_and_one_makes_its_tables(path, old, make_task):
    if old:
        at_no_revision(path)
    databases = [AsyncDatabaseManager(str(path)) for _ in range(6)]
    await asyncio.gather(*(database.start() for database in databases))
    await asyncio.gather(
        *(
            SqlTaskRepository(database).add(make_task(f"{number}"))
            for number, database in enumerate(databases)
        )
    )

    assert len(await SqlTaskRepository(databases[0]).page()) == 6
    await asyncio.gather(*(database.stop() for database in databases))


def test_a_revision_that_is_nowhere_is_an_error_of_the_storage(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="9999"):
        upgrade(connection, "9999")
    connection.execute("ROLLBACK")
    connection.close()


START_UP = """
import asyncio, sys
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

async def main():
    database = AsyncDatabaseManager(sys.argv[1])
    await SqlTaskRepository(database).page()
    await database.stop()

asyncio.run(main())
slow = {"alembic", "aiosqlite", "sqlalchemy.ext.asyncio", "sqlalchemy.orm"}
print(*sorted(slow & set(sys.modules)))
"""


def test_the_first_use_of_a_new_file_imports_nothing_that_it_can_do_without(path, program):
    said, complaint = program(START_UP, path).communicate(timeout=60)

    assert (said.strip(), complaint) == ("", "")


async def test_a_file_of_ours_without_its_stamp_is_refused(path):
    await created(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE alembic_version")
    connection.close()
    database = AsyncDatabaseManager(str(path))

    with pytest.raises(DatabaseCorrupt, match="alembic_version"):
        await database.start()


OPEN = """
import asyncio, sys
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

async def main():
    database = AsyncDatabaseManager(sys.argv[1])
    sys.stdin.readline()
    await database.start()
    print(*await database.read("SELECT version_num FROM alembic_version"))
    await database.stop()

asyncio.run(main())
"""


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_many_processes_may_open_a_file_at_once(path, program, old):
    if old:
        at_no_revision(path)
    openers = [program(OPEN, path) for _ in range(4)]
    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=60) for opener in openers]

    assert [out.strip() for out, _ in said] == [f"('{REVISIONS[-1]}',)"] * 4, said
