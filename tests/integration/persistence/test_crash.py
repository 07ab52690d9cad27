"""Processes killed in the middle of their work lose nothing that was acknowledged."""

import os
import select
import signal
import sqlite3
import time

import pytest

from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

SOON = 10.0
"""Seconds: many for a slow machine, and few beside the 20 that the database would be waited for."""

WORK = """
import asyncio, itertools, os, sys
from dataclasses import replace
from datetime import UTC, datetime
from vespera.domain.task import Task, TaskStatus
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork

NOW = datetime(2030, 1, 1, tzinfo=UTC)
path, durability, first = sys.argv[1:]
database = AsyncDatabaseManager(path, durability=durability)
tasks = SqlTaskRepository(database)
unit_of_work = SqlUnitOfWork(database)
numbers = itertools.count(int(first))

def acknowledge(text):
    os.write(1, (text + "\\n").encode())

async def work():
    while True:
        name = f"{next(numbers):08}"
        task = Task(
            id=name, title="t", description="", specialist_type="s", payload=b"x" * 100,
            created_at=NOW, updated_at=NOW, status=TaskStatus.RUNNING, owner="w", attempt=1,
        )
        await tasks.add(task)
        acknowledge("added " + name)
        async with unit_of_work():
            await tasks.add(replace(task, id=f"after-{name}", status=TaskStatus.PENDING))
            await tasks.complete(task.complete(b"out", None, NOW), operations=0)
        acknowledge("done " + name)

async def main():
    await asyncio.gather(*(work() for _ in range(20)))

asyncio.run(main())
"""


def read_lines(process, count, seconds=60):
    """Lines of the process, until there are ``count`` of them."""
    received = b""
    while received.count(b"\n") < count:
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        assert ready, "the process says nothing"
        received += os.read(process.stdout.fileno(), 1 << 16)
    return received


def killed(process, count):
    """All that the process acknowledged before it was killed, some time after ``count`` lines."""
    received = read_lines(process, count)
    process.send_signal(signal.SIGKILL)
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        received += chunk
    process.wait()
    return received.decode().split("\n")[:-1]


@pytest.mark.crash
@pytest.mark.parametrize("durability", ["full", "normal"])
async def test_no_acknowledged_work_is_lost_and_no_unit_is_torn(path, program, durability):
    acknowledged = []
    for life in range(4):
        worker = program(WORK, path, durability, life * 1_000_000)
        acknowledged += killed(worker, count=1 + 150 * life)

    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        status = dict(connection.execute("SELECT id, status FROM tasks"))
        after = {name.removeprefix("after-") for name in status if name.startswith("after-")}
    connection.close()
    for line in acknowledged:
        kind, name = line.split()
        assert name in status
        assert kind == "added" or (status[name] == "completed" and name in after)
    assert len(acknowledged) >= 1 + 151 + 301 + 451
    assert {name for name, value in status.items() if value == "completed"} == after


@pytest.mark.crash
async def test_a_file_whose_creation_was_killed_is_created_by_the_next(path, program, make_task):
    source = "import sys; print('x', flush=True)\n" + WORK
    for _ in range(3):
        worker = program(source, path, "full", 0)
        read_lines(worker, 1)
        worker.kill()
        worker.wait()
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await tasks.add(make_task("a"))

    assert "a" in await tasks.find(["a"])
    await database.stop()


PAUSED = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE tasks SET title = 'half done'")
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.mark.crash
async def test_a_killed_writer_frees_the_file_and_leaves_nothing_half_done(
    path, program, make_task
):
    database = AsyncDatabaseManager(str(path))
    tasks = SqlTaskRepository(database)
    await tasks.add(make_task("a"))
    holder = program(PAUSED, path)
    read_lines(holder, 1)
    holder.kill()
    holder.wait()
    await tasks.add(make_task("b"))

    assert (await tasks.get("a")).title == "a task"
    await database.stop()


FORGETFUL = """
import asyncio, sys, time
import sqlalchemy as sa
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

database = AsyncDatabaseManager(sys.argv[1])

async def main():
    await database.start()
    async with database.session() as session:
        await session.execute(sa.text("SELECT 1"))
    print(time.monotonic(), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("place", ["memory", "file"])
def test_a_program_that_forgets_to_stop_its_database_ends_at_once(path, program, place):
    forgetful = program(FORGETFUL, ":memory:" if place == "memory" else path)
    finished = float(read_lines(forgetful, 1))
    forgetful.wait(timeout=60)

    assert forgetful.returncode == 0
    assert time.monotonic() - finished < SOON


PENDING = """
import asyncio, sqlite3, sys, time
from datetime import UTC, datetime
import sqlalchemy as sa
from vespera.domain.task import Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

NOW = datetime(2030, 1, 1, tzinfo=UTC)
database = AsyncDatabaseManager(sys.argv[1], busy_timeout=20)
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
told = []

async def write():
    try:
        await SqlTaskRepository(database).add(Task(
            id="pending", title="t", description="", specialist_type="s", payload=b"",
            created_at=NOW, updated_at=NOW,
        ))
    except asyncio.CancelledError as cancelled:
        told.append(getattr(cancelled, "outcome", "nothing"))
        raise

async def write_in_a_session():
    async with database.session() as session:
        await session.execute(sa.text("DELETE FROM tasks"))

async def main(pending):
    if pending != "opening":
        await database.start()
    holder.execute("BEGIN EXCLUSIVE")
    work = {"unit": write, "session": write_in_a_session, "opening": database.start}[pending]
    kept = asyncio.create_task(work())
    while not database.in_flight and pending != "opening":
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert not kept.done()
    print(time.monotonic(), flush=True)

asyncio.run(main(sys.argv[2]))
print(*told, flush=True)
"""


@pytest.mark.parametrize(
    ("pending", "told"), [("unit", "rolled back"), ("session", ""), ("opening", "")]
)
def test_a_program_ends_at_once_though_somebody_holds_the_file(path, program, pending, told):
    forgetful = program(PENDING, path, pending)
    said, complaint = forgetful.communicate(timeout=60)
    ended = time.monotonic()
    assert forgetful.returncode == 0, complaint
    finished, outcome = said.splitlines()

    assert outcome == told
    assert ended - float(finished) < SOON


def test_a_program_that_forgets_to_stop_its_database_is_warned(path, program):
    source = "import warnings; warnings.simplefilter('always')\n" + FORGETFUL
    forgetful = program(source, path)
    _, complaint = forgetful.communicate(timeout=60)

    assert forgetful.returncode == 0
    assert f"{path}: the database was never stopped" in complaint
