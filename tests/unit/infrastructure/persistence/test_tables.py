from datetime import UTC, datetime

import pytest

from vespera.domain.search import TaskSearch
from vespera.domain.task import TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.schema import APPLICATION_ID, REVISIONS
from vespera.infrastructure.persistence.searching import query_of
from vespera.infrastructure.persistence.tables import metadata

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_a_new_database_has_all_tables(database):
    rows = await database.read("SELECT name FROM sqlite_master WHERE type = 'table'")

    assert {name for (name,) in rows} == {*metadata.tables, "alembic_version"}


async def test_a_new_database_is_marked_as_ours_and_with_its_revision(database):
    assert await database.read("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert await database.read("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


async def test_every_table_is_clustered_by_its_id(database):
    rows = await database.read("SELECT name, sql FROM sqlite_master WHERE type = 'table'")

    by_number = {name for name, text in rows if "WITHOUT ROWID" not in text}
    assert by_number == {"events", "audit_entries", "alembic_version"}
    assert "id INTEGER NOT NULL" in dict(rows)["events"]


def test_large_columns_come_last():
    for table in metadata.tables.values():
        columns = [column for column in table.c if column.name not in {"path", "destination"}]
        kinds = [str(column.type) == "BLOB" for column in columns]
        assert kinds == sorted(kinds)


async def plan_of(database, text, values=()):
    return " ".join(row[3] for row in await database.read(f"EXPLAIN QUERY PLAN {text}", values))


@pytest.mark.parametrize(
    ("search", "index"),
    [
        ({}, "tasks_by_age"),
        ({"created_before": NOW, "after": (NOW, "a")}, "tasks_by_age"),
        ({"statuses": frozenset({TaskStatus.FAILED})}, "tasks_set_aside"),
        ({"statuses": frozenset({TaskStatus.ASSIGNED})}, "tasks_set_aside"),
        ({"statuses": frozenset({TaskStatus.RUNNING})}, "tasks_held"),
        ({"statuses": frozenset({TaskStatus.WAITING})}, "tasks_asleep"),
        ({"statuses": frozenset({TaskStatus.PENDING})}, "tasks_ready"),
        ({"specialist_type": "coder"}, "tasks_of_type"),
        ({"parent_id": "a"}, "tasks_children"),
        ({"failed_with": "OSError"}, "tasks_with_error"),
    ],
)
async def test_usual_searches_use_their_indexes(database, search, index):
    plan = await plan_of(database, *query_of(TaskSearch(**search), few_pending=True))

    assert f"INDEX {index}" in plan, plan


@pytest.mark.parametrize("statement", [sql.COUNT_BY_TYPE, sql.PURGEABLE_FAILED])
async def test_counting_and_purging_scan_no_tasks(database, statement):
    plan = await plan_of(database, statement.sql, (1,) * statement.sql.count("?"))

    assert "tasks_set_aside" in plan
    assert "tasks_of_type" not in plan, plan
    assert "tasks_by_age" not in plan, plan
    assert "SCAN tasks " not in f"{plan} ".replace("SCAN tasks USING", "")


@pytest.mark.parametrize(
    "statement", [sql.INSERT_BARE_TASK, sql.INSERT_BARE_RUNNING_TASK, sql.COMPLETE_BARE_TASK]
)
async def test_what_is_written_for_every_task_makes_no_table_of_its_own(database, statement):
    values = (1,) * statement.sql.count("?")
    steps = await database.read(f"EXPLAIN {statement.sql}", values)

    assert [step for step in steps if step[1] == "OpenEphemeral"] == []


async def test_queries_on_the_hot_path_use_their_indexes(database):
    plans = {
        "tasks_ready": (sql.CLAIM_READY, ("o", 1, 1, 1, 1, 1)),
        "tasks_delayed": (sql.NEXT_DUE, ()),
        "tasks_asleep": (sql.WAKE_DUE, {"now": 1}),
        "tasks_held": (sql.TAKE_BACK_OF_OWNER, (1, "o", 1)),
        "task_dependencies_dependents": (sql.RELEASE_DEPENDENTS, ("t",)),
        "file_operations_of_task": (sql.COMPLETE_TASK, (0,) * 14),
    }
    for index, (statement, values) in plans.items():
        plan = await plan_of(database, statement.sql, values)
        assert f"INDEX {index}" in plan, plan
        assert "SCAN tasks " not in f"{plan} ".replace("SCAN tasks USING", ""), plan
    wake = await plan_of(database, sql.WAKE_DUE.sql, {"now": 1})
    assert "INDEX tasks_delayed (run_after>? AND run_after<?)" in wake, wake
    claim = await plan_of(database, sql.CLAIM_READY.sql, ("o", 1, 1, 1, 1, 1))
    by_version = "tasks_ready_by_version (specialist_type=? AND handler_version"
    for way in ("tasks_ready (gate=?)", f"{by_version}>?)", f"{by_version}=?)"):
        assert f"INDEX {way}" in claim, claim
    start = await plan_of(database, sql.START_FIRST.sql, {"now": 1})
    for index in (
        "tasks_ready (gate=?)",
        f"{by_version}>?)",
        f"{by_version}=?)",
        "tasks_running_through_gates (gate=?)",
        "starts_of_type (specialist_type=? AND began_at>? AND began_at<?)",
    ):
        assert f"INDEX {index}" in start, start
    by_key = sql.TASKS_BY_KEY.sql.replace("__many__", "?")
    assert "tasks_by_key" in await plan_of(database, by_key, ("k",))
