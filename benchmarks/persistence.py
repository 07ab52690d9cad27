"""What a durable write costs: commits a second, and the ratio to stdlib sqlite3 in the same run.

Every commit stores one new task. The baseline stores the same row with the standard library, one
commit at a time, on the same disk; it is what a program gets that awaits each write by itself.
Run it as ``python benchmarks/persistence.py``.
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository, _to_row

ROUNDS = 3
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def main() -> None:
    print("durability  callers  commits/s  stdlib/s  ratio")
    for durability in ("full", "normal"):
        for callers, count in ((1, 500), (100, 10_000)):
            ours, baseline = _measured(durability, callers, count)
            print(
                f"{durability:10} {callers:8} {ours:10,.0f} {baseline:9,.0f} {ours / baseline:6.1f}"
            )
    print(f"a fresh database in memory, first read and stop: {_fresh() * 1000:.2f} ms")


def _measured(durability: str, callers: int, count: int) -> tuple[float, float]:
    ours, baseline = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory:
            baseline.append(_baseline(Path(directory) / "stdlib.db", durability, 1000))
            ours.append(asyncio.run(_ours(Path(directory) / "ours.db", durability, callers, count)))
    return statistics.median(ours), statistics.median(baseline)


async def _ours(path: Path, durability: str, callers: int, count: int) -> float:
    database = AsyncDatabaseManager(str(path), durability=durability)
    tasks = SqlTaskRepository(database)
    await database.start()

    async def call(numbers: Iterator[int]) -> None:
        for number in numbers:
            await tasks.add(_task(number))

    numbers = iter(range(count))
    start = time.perf_counter()
    await asyncio.gather(*(call(numbers) for _ in range(callers)))
    seconds = time.perf_counter() - start
    await database.stop()
    return count / seconds


def _baseline(path: Path, durability: str, count: int) -> float:
    asyncio.run(_create(path))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA synchronous={durability}")
    start = time.perf_counter()
    for number in range(count):
        connection.execute(sql.INSERT_TASK.sql, _to_row(_task(number)))
    seconds = time.perf_counter() - start
    connection.close()
    return count / seconds


async def _create(path: Path) -> None:
    database = AsyncDatabaseManager(str(path))
    await database.start()
    await database.stop()


def _task(number: int) -> Task:
    return Task(
        id=TaskId(f"{number:032x}"),
        title="a task",
        description="what is to be done",
        specialist_type="generic",
        payload=b'{"prompt":"what is to be done"}',
        created_at=NOW,
        updated_at=NOW,
    )


def _fresh() -> float:
    async def use() -> float:
        start = time.perf_counter()
        database = AsyncDatabaseManager("sqlite+aiosqlite:///:memory:")
        await SqlTaskRepository(database).find([TaskId("nobody")])
        await database.stop()
        return time.perf_counter() - start

    return statistics.median(asyncio.run(use()) for _ in range(50))


if __name__ == "__main__":
    main()
