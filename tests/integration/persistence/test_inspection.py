"""Each rule of the check finds what breaks it, and nothing in what the engine has written."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from vespera import Container, TaskOrchestrator, providers
from vespera.domain.task import ALLOWED, TaskStatus
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.inspection import MOST_LISTED, inspect_database
from vespera.infrastructure.persistence.invariants import RULES
from vespera.infrastructure.persistence.tables import metadata
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository


async def good(task):
    await task.step("first", lambda: 1)
    await task.files.write_text(f"{task.id}.txt", "done")
    return {"a": 1}


async def bad(task):
    await task.step("choose", failing)


async def dreaming(task):
    await task.files.track_file_create("dream.txt")


def failing():
    raise ValueError("none is good enough")


class Working(Container):
    specialists = providers.Aggregate(
        good=providers.Object(good), bad=providers.Object(bad), dreaming=providers.Object(dreaming)
    )


@pytest.fixture
async def worked_with(path, tmp_path):
    """A file in which tasks have come to every kind of end."""
    (tmp_path / "space").mkdir()
    async with Working(database_url=str(path), workspace=str(tmp_path / "space")) as container:
        await container.get(TaskOrchestrator).run_all(
            [
                {"title": "a", "specialist_type": "good", "task_id": "a"},
                {"title": "b", "specialist_type": "good", "task_id": "b", "depends_on": ["a"]},
                {"title": "c", "specialist_type": "bad", "task_id": "c", "depends_on": ["b"]},
                {"title": "d", "specialist_type": "good", "task_id": "d", "depends_on": ["a", "c"]},
                {"title": "e", "specialist_type": "dreaming", "task_id": "e"},
                {"title": "f", "specialist_type": "nobody", "task_id": "f", "parent_id": "a"},
            ]
        )
        await container.get(TaskOrchestrator).schedule("nightly", title="g", cron="@daily")
    return path


@pytest.fixture
def check(path):
    return SqliteDatabaseCare(path).check


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


async def test_what_the_engine_writes_breaks_no_rule(worked_with, check):
    inspection = await check()

    assert (inspection.flaws, inspection.unlisted, inspection.sound) == ([], 0, True)


async def test_what_the_engine_writes_breaks_no_rule_at_any_moment(path, check, tmp_path):
    (tmp_path / "space").mkdir()
    requests = [
        {"title": f"{n}", "specialist_type": kind, "task_id": f"{n:03}", "depends_on": after}
        for n in range(40)
        for kind in [("good", "bad", "dreaming")[n % 3]]
        for after in [[f"{n - 3:03}"] if n % 9 == 3 else []]
    ]
    async with Working(database_url=str(path), workspace=str(tmp_path / "space")) as container:
        await container.get(TaskOrchestrator).create_tasks(requests)
        work = asyncio.create_task(container.get(TaskOrchestrator).run_until_idle())
        found = []
        while not work.done():
            found.append(await check())
        await work

    assert [inspection.flaws for inspection in found if not inspection.sound] == []


COUNTERS = (
    "task 'a' has counters that cannot be: more failures or crashes than attempts, or less than"
    " nothing"
)
FAULTS = [
    (
        "schedule",
        "schedule 'nightly' has both a cron text and a distance, or neither",
        "UPDATE schedules SET every = 5.0",
    ),
    (
        "schedule",
        "schedule 'nightly' has a policy that does not exist",
        "UPDATE schedules SET overlap = 'perhaps'",
    ),
    ("orphan", "steps name 'first' occurrence 1: task_id 'a' is not in tasks", "DELETE FROM tasks"),
    (
        "orphan",
        "tasks id 'f': parent_id 'nobody' is not in tasks",
        "UPDATE tasks SET parent_id = 'nobody' WHERE id = 'f'",
    ),
    (
        "orphan",
        "task_dependencies task_id 'b': depends_on 'a' is not in tasks",
        "DELETE FROM tasks WHERE id = 'a'",
    ),
    (
        "orphan",
        "task_dependencies depends_on 'a': task_id 'b' is not in tasks",
        "DELETE FROM tasks WHERE id = 'b'",
    ),
    (
        "status",
        "task 'a' has a status that does not exist",
        "UPDATE tasks SET status = 'dreaming' WHERE id = 'a'",
    ),
    (
        "status",
        "task 'a' is completed in a way that does not exist",
        "UPDATE tasks SET completion = 'perhaps' WHERE id = 'a'",
    ),
    (
        "owner",
        "task 'f' is running, but nobody holds it; it will never be taken back",
        "UPDATE tasks SET status = 'running', attempt = 1, owner = 'me' WHERE id = 'f'",
    ),
    (
        "owner",
        "task 'f' is running, but nobody holds it; it will never be taken back",
        "UPDATE tasks SET status = 'running', attempt = 1, lease_until = 1 WHERE id = 'f'",
    ),
    (
        "owner",
        "task 'a' is held, but not running",
        "UPDATE tasks SET owner = 'me' WHERE id = 'a'",
    ),
    (
        "owner",
        "task 'a' is held, but not running",
        "UPDATE tasks SET lease_until = 1 WHERE id = 'a'",
    ),
    (
        "owner",
        "task 'f' is held by half: it has an owner without a lease, or a lease without an owner",
        "UPDATE tasks SET status = 'waiting', owner = 'me' WHERE id = 'f'",
    ),
    (
        "wait",
        "task 'f' is waiting, but for nothing",
        "UPDATE tasks SET status = 'waiting' WHERE id = 'f'",
    ),
    (
        "blockers",
        "task 'd' waits for 0 others by its count, but for 1 in fact",
        "UPDATE tasks SET blockers = 0 WHERE id = 'd'",
    ),
    (
        "blockers",
        "task 'a' waits for 2 others by its count, but for 0 in fact",
        "UPDATE tasks SET blockers = 2 WHERE id = 'a'",
    ),
    (
        "blockers",
        "task 'd' is running, but waits for others",
        (
            "UPDATE tasks SET status = 'running', attempt = 1, owner = 'me', lease_until = 1"
            " WHERE id = 'd'"
        ),
    ),
    (
        "attempt",
        "task 'f' is running, but no attempt at it was begun",
        (
            "UPDATE tasks SET status = 'running', owner = 'me', lease_until = 1, attempt = 0"
            " WHERE id = 'f'"
        ),
    ),
    (
        "attempt",
        COUNTERS,
        "UPDATE tasks SET failures = 7 WHERE id = 'a'",
    ),
    (
        "attempt",
        COUNTERS,
        "UPDATE tasks SET version = 0 WHERE id = 'a'",
    ),
    ("attempt", COUNTERS, "UPDATE tasks SET crashes = 2 WHERE id = 'a'"),
    ("attempt", COUNTERS, "UPDATE tasks SET crashes = -1 WHERE id = 'a'"),
    (
        "outcome",
        "task 'a' is done, but has no outcome",
        "UPDATE tasks SET outcome = NULL WHERE id = 'a'",
    ),
    (
        "error",
        "task 'c' has ended badly, but no error says why",
        "UPDATE tasks SET error = NULL WHERE id = 'c'",
    ),
    (
        "report",
        "task 'a' rests on a verification report that is not there",
        "UPDATE tasks SET report_id = 'none' WHERE id = 'a'",
    ),
    (
        "step",
        "step 'first' (occurrence 1) of task 'a' has both a value and an error, or neither",
        "UPDATE steps SET value = NULL WHERE task_id = 'a'",
    ),
    (
        "step",
        "step 'choose' (occurrence 1) of task 'c' has both a value and an error, or neither",
        "UPDATE steps SET value = x'31' WHERE task_id = 'c'",
    ),
    (
        "json",
        "tasks id 'c': error is no JSON",
        "UPDATE tasks SET error = 'oops' WHERE id = 'c'",
    ),
    (
        "json",
        "tasks id 'a': retry is no JSON",
        "UPDATE tasks SET retry = '{' WHERE id = 'a'",
    ),
    (
        "counts",
        "there are 0 'completed' tasks of the type 'never', but 3 are counted",
        "INSERT INTO task_counts VALUES ('never', 'completed', 3)",
    ),
    (
        "counts",
        "'failed' tasks of the type 'never' are not counted",
        "UPDATE tasks SET specialist_type = 'never' WHERE id = 'c'",
    ),
    (
        "cycle",
        "tasks wait for each other: 'd' -> 'c' -> 'd'",
        "INSERT INTO task_dependencies VALUES ('c', 'd', 9, 0)",
    ),
    (
        "gate",
        "task 'd' has a type that is limited or paused, but would not pass its gate",
        "INSERT INTO gates (specialist_type, max_concurrent) VALUES ('good', 1)",
    ),
    (
        "gate",
        "task 'f' has a type that is limited or paused, but would not pass its gate",
        "INSERT INTO gates (specialist_type, max_concurrent) VALUES ('*', 1)",
    ),
    (
        "gate",
        "task 'd' waits at a gate that is not there; it will never begin",
        "UPDATE tasks SET gate = '*' WHERE id = 'd'",
    ),
    ("schema", "the index tasks_by_key is missing", "DROP INDEX tasks_by_key"),
    (
        "schema",
        "the table steps is not as this version makes it",
        "ALTER TABLE steps ADD COLUMN colour TEXT",
    ),
]


@pytest.mark.parametrize(("rule", "text", "fault"), FAULTS)
async def test_each_rule_finds_what_breaks_it(worked_with, check, rule, text, fault):
    execute(worked_with, fault)

    inspection = await check()

    assert (rule, text) in [(flaw.rule, flaw.text) for flaw in inspection.flaws]
    assert not inspection.sound


def test_every_rule_is_broken_by_one_of_these_faults():
    told = {rule for rule, _, _ in FAULTS}

    assert {rule.name for rule in RULES} <= told


def test_every_foreign_key_has_a_rule():
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]

    assert len([rule for rule in RULES if rule.name == "orphan"]) == len(keys)


async def test_a_dependency_that_is_waited_for_no_more_does_not_count(path, check):
    behind = {"depends_on": ["a", "z"], "on_failed_dependency": "run"}
    async with Working(database_url=str(path)) as container:
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.create_tasks(
            [
                {"title": "a", "specialist_type": "bad", "task_id": "a"},
                {"title": "z", "specialist_type": "good", "task_id": "z"},
                {"title": "b", "specialist_type": "good", "task_id": "b", **behind},
            ]
        )
        await orchestrator.pause_task("z")
        await orchestrator.run_until_idle()
        failed = await check()
        assert (await orchestrator.retry_task("a")).success
    retried = await check()
    execute(path, "UPDATE tasks SET blockers = 2 WHERE id = 'b'")
    (flaw,) = (await check()).flaws

    assert (failed.flaws, retried.flaws) == ([], [])
    assert flaw.text == "task 'b' waits for 2 others by its count, but for 1 in fact"


async def test_a_circle_whose_tasks_are_done_is_none(worked_with, check):
    execute(worked_with, "INSERT INTO task_dependencies VALUES ('a', 'b', 9, 0)")

    assert (await check()).sound


async def test_a_damaged_page_is_found_and_the_rest_is_checked_all_the_same(worked_with, check):
    execute(worked_with, "UPDATE tasks SET outcome = NULL WHERE id = 'a'")
    damage(worked_with, "tasks_held")

    inspection = await check()

    rules = {flaw.rule for flaw in inspection.flaws}
    assert {"integrity", "outcome"} <= rules


async def test_a_rule_that_cannot_be_checked_is_a_finding(worked_with, check):
    execute(worked_with, "ALTER TABLE steps RENAME COLUMN value TO worth")

    inspection = await check()

    assert "cannot be checked: no such column: steps.value" in [f.text for f in inspection.flaws]


async def test_many_flaws_of_one_kind_are_counted_beyond_the_first(path, check, make_task):
    database = AsyncDatabaseManager(path)
    for number in range(MOST_LISTED + 7):
        await SqlTaskRepository(database).add(make_task(f"{number:04}"))
    await database.stop()
    execute(path, "UPDATE tasks SET status = 'completed', attempt = 1")
    execute(path, "INSERT INTO task_counts SELECT 'generic', 'completed', count(*) FROM tasks")

    inspection = await check()

    assert (len(inspection.flaws), inspection.unlisted) == (MOST_LISTED, 7)


async def test_a_file_of_an_older_revision_is_not_called_sound(worked_with, check):
    execute(worked_with, "DELETE FROM alembic_version")

    inspection = await check()

    (flaw,) = inspection.flaws
    assert flaw.rule == "revision"
    assert "vespera db migrate" in flaw.text


async def test_a_check_changes_nothing(worked_with, check):
    before = worked_with.read_bytes()

    await check()

    assert worked_with.read_bytes() == before


async def test_a_check_that_is_called_off_ends_soon(worked_with, check):
    work = asyncio.create_task(check())
    for _ in range(3):
        await asyncio.sleep(0)
    work.cancel()

    with pytest.raises(asyncio.CancelledError):
        await work


@pytest.fixture
def at_integrity(worked_with):
    """A connection that does something just before SQLite's own check begins."""
    with closing(sqlite3.connect(worked_with, isolation_level=None)) as connection:

        def arrange(act):
            connection.set_trace_callback(lambda sql: "integrity_check" in sql and act())
            return connection

        yield arrange


def test_what_is_judged_is_one_moment(worked_with, at_integrity):
    connection = at_integrity(lambda: execute(worked_with, "DELETE FROM tasks"))

    inspection = inspect_database(connection, path="work.db")

    assert inspection.flaws == []
    connection.set_trace_callback(None)
    assert not inspect_database(connection, path="work.db").sound


def test_a_check_that_is_interrupted_finds_nothing_but_says_so(at_integrity):
    called_off = []
    connection = at_integrity(lambda: called_off.append(True))
    connection.set_progress_handler(lambda: bool(called_off) and called_off.pop(), 1)

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        inspect_database(connection, path="work.db")


def test_the_statuses_of_the_rule_are_all_there_are():
    assert set(ALLOWED) == set(TaskStatus)


def damage(path, index):
    """Write nonsense over the root page of an index; all else stays readable."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(sql, (index,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x0d" + b"\xff" * (size - 1))
