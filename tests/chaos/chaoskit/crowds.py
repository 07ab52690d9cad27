"""Very many tasks: left behind by the dead, or one after the other for a long time."""

import asyncio
import gc
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from chaoskit import children
from chaoskit.life import HurriedClock, Place
from vespera import Container, TaskContext, TaskOrchestrator, providers
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists

MEGA = 1024 * 1024
DEAD = "anotherboot-0123456789abcdef"


class CrowdContainer(Container):
    """Its worker looks for what others left behind at once."""

    clock = providers.Singleton(HurriedClock)


def stale(directory: str, *, tasks: int = 100_000) -> dict[str, Any]:
    """Start beside so many running tasks of a dead worker; how long, and how much memory, until
    the first of them runs here, and how long until none is left to the dead.
    """
    place = Place(Path(directory))
    place.put_in_order()
    assert children.do(lambda: asyncio.run(_leave_behind(place, tasks)), seconds=120) == 0
    return _report_of(place, _start_beside, 120)


def soak(directory: str, *, tasks: int = 60_000, batch: int = 1000) -> dict[str, Any]:
    """Do so many tasks, and look after each batch at what the process holds."""
    place = Place(Path(directory))
    place.put_in_order()
    return _report_of(place, partial(_go_on_for_long, tasks=tasks, batch=batch), 1500)


def _report_of(
    place: Place, work: Callable[[Place], Coroutine[Any, Any, dict[str, Any]]], seconds: int
) -> dict[str, Any]:
    report = place.directory / "report"

    def report_it() -> None:
        report.write_text(json.dumps(asyncio.run(work(place))))

    assert children.do(report_it, seconds=seconds) == 0
    found: dict[str, Any] = json.loads(report.read_text())
    return found


async def _leave_behind(place: Place, count: int) -> None:
    async with _container(place) as container:
        created = await container.get(TaskOrchestrator).create_task(
            title="stale", specialist_type="quick", completion="auto"
        )
    with closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(tasks)")]
        given = {
            "id": "printf('stale-%06d', n)",
            "status": "'running'",
            "attempt": "1",
            "owner": f"'{DEAD}'",
            "lease_until": "1",
        }
        values = ", ".join(given.get(column, column) for column in columns)
        connection.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
            f" WHERE n < {count}) INSERT INTO tasks SELECT {values} FROM tasks, numbers"
            f" WHERE id = '{created.task_id}'"
        )
        connection.execute("DELETE FROM tasks WHERE id = ?", (created.task_id,))


async def _start_beside(place: Place) -> dict[str, Any]:
    first = asyncio.Event()
    async with _container(place, first) as container:
        before, begun, worked = resident(), time.perf_counter(), time.process_time()
        await container.get(TaskOrchestrator).start()
        await first.wait()
        ready, worked = time.perf_counter() - begun, time.process_time() - worked
        more = resident() - before
        while await _count(place, "running"):
            await container.get(Clock).sleep(1)
        all_taken = time.perf_counter() - begun
        await container.get(TaskOrchestrator).stop()
    return {
        "points": 1,
        "ready": ready,
        "ready_of_processor": worked,
        "extra_mb": more / MEGA,
        "all_taken_back": all_taken,
    }


async def _go_on_for_long(place: Place, *, tasks: int, batch: int) -> dict[str, Any]:
    looks: list[dict[str, float]] = []
    begun = time.perf_counter()
    async with _container(place) as container:
        for _ in range(tasks // batch):
            request = {"title": "t", "specialist_type": "quick"}
            results = await container.get(TaskOrchestrator).run_all([request] * batch)
            assert all(result.completed for result in results)
            del results
            looks.append(_look(place))
    settled = looks[len(looks) // 6 :]
    return {
        "points": len(looks),
        "tasks": tasks,
        "seconds": time.perf_counter() - begun,
        **{
            name: [min(x[name] for x in settled), max(x[name] for x in settled)]
            for name in looks[0]
        },
        "growth_mb": settled[-1]["resident_mb"] - settled[0]["resident_mb"],
    }


def _look(place: Place) -> dict[str, float]:
    gc.collect()
    log = place.database.with_name("work.db-wal")
    return {
        "descriptors": children.descriptors(),
        "threads": threading.active_count(),
        "asyncio_tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
        "resident_mb": resident() / MEGA,
        "log_mb": log.stat().st_size / MEGA,
    }


def _container(place: Place, first: asyncio.Event | None = None) -> CrowdContainer:
    container = CrowdContainer(
        database_url=str(place.database), workspace=str(place.workspace), concurrency=50
    )

    async def quick(task: TaskContext) -> str:
        if first is not None:
            first.set()
        return await task.step("only", lambda: "done")

    container.get(Specialists).register("quick", quick)
    return container


async def _count(place: Place, status: str) -> int:
    with closing(sqlite3.connect(place.database, timeout=30)) as connection:
        query = "SELECT count(*) FROM tasks WHERE status = ? AND owner = ?"
        return int(connection.execute(query, (status, DEAD)).fetchone()[0])


def resident() -> int:
    """The memory of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not say")
