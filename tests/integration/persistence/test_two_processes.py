"""Several processes may work on one file: nothing is lost, nothing is done twice."""

import sqlite3
from itertools import chain

import pytest

from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

WRITE = """
import asyncio, sys
from datetime import UTC, datetime
from vespera.domain.task import Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

NOW = datetime(2030, 1, 1, tzinfo=UTC)

async def main(path, name):
    database = AsyncDatabaseManager(path, durability="normal")
    tasks = SqlTaskRepository(database)
    sys.stdin.readline()

    async def write(worker):
        for number in range(40):
            await tasks.add(Task(
                id=f"{name}-{worker}-{number:03}", title="t", description="",
                specialist_type="s", payload=b"x" * 200, created_at=NOW, updated_at=NOW,
            ))

    await asyncio.gather(*(write(worker) for worker in range(10)))
    await database.stop()

asyncio.run(main(*sys.argv[1:]))
"""

CLAIM = """
import asyncio, sys
from datetime import UTC, datetime
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue

NOW = datetime(2030, 1, 1, tzinfo=UTC)

async def main(path, name):
    database = AsyncDatabaseManager(path, durability="normal")
    queue = SqlTaskQueue(database)
    sys.stdin.readline()
    while got := await queue.claim_ready(owner=name, now=NOW, lease_until=NOW, limit=3):
        print(*(task.id for task in got), flush=True)
    await database.stop()

asyncio.run(main(*sys.argv[1:]))
"""


def ran_together(program, source, path, names):
    workers = [program(source, path, name) for name in names]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers), said
    return [out.split() for out, _ in said]


@pytest.mark.crash
async def test_processes_that_write_at_once_lose_nothing(path, program):
    ran_together(program, WRITE, path, ["p", "q", "r"])

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (1200,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.crash
async def test_processes_that_claim_at_once_get_each_task_once(path, program, make_task):
    names = [f"{number:03}" for number in range(300)]
    database = AsyncDatabaseManager(str(path), durability="normal")
    tasks = SqlTaskRepository(database)
    for name in names:
        await tasks.add(make_task(name))
    await database.stop()

    shares = ran_together(program, CLAIM, path, ["p", "q", "r"])

    assert sorted(chain(*shares)) == names
