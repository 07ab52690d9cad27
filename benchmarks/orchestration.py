"""Durable tasks a second, against single commits of stdlib sqlite3 in the same run.

    python benchmarks/orchestration.py [--tasks N] [--rounds R]

One task = created, one memoised step, completed through the proof gate, all durable and leased, by
the public ``run()``. The baseline does the same three writes a task with stdlib sqlite3, each in a
commit of its own, on the same disk. Rounds alternate; the median round is printed. With "full" the
ratio hangs on what a flush of this disk costs, which is printed too: the callers share flushes, the
baseline pays for each.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from machine import flush_cost

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers

CONCURRENCIES = (1, 100)
DURABILITIES = ("full", "normal")


async def work(task: TaskContext) -> int:
    return await task.step("work", answer)


async def answer() -> int:
    return 42


class BenchContainer(Container):
    specialists = providers.Aggregate(worker=providers.Object(work))


@contextlib.contextmanager
def fresh_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as directory:
        yield Path(directory) / "tasks.db"


def stdlib_rate(path: Path, durability: str, count: int) -> float:
    """Tasks a second, three commits each."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute(f"PRAGMA synchronous={durability}")
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY, state TEXT, data) WITHOUT ROWID")
    connection.execute("CREATE TABLE step (task TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    started = time.perf_counter()
    for number in range(count):
        key = f"{number:032x}"
        connection.execute("INSERT INTO task VALUES (?, 'running', ?)", (key, b"{}"))
        connection.execute("INSERT INTO step VALUES (?, ?)", (key, b"42"))
        connection.execute("UPDATE task SET state = 'done' WHERE id = ?", (key,))
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


async def vespera_rate(path: Path, durability: str, count: int, concurrency: int) -> float:
    """Tasks a second with so many callers at a time."""
    settings = {"database_url": str(path), "durability": durability}
    async with BenchContainer(settings) as container:
        run = container.get(TaskExecutionWorkflow).run
        await run(title="warm", specialist_type="worker")

        async def caller(share: int) -> None:
            for _ in range(share):
                result = await run(title="bench", specialist_type="worker", payload={"n": 1})
                assert result.completed, result.error

        started = time.perf_counter()
        await asyncio.gather(*(caller(count // concurrency) for _ in range(concurrency)))
        return count / (time.perf_counter() - started)


def median_of(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The medians, the measures taking turns so that a noisy disk is noisy for all."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def throughput(tasks: int, rounds: int) -> None:
    print(f"{'a flush of the disk':28} {flush_cost(Path.cwd()):7.0f} us")
    print("durability  callers   vespera/s    stdlib/s   ratio")
    for durability in DURABILITIES:
        for concurrency in CONCURRENCIES:
            count = tasks if concurrency > 1 else tasks // 10

            def ours(d: str = durability, n: int = count, c: int = concurrency) -> float:
                with fresh_file() as path:
                    return asyncio.run(vespera_rate(path, d, n, c))

            def baseline(d: str = durability, n: int = count) -> float:
                with fresh_file() as path:
                    return stdlib_rate(path, d, min(n, 3000))

            vespera, stdlib = median_of(rounds, ours, baseline)
            print(
                f"{durability:10}  {concurrency:7}  {vespera:10,.0f}  {stdlib:10,.0f}"
                f"  {vespera / stdlib:6.2f}"
            )


START_UP = {
    "python alone": "pass",
    "import vespera": "import vespera",
    "first container and task": """
import asyncio
import os
import vespera
async def work(task):
    return 1
class C(vespera.Container):
    specialists = vespera.providers.Aggregate(w=vespera.providers.Object(work))
async def main():
    async with C() as container:
        run = container.get(vespera.TaskExecutionWorkflow).run
        assert (await run(title="A", specialist_type="w")).completed
asyncio.run(main())
""",
}


def start_up(rounds: int) -> None:
    # Modules are compiled once in their life, and not in what is measured here.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def timed(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return 1000 * (time.perf_counter() - started)

    for code in START_UP.values():
        timed(code)
    medians = median_of(rounds, *(lambda code=code: timed(code) for code in START_UP.values()))
    for name, milliseconds in zip(START_UP, medians, strict=True):
        print(f"{name:28} {milliseconds:7.0f} ms, {milliseconds - medians[0]:+6.0f} ms")


async def warm_container(rounds: int) -> None:
    taken = []
    for _ in range(10 * rounds):
        started = time.perf_counter()
        async with BenchContainer():
            taken.append(1000 * (time.perf_counter() - started))
    print(f"{'a fresh container, warm':28} {statistics.median(taken):7.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks a round at 100 callers")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    start_up(2 * given.rounds + 1)
    asyncio.run(warm_container(given.rounds))
    throughput(given.tasks, given.rounds)


if __name__ == "__main__":
    main()
