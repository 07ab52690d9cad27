"""`vespera db migrate|check|backup|vacuum`."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from vespera.infrastructure.persistence.schema import APPLICATION_ID, REVISIONS

NEWEST = REVISIONS[-1]
JOB = """
    from vespera import Container, TaskOrchestrator, providers

    async def worker(task):
        return task.payload

    class Working(Container):
        specialists = providers.Aggregate(worker=providers.Object(worker))

    async def main(container, input):
        request = {"title": "Work", "specialist_type": "worker", "task_id": "one"}
        await container.get(TaskOrchestrator).run_all([request])
"""
VERBS = [["migrate"], ["check"], ["backup", "copy.db"], ["vacuum", "-y"]]


@pytest.fixture
def worked(vespera, program, workspace):
    """The database of a program that was run."""
    ran = vespera("run", program(JOB))
    assert ran.exit_code == 0, ran.stderr
    return workspace / ".vespera" / "vespera.db"


@pytest.fixture(autouse=True)
def _here(workspace, monkeypatch):
    monkeypatch.chdir(workspace)


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(sql).fetchall() for sql in statements][-1]


def test_migrate_says_that_there_is_nothing_to_do(vespera, worked):
    ran = vespera("db", "migrate")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"{worked}: is of revision {NEWEST} already\n"


def test_migrate_tells_from_where_to_where(vespera, workspace):
    execute(
        workspace / "old.db",
        f"PRAGMA application_id={APPLICATION_ID}",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    )

    ran = vespera("db", "migrate", "--db", "old.db", "--json")

    told = {"path": str(workspace / "old.db"), "from": None, "to": NEWEST, "migrated": True}
    assert json.loads(ran.stdout) == told
    again = vespera("db", "migrate", "--db", "old.db", "--json")
    assert json.loads(again.stdout) == told | {"from": NEWEST, "migrated": False}


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_a_newer_database_is_refused_by_each_and_untouched(vespera, worked, words):
    execute(worked, "UPDATE alembic_version SET version_num = '9999'")
    before = worked.read_bytes()

    ran = vespera("db", *words)

    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "a newer version of Vespera wrote this file (schema 9999;" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert worked.read_bytes() == before


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_none_of_them_makes_a_database(vespera, workspace, words):
    ran = vespera("db", *words)

    assert ran.exit_code == 1
    assert ran.stderr.startswith(f"Error: there is no database at {workspace}")
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
@pytest.mark.parametrize("url", [":memory:", "postgres://here/there", ""])
def test_a_database_that_is_no_file_is_wrong_usage(vespera, words, url):
    ran = vespera("db", *words, "--db", url)

    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: Invalid value for --db: ")
    assert ran.stderr.count("\n") == 1


def test_check_says_that_nothing_is_found(vespera, worked):
    ran = vespera("db", "check")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"{worked}: nothing found (revision {NEWEST})\n"


def test_check_prints_a_line_for_each_finding(vespera, worked):
    execute(
        worked,
        "UPDATE tasks SET owner = 'me\n\x1b[2J', outcome = NULL",
        "UPDATE tasks SET id = 'o\n\x1b'",
    )

    ran = vespera("db", "check")

    assert ran.exit_code == 1
    assert ran.stdout == (
        "owner: task 'o\\n\\x1b' is held, but not running\n"
        "outcome: task 'o\\n\\x1b' is done, but has no outcome\n"
        f"{worked}: 2 findings (revision {NEWEST})\n"
    )


def test_check_in_json_can_be_read_by_programs(vespera, worked):
    execute(worked, "UPDATE tasks SET outcome = NULL")

    ran = vespera("db", "check", "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.stdout) == {
        "path": str(worked),
        "revision": NEWEST,
        "sound": False,
        "found": 1,
        "findings": [{"rule": "outcome", "text": "task 'one' is done, but has no outcome"}],
    }


def test_more_findings_than_are_listed_are_counted(vespera, worked):
    execute(
        worked,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 105)"
        " INSERT INTO steps SELECT 'one', 's' || i, 1, i, 0, 0, NULL, NULL, NULL, NULL FROM n",
    )

    ran = vespera("db", "check")

    lines = ran.stdout.splitlines()
    assert lines[-2:] == [
        "and 5 more of these kinds",
        f"{worked}: 105 findings (revision {NEWEST})",
    ]
    assert len(lines) == 102


def test_a_backup_can_be_used_at_once(vespera, worked, workspace):
    ran = vespera("db", "backup", "copy.db")

    copy = workspace / "copy.db"
    size = f"{copy.stat().st_size:,}"
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"{worked}: copied to {copy} ({size} bytes, verified)\n"
    assert "Work" in vespera("task", "list", "--db", "copy.db").stdout


def test_a_backup_in_json_can_be_read_by_programs(vespera, worked, workspace):
    told = json.loads(vespera("db", "backup", "copy.db", "--json").stdout)

    copy = workspace / "copy.db"
    assert told == {"path": str(worked), "copy": str(copy), "bytes": copy.stat().st_size}


def test_a_backup_overwrites_only_with_y(vespera, worked, workspace):
    copy = workspace / "copy.db"
    copy.write_text("precious")

    refused = vespera("db", "backup", "copy.db")
    assert refused.exit_code == 2
    assert "copy.db is there already. Overwrite it? There is no terminal" in refused.stderr
    assert copy.read_text() == "precious"

    assert vespera("db", "backup", "copy.db", "-y").exit_code == 0
    assert vespera("db", "check", "--db", "copy.db").exit_code == 0


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (".vespera/vespera.db", "the database itself"),
        ("missing/copy.db", "there is no directory"),
        (".vespera", "is a directory"),
    ],
)
def test_an_impossible_place_for_a_backup_is_wrong_usage(vespera, worked, place, why):
    ran = vespera("db", "backup", place, "-y")

    assert ran.exit_code == 2
    assert why in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_vacuum_tells_the_size_before_and_after(vespera, worked):
    before = worked.stat().st_size

    ran = vespera("db", "vacuum", "--yes")
    told = json.loads(vespera("db", "vacuum", "-y", "--json").stdout)

    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{worked}: {before:,} bytes before, ")
    assert told["bytes_after"] == worked.stat().st_size


def test_vacuum_is_refused_while_somebody_has_the_database_open(vespera, worked):
    with closing(sqlite3.connect(worked)) as other:
        other.execute("SELECT count(*) FROM tasks").fetchone()
        ran = vespera("db", "vacuum", "-y")

    assert ran.exit_code == 1
    assert "somebody has the database open; stop every program that uses it" in ran.stderr


def test_vacuum_asks_nobody_where_there_is_no_terminal(vespera, worked):
    ran = vespera("db", "vacuum")

    assert ran.exit_code == 2
    assert "There is no terminal to ask on; -y says yes." in ran.stderr


def on_a_terminal(answer, *words):
    """Run the command on a terminal of its own; give its exit code and what was shown."""
    own, terminal = pty.openpty()
    command = [sys.executable, "-m", "vespera.interfaces.cli", *words]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(own, 1024)
        os.write(own, answer.encode())
        code = process.wait(timeout=60)
    try:
        while chunk := os.read(own, 1024):
            shown += chunk
    except OSError:  # its other end is closed, and all was read
        pass
    os.close(own)
    return code, shown.decode()


def test_on_a_terminal_vacuum_asks(worked):
    code, shown = on_a_terminal("y\n", "db", "vacuum")

    assert (code, "bytes before" in shown) == (0, True), shown
    assert f"Write {worked} anew? [y/N]" in shown


def test_on_a_terminal_no_means_no(worked):
    worked.with_name("copy.db").write_text("precious")

    code, shown = on_a_terminal("n\n", "db", "backup", ".vespera/copy.db")

    assert (code, "Aborted!" in shown) == (1, True), shown
    assert worked.with_name("copy.db").read_text() == "precious"
