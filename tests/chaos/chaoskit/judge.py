"""What was said, held against what is there."""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from chaoskit.promises import Fact, broken
from vespera.infrastructure.persistence.inspection import inspect_database

Complaints = list[str]
OF_THE_ENGINE = {"undo", "sleep", "sleep for long", "signal", "spawn", "result"}
"""Names of records that are no steps of a handler; some have a colon and more behind it."""


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
                    *damage(connection, directory / "work.db"),
                    *(
                        f"lost: {dict(f)}"
                        for f in broken(connection, directory / "workspace", facts)
                    ),
                ]
            except sqlite3.DatabaseError as error:
                return [f"cannot be read: {error}"]


def unfinished(directory: Path, expected: Mapping[str, str]) -> Complaints:
    """Which tasks do not stand as they should in the end; the same title gets numbers."""
    with closing(sqlite3.connect(directory / "work.db")) as connection:
        rows = connection.execute("SELECT title, status FROM tasks ORDER BY id").fetchall()
    titles, seen = Counter(title for title, _ in rows), Counter[str]()
    stands = {}
    for title, status in rows:
        seen[title] += 1
        stands[f"{title} {seen[title]}" if titles[title] > 1 else title] = status
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


def most_doubled(directory: Path) -> int:
    """How many effects of one task happened again: of that of which the most did."""
    calls = Counter((task, name) for task, name, _ in effects_of(directory))
    again = Counter[str]()
    for (task, _), count in calls.items():
        again[task] += count - 1
    return max(again.values(), default=0)


def unaccounted(directory: Path) -> Complaints:
    """Recorded results that no call gave."""
    given = defaultdict(set)
    for task, _, token in effects_of(directory):
        given[task].add(token)
    with closing(sqlite3.connect(directory / "work.db")) as connection:
        query = "SELECT task_id, name, value FROM steps WHERE typeof(value) = 'blob'"
        rows = connection.execute(query)
        return [
            f"{task}: {name} has the result {value!r}, which nobody gave"
            for task, name, value in rows
            if name.partition(":")[0] not in OF_THE_ENGINE and json.loads(value) not in given[task]
        ]


def not_undone(directory: Path) -> Complaints:
    """Steps of tasks that ended badly which have an ``undo``, and were not undone."""
    done = {(task, name) for task, name, _ in effects_of(directory)}
    with closing(sqlite3.connect(directory / "work.db")) as connection:
        rows = connection.execute(
            "SELECT s.task_id, s.name FROM steps s JOIN tasks t ON t.id = s.task_id"
            " WHERE t.undoable AND t.status IN ('failed', 'cancelled') AND s.value NOT NULL"
        ).fetchall()
    return [
        f"{task}: {name} was not undone"
        for task, name in rows
        if (task, name) in done and (task, f"undo {name}") not in done
    ]


def damage(connection: sqlite3.Connection, path: Path) -> Iterator[str]:
    """All that ``vespera db check`` finds: integrity, what points nowhere, counts, gates, blockers,
    holders, values that are gone; and states that no whole unit of work leads to. ``path``: beside
    what database its values are.
    """
    for flaw in inspect_database(connection, path=str(path)).flaws:
        if flaw.rule != "revision":  # a file that is not migrated yet
            yield f"{flaw.rule}: {flaw.text}"
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
