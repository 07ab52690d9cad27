"""The durable runtime against what SQLite allows, against a full file, and against the clock.

    python benchmarks/runtime.py [--tasks N] [--rounds R] [--finished N] [--json FILE]

One task is created, claimed, has one remembered step, and is completed through the proof gate, all
of it durable and leased, by the public ``run()``. The baselines use the standard library alone: one
makes three plain writes a task; the other makes exactly the writes that the engine was seen to make
for one task. Both commit as often as the engine has durable points, which are counted and printed.
All measures take turns in each round; ratios are medians of the rounds' own ratios.
"""

import argparse
import asyncio
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from machine import machine, show

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers
from vespera.infrastructure.persistence.lane import Lane

BUILD = Path("build")
PROBE = 0.001

Figures = dict[str, float]
Unit = list[tuple[str, tuple[object, ...]]]
PLAIN_TABLES = """
CREATE TABLE task (id TEXT PRIMARY KEY, state TEXT, data BLOB) WITHOUT ROWID;
CREATE TABLE step (task TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
"""
ID = "the id of the task"
PLAIN_UNITS: list[Unit] = [
    [("INSERT INTO task VALUES (?, 'running', ?)", (ID, b"{}"))],
    [("INSERT INTO step VALUES (?, ?)", (ID, b"42"))],
    [("UPDATE task SET state = 'done' WHERE id = ?", (ID,))],
]


async def work(task: TaskContext) -> int:
    return await task.step("work", answer)


async def answer() -> int:
    return 42


async def work_in_thread(task: TaskContext) -> int:
    return await task.step("work", lambda: 42)


class RuntimeContainer(Container):
    specialists = providers.Aggregate(
        worker=providers.Object(work), threaded=providers.Object(work_in_thread)
    )


def main() -> None:
    given = arguments()
    BUILD.mkdir(exist_ok=True)
    described = machine(BUILD)
    show(described)
    units = asyncio.run(units_of_one_task())
    print(f"{'durable points':20} {len(units)} commits a task, {sum(map(len, units))} statements")
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="runtime-") as directory:
        bench = Bench(Path(directory), units, given.tasks, given.finished)
        rounds = [bench.round(number) for number in range(given.rounds)]
    medians = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    for name, value in medians.items():
        print(f"{name:58} {value:12,.3f}")
    if given.json:
        kept = {"machine": described, "commits": len(units), "rounds": rounds}
        given.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks of each measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--finished", type=int, default=1_000_000, help="tasks in the full file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every round's figures")
    return parser.parse_args()


