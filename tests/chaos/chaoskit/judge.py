"""What was said, held against what is there."""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

FINAL = {"completed", "failed", "cancelled"}
Fact = Mapping[str, Any]
Complaints = list[str]


def broken_promises(directory: Path, facts: Sequence[Fact]) -> Complaints:
    """What the engine has said and the files in ``directory`` do not bear out.

    Looks at a copy of the database: opening a file changes it.
    """
    with tempfile.TemporaryDirectory() as copy:
        for path in directory.glob("work.db*"):
            if path.is_file() and path.suffix not in {".lock", ".db-shm"}:
                shutil.copy(path, copy)
        with closing(sqlite3.connect(f"{copy}/work.db")) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [
                    *damage(connection),
                    *_lost(connection, directory / "workspace", facts),
                    *_half_written(connection),
                ]
            except sqlite3.DatabaseError as error:
                return [f"cannot be read: {error}"]


def unfinished(directory: Path, expected: Mapping[str, str]) -> Complaints:
    """Which tasks do not stand as they should in the end."""
    with closing(sqlite3.connect(directory / "work.db")) as connection:
        stands = dict(connection.execute("SELECT id, status FROM tasks"))
    return [] if stands == dict(expected) else [f"{stands} instead of {dict(expected)}"]


def effects_of(directory: Path) -> list[tuple[str, str, str]]:
    """All effects: of which task, of which step, and the token that says of which call."""
    path = directory / "effects"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(task, name, token) for task, name, token in (line.split("\t") for line in lines)]


def facts_of(directory: Path) -> list[Fact]:
    path = directory / "facts"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def doubled(directory: Path) -> int:
    """How many effects happened again."""
    calls = Counter((task, name) for task, name, _ in effects_of(directory))
    return sum(calls.values()) - len(calls)


def unaccounted(directory: Path) -> Complaints:
    """Recorded results that no call gave."""
    given = defaultdict(set)
    for task, _, token in effects_of(directory):
        given[task].add(token)
    with closing(sqlite3.connect(directory / "work.db")) as connection:
        rows = connection.execute("SELECT task_id, name, value FROM steps WHERE value NOT NULL")
        return [
            f"{task}: {name} has the result {value!r}, which nobody gave"
            for task, name, value in rows
            if json.loads(value) not in given[task]
        ]


def damage(connection: sqlite3.Connection) -> Iterator[str]:
    for (said,) in connection.execute("PRAGMA integrity_check").fetchall():
        if said != "ok":
            yield f"integrity: {said}"
    for row in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield f"foreign key: {tuple(row)}"


def state_of(connection: sqlite3.Connection) -> str:
    """All that is in the database, as one text, to tell one state from another."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )
    ]
    rows = {
        name: sorted(map(repr, map(tuple, connection.execute(f"SELECT * FROM {name}"))))
        for name in names
    }
    return repr(rows)


def _lost(connection: sqlite3.Connection, workspace: Path, facts: Sequence[Fact]) -> Iterator[str]:
    tasks: dict[str, sqlite3.Row] = {}
    steps: dict[tuple[str, str], object] = {}
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'steps'").fetchone():
        tasks = {row["id"]: row for row in connection.execute("SELECT * FROM tasks")}
        rows = connection.execute("SELECT task_id, name, value FROM steps WHERE value NOT NULL")
        steps = {(row[0], row[1]): json.loads(row[2]) for row in rows}
    for fact in facts:
        row = tasks.get(fact["task"])
        if row is None:
            holds = False
        elif fact["what"] == "task":
            holds = _still(row["status"], fact["status"])
        elif fact["what"] == "begun":
            holds = row["attempt"] >= fact["attempt"]
        elif fact["what"] == "step":
            holds = steps.get((fact["task"], fact["name"])) == fact["token"]
        else:
            holds = _text_of(workspace / fact["path"]) == fact["text"]
        if not holds:
            yield f"lost: {dict(fact)}"


def _still(status: str, told: str) -> bool:
    """Whether a task that was ``told`` to stand somewhere may stand at ``status`` now."""
    if told in FINAL:
        return status == told
    return status != "pending" if told in {"executed", "assigned"} else True


def _text_of(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _half_written(connection: sqlite3.Connection) -> Iterator[str]:
    """States that no whole unit of work leads to."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"tasks", "steps", "task_dependencies"} & tables:
        return
    rules = {
        "a child without its parent": "SELECT parent_id FROM tasks WHERE parent_id NOT NULL"
        " AND parent_id NOT IN (SELECT id FROM tasks)",
        "wrong blockers": "SELECT id FROM tasks WHERE blockers != (SELECT count(*) FROM"
        " task_dependencies d JOIN tasks t ON t.id = d.depends_on WHERE d.task_id = tasks.id"
        " AND t.status != 'completed')",
        "a holder of a task that does not run": "SELECT id FROM tasks WHERE"
        " (status = 'running') != (owner NOT NULL)",
        "a sign-off without its report": "SELECT id FROM tasks WHERE report_id NOT NULL AND"
        " report_id NOT IN (SELECT id FROM verification_reports)",
    }
    for rule, query in rules.items():
        for (found,) in connection.execute(query).fetchall():
            yield f"{rule}: {found}"
