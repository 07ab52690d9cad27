from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.schema import APPLICATION_ID, REVISIONS
from vespera.infrastructure.persistence.tables import metadata


async def test_a_new_database_has_all_tables(database):
    rows = await database.read("SELECT name FROM sqlite_master WHERE type = 'table'")

    assert {name for (name,) in rows} == {*metadata.tables, "alembic_version"}


async def test_a_new_database_is_marked_as_ours_and_with_its_revision(database):
    assert await database.read("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert await database.read("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


async def test_every_table_is_clustered_by_its_id(database):
    rows = await database.read("SELECT name, sql FROM sqlite_master WHERE type = 'table'")

    assert [name for name, text in rows if "WITHOUT ROWID" not in text] == ["alembic_version"]


def test_large_columns_come_last():
    for table in metadata.tables.values():
        kinds = [str(column.type) == "BLOB" for column in table.c if column.name != "path"]
        assert kinds == sorted(kinds)


async def plan_of(database, text, values=()):
    return " ".join(row[3] for row in await database.read(f"EXPLAIN QUERY PLAN {text}", values))


async def test_queries_on_the_hot_path_use_their_indexes(database):
    plans = {
        "tasks_ready": (sql.CLAIM_READY, ("o", 1, 1, 1, 1)),
        "tasks_delayed": (sql.NEXT_DUE, ()),
        "tasks_asleep": (sql.WAKE_DUE, (1, 1)),
        "tasks_held": (sql.TAKE_BACK_OF_OWNER, (1, "o")),
        "task_dependencies_dependents": (sql.RELEASE_DEPENDENTS, ("t",)),
        "file_operations_of_task": (sql.COMPLETE_TASK, (0,) * 14),
    }
    for index, (statement, values) in plans.items():
        plan = await plan_of(database, statement.sql, values)
        assert f"INDEX {index}" in plan, plan
        assert "SCAN tasks " not in f"{plan} ".replace("SCAN tasks USING", ""), plan
    by_key = sql.TASKS_BY_KEY.sql.replace("__many__", "?")
    assert "tasks_by_key" in await plan_of(database, by_key, ("k",))