@dataclass
class Bench:
    """One directory on the disk, and what is measured there."""

    directory: Path
    units: list[Unit]
    tasks: int
    finished: int
    full_file: Path | None = None

    def round(self, number: int) -> Figures:
        figures: Figures = {}
        for durability in ("FULL", "NORMAL"):
            self._alone(figures, durability)
            self._in_company(figures, durability)
        self._in_threads(figures)
        self._in_a_full_file(figures)
        print(f"round {number + 1} done", flush=True)
        return figures

    def _alone(self, figures: Figures, durability: str) -> None:
        count = self.tasks // (20 if durability == "FULL" else 5)
        ours = asyncio.run(measured(self._fresh(), durability, count, 1))
        plain = self._stdlib(durability, count, 1, PLAIN_UNITS)
        same = self._stdlib(durability, count, 1, self.units)
        figures[f"1 caller, {durability}: tasks/s"] = ours.rate
        figures[f"1 caller, {durability}: median of one task, ms"] = ours.median_ms
        figures[f"1 caller, {durability}: CPU us a task"] = ours.processor_us
        figures[f"1 caller, {durability}: share of sqlite3, 3 plain rows"] = ours.rate / plain
        figures[f"1 caller, {durability}: share of sqlite3, same writes"] = ours.rate / same

    def _in_company(self, figures: Figures, durability: str) -> None:
        ours = asyncio.run(measured(self._fresh(), durability, self.tasks, 100))
        plain = self._stdlib(durability, self.tasks, 100, PLAIN_UNITS)
        same = self._stdlib(durability, self.tasks, 100, self.units)
        figures[f"100 callers, {durability}: tasks/s"] = ours.rate
        figures[f"100 callers, {durability}: CPU us a task"] = ours.processor_us
        figures[f"100 callers, {durability}: share of sqlite3, 3 plain rows"] = ours.rate / plain
        figures[f"100 callers, {durability}: share of sqlite3, same writes"] = ours.rate / same
        figures[f"100 callers, {durability}: KB written a task"] = ours.kb_written
        figures[f"100 callers, {durability}: lag of the loop, p99, ms"] = ours.lag_ms
        idle = asyncio.run(idle_lag())
        figures[f"100 callers, {durability}: lag of an idle loop, p99, ms"] = idle

    def _in_threads(self, figures: Figures) -> None:
        """The same step as a function that is not async, which is called in a thread."""
        threaded = asyncio.run(measured(self._fresh(), "NORMAL", self.tasks, 100, "threaded"))
        name = "100 callers, NORMAL, the step in a thread"
        figures[f"{name}: tasks/s"] = threaded.rate
        figures[f"{name}: CPU us a task"] = threaded.processor_us

    def _in_a_full_file(self, figures: Figures) -> None:
        if self.full_file is None:
            self.full_file = self.directory / "full.db"
            shutil.copyfile(file_with(self.finished), self.full_file)
        empty = asyncio.run(measured(self._fresh(), "NORMAL", self.tasks, 100))
        full = asyncio.run(measured(self.full_file, "NORMAL", self.tasks, 100))
        name = f"100 callers, NORMAL: {self.finished:,} tasks in the file"
        figures[f"{name}, tasks/s"] = full.rate
        figures[f"{name}, over none"] = full.rate / empty.rate
        figures[f"{name}, CPU, none over it"] = empty.processor_us / full.processor_us

    def _stdlib(self, durability: str, count: int, group: int, units: list[Unit]) -> float:
        path = self._fresh()
        if units is not PLAIN_UNITS:
            asyncio.run(make_schema(path))
        return stdlib_rate(path, durability, count, group, units)

    def _fresh(self) -> Path:
        for old in self.directory.glob("fresh*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        return self.directory / "fresh.db"


@dataclass(frozen=True)
class Measured:
    """Tasks a second, and what one task took and cost; bytes as Linux counts them, in pages."""

    rate: float
    median_ms: float
    processor_us: float
    kb_written: float
    lag_ms: float


async def measured(
    path: Path, durability: str, count: int, callers: int, specialist_type: str = "worker"
) -> Measured:
    """So many tasks, the container's end with its last checkpoint among what is written."""
    taken: list[float] = []
    settings = {"database_url": str(path), "durability": durability.lower()}
    async with RuntimeContainer(settings) as container:
        run = container.get(TaskExecutionWorkflow).run
        await run(title="warm", specialist_type=specialist_type)

        async def caller(share: int) -> None:
            for _ in range(share):
                started = time.perf_counter()
                result = await run(title="bench", specialist_type=specialist_type, payload={"n": 1})
                taken.append(time.perf_counter() - started)
                assert result.completed, result.error

        before, lags = bytes_written(), Lags()
        spent, started = time.process_time(), time.perf_counter()
        await asyncio.gather(*(caller(count // callers) for _ in range(callers)))
        seconds, spent = time.perf_counter() - started, time.process_time() - spent
        lag = await lags.p99()
    done = len(taken)
    written = (bytes_written() - before) / done / 1024
    return Measured(
        done / seconds, 1e3 * statistics.median(taken), 1e6 * spent / done, written, lag
    )


class Lags:
    """How late a timer of the running loop is called, time and again, from its making on."""

    def __init__(self) -> None:
        self._taken: list[float] = []
        self._probe = asyncio.create_task(self._look())

    async def p99(self) -> float:
        """Milliseconds."""
        self._probe.cancel()
        await asyncio.wait({self._probe})
        return 1000 * sorted(self._taken)[int(0.99 * len(self._taken))] if self._taken else 0.0

    async def _look(self) -> None:
        while True:
            due = time.perf_counter() + PROBE
            await asyncio.sleep(PROBE)
            self._taken.append(time.perf_counter() - due)


async def idle_lag() -> float:
    """The same where nothing else runs in this process: what the machine itself is late."""
    lags = Lags()
    await asyncio.sleep(1)
    return await lags.p99()


def bytes_written() -> int:
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def stdlib_rate(path: Path, durability: str, count: int, group: int, units: list[Unit]) -> float:
    """Tasks a second; ``group`` tasks march together, each unit of theirs in one commit."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute(f"PRAGMA synchronous={durability}")
    if units is PLAIN_UNITS:
        connection.executescript(PLAIN_TABLES)
    started = time.perf_counter()
    for first in range(0, count, group):
        keys = [f"{number:032x}" for number in range(first, first + group)]
        for unit in units:
            commit(connection, unit, keys)
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


def commit(connection: sqlite3.Connection, unit: Unit, keys: list[str]) -> None:
    """The unit for each of the tasks; statement by statement for all where SQLite can do so."""
    if len(unit) > 1 or len(keys) > 1:
        connection.execute("BEGIN IMMEDIATE")
    for sql, values in unit:
        rows = (tuple(key if value == ID else value for value in values) for key in keys)
        if "RETURNING" in sql or sql.startswith("SELECT"):
            for row in rows:
                connection.execute(sql, row).fetchall()
        else:
            connection.executemany(sql, rows)
    if connection.in_transaction:
        connection.execute("COMMIT")


async def units_of_one_task() -> list[Unit]:
    """What the engine writes for one task, commit by commit, in the place of its id ``ID``."""
    seen: list[Unit] = []

    class SeenContainer(RuntimeContainer):
        lane = providers.Object(lambda **more: SeenLane(seen, **more))

    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        async with SeenContainer(database_url=f"{directory}/seen.db") as container:
            run = container.get(TaskExecutionWorkflow).run
            await run(title="warm", specialist_type="worker")
            seen.clear()
            done = await run(title="bench", specialist_type="worker", payload={"n": 1})
            units = [unit for unit in seen if unit]
    return [
        [(sql, tuple(ID if value == done.task_id else value for value in row)) for sql, row in unit]
        for unit in units
    ]


class SeenLane(Lane):
    """A lane whose connection notes what it is told to write."""

    def __init__(self, seen: list[Unit], **more: object) -> None:
        super().__init__(**more)
        self._seen = seen

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        await super().open(lambda: SeenConnection(connect(), self._seen))


class SeenConnection:
    def __init__(self, connection: sqlite3.Connection, seen: list[Unit]) -> None:
        self._connection, self._seen, self._unit = connection, seen, []

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE":
            self._unit = []
        elif sql == "COMMIT":
            self._seen.append(self._unit)
        else:
            self._unit.append((sql, values))
        return self._connection.execute(sql, values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


async def make_schema(path: Path) -> None:
    async with RuntimeContainer(database_url=str(path)) as container:
        await container.database().start()


def file_with(finished: int) -> Path:
    """A database file with so many finished tasks, made once for each schema, by SQL alone."""
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        path = Path(directory) / "model.db"
        asyncio.run(measured(path, "NORMAL", 1, 1))
        connection = sqlite3.connect(path, isolation_level=None)
        schema = sorted(
            row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql > ''")
        )
        kept = BUILD / f"finished-{finished}-{crc32(' '.join(schema).encode()):08x}.db"
        if not kept.exists():
            print(f"making {kept} ...", flush=True)
            multiply(connection, finished)
            connection.close()
            path.rename(kept)
        else:
            connection.close()
    return kept


def multiply(connection: sqlite3.Connection, finished: int) -> None:
    """Copies of one finished task and of its step, under older ids."""
    (model,) = connection.execute("SELECT max(id) FROM tasks").fetchone()
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN IMMEDIATE")
    for table, key in (("tasks", "id"), ("steps", "task_id")):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        chosen = ", ".join("printf('%032x', i)" if c == key else f'"{c}"' for c in columns)
        connection.execute(
            f"INSERT INTO {table} WITH RECURSIVE numbers(i) AS"
            f" (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {finished})"
            f" SELECT {chosen} FROM numbers, {table} WHERE {key} = ?",
            (model,),
        )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


if __name__ == "__main__":
    main()
