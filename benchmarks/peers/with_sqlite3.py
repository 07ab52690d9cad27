"""The standard library: the same three writes a task, each in a commit of its own.

No engine, no loop, no check: what the disk and SQLite allow to whoever awaits each write by itself.
"""

import sqlite3
import time

from measuring import Meter, Question, asked


def main(question: Question) -> None:
    connection = sqlite3.connect(question.directory / "tasks.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute(f"PRAGMA synchronous={question.durability}")
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY, state TEXT, data) WITHOUT ROWID")
    connection.execute("CREATE TABLE step (task TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    taken, meter = [], Meter()
    for number in range(question.tasks):
        started = time.perf_counter()
        key = f"{number:032x}"
        connection.execute("INSERT INTO task VALUES (?, 'running', ?)", (key, b"{}"))
        connection.execute("INSERT INTO step VALUES (?, ?)", (key, b"42"))
        connection.execute("UPDATE task SET state = 'done' WHERE id = ?", (key,))
        taken.append(time.perf_counter() - started)
    meter.answer(len(taken), taken)
    connection.close()


if __name__ == "__main__":
    main(asked())
