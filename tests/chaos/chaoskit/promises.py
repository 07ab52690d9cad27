"""What the engine has said, held against what a database has."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FINAL = {"completed", "failed", "cancelled"}
PLACES = 10_000
"""Of the events of one commit, in the id of each."""
Fact = Mapping[str, Any]


def broken(
    connection: sqlite3.Connection, workspace: Path, facts: Sequence[Fact]
) -> Iterator[Fact]:
    """The facts that do not hold any more."""
    record = Record(connection, workspace)
    for fact in still_said(facts):
        if not record.bears_out(fact):
            yield fact


def still_said(facts: Sequence[Fact]) -> Iterator[Fact]:
    """All but those that the engine has begun to change since: what is said of a ``subject`` holds
    until the next word about it, a task until it is ``purging``, and that it is ``purged`` until it
    is heard of again.
    """
    settled: set[str] = set()
    going: tuple[str, ...] = ()
    heard: set[str] = set()
    for fact in reversed(facts):
        if fact["what"] == "purging":
            going += (fact["task"],)
        elif "subject" in fact:
            if fact["subject"] not in settled and fact["what"] != "changing":
                yield fact
            settled.add(fact["subject"])
        elif fact["what"] == "purged":
            if not any(task.startswith(fact["task"]) for task in heard):
                yield fact
        elif not fact["task"].startswith(going):
            heard.add(fact["task"])
            yield fact


class Record:
    """What is in the database, and in the workspace."""

    def __init__(self, connection: sqlite3.Connection, workspace: Path) -> None:
        self._workspace = workspace
        self._connection = connection
        self._tables = {name for (name,) in self._rows("SELECT name FROM sqlite_master")}
        self._tasks = {row["id"]: row for row in self._of("tasks", "SELECT * FROM tasks")}
        steps = self._of(
            "steps", "SELECT task_id, name, value FROM steps WHERE typeof(value) = 'blob'"
        )
        self._steps = {(row[0], row[1]): json.loads(row[2]) for row in steps}

    def bears_out(self, fact: Fact) -> bool:
        """Whether it is as the engine has said."""
        return bool(getattr(self, f"_{fact['what']}")(fact))

    def _task(self, fact: Fact) -> bool:
        row = self._tasks.get(fact["task"])
        return row is not None and _still(row["status"], fact["status"])

    def _begun(self, fact: Fact) -> bool:
        row = self._tasks.get(fact["task"])
        return row is not None and row["attempt"] >= fact["attempt"]

    def _step(self, fact: Fact) -> bool:
        return bool(self._steps.get((fact["task"], fact["name"])) == fact["token"])

    def _file(self, fact: Fact) -> bool:
        path = self._workspace / fact["path"]
        text = path.read_text() if path.exists() else None
        return fact["task"] in self._tasks and text == fact["text"]

    def _signal(self, fact: Fact) -> bool:
        known = self._of("signals", "SELECT task_id, id FROM signals")
        return (fact["task"], fact["id"]) in {tuple(row) for row in known}

    def _event(self, fact: Fact) -> bool:
        at = fact["id"] // PLACES
        rows = self._of("events", "SELECT entries FROM events WHERE id = ?", at)
        entries = [entry for (text,) in rows for entry in json.loads(text)]
        place = fact["id"] % PLACES
        return len(entries) > place and entries[place][:2] == [fact["type"], fact["task"]]

    def _gate(self, fact: Fact) -> bool:
        query = "SELECT paused_at FROM gates WHERE specialist_type = ?"
        rows = self._of("gates", query, fact["subject"])
        return any(paused is not None for (paused,) in rows) == fact["paused"]

    def _schedule(self, fact: Fact) -> bool:
        rows = self._of("schedules", "SELECT paused FROM schedules WHERE name = ?", fact["subject"])
        stands = {(): "gone", (0,): "there", (1,): "paused"}[tuple(paused for (paused,) in rows)]
        return stands == fact["stands"]

    def _purged(self, fact: Fact) -> bool:
        return not any(task.startswith(fact["task"]) for task in self._tasks)

    def _of(self, table: str, query: str, *values: object) -> list[Any]:
        return self._rows(query, *values) if table in self._tables else []

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._connection.execute(query, values).fetchall()


def _still(status: str, told: str) -> bool:
    """Whether a task that was ``told`` to stand somewhere may stand at ``status`` now."""
    if told in FINAL:
        return status == told
    return status != "pending" if told in {"executed", "assigned"} else True
