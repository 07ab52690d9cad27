"""Real processes on one database file: killed, taken over, side by side."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, providers
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue

pytestmark = pytest.mark.crash

WORKER = """
import asyncio, os, sys
from vespera import Container, TaskOrchestrator, providers

def note(line):
    descriptor = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode() + b"\\n")
    os.close(descriptor)

async def work(task):
    await task.step("before", note, f"before {task.id}")
    if task.payload.get("stall"):
        print("stalled", flush=True)
        await asyncio.Event().wait()
    await task.step("work", note, f"work {task.id}")

class WorkContainer(Container):
    specialists = providers.Aggregate(worker=providers.Object(work))

async def main():
    async with WorkContainer(database_url=sys.argv[1], concurrency=3) as container:
        print("ready", flush=True)
        await container.get(TaskOrchestrator).run_until_idle()
    print("idle", flush=True)

asyncio.run(main())
"""


class Worker:
    """A worker in a process of its own."""

    def __init__(self, database: Path, log: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(database), str(log)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        pytest.fail(f"the worker ended before it was {word!r}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def worker_on(database: Path, log: Path) -> Iterator[Worker]:
    worker = Worker(database, log)
    try:
        yield worker
    finally:
        worker.kill()
        assert worker.process.stdout is not None
        worker.process.stdout.close()


async def note_nothing(task: TaskContext) -> str:
    await task.step("before", lambda: None)
    await task.step("work", lambda: None)
    return f"attempt {task.attempt}"


class Heir(Container):
    specialists = providers.Aggregate(worker=providers.Object(note_nothing))


async def create(database: Path, count: int, **payload: object) -> list[str]:
    async with Container(database_url=str(database)) as container:
        results = await container.get(TaskOrchestrator).create_tasks(
            [
                {
                    "title": f"task {n}",
                    "specialist_type": "worker",
                    "payload": payload,
                    "completion": "auto",
                }
                for n in range(count)
            ]
        )
    return [str(result.task_id) for result in results]


async def test_a_killed_worker_s_task_goes_on_at_once_in_another(tmp_path: Path) -> None:
    """At once: the lease of 30 s is not waited for, the dead owner's lock is free."""
    database, log = tmp_path / "tasks.db", tmp_path / "log"
    [task_id] = await create(database, 1, stall=True)
    with worker_on(database, log) as worker:
        worker.wait_for("stalled")
        worker.kill()

    async with Heir(database_url=str(database)) as container:
        orchestrator = container.get(TaskOrchestrator)
        result = await orchestrator.wait_for_completion(task_id, timeout=20)

    assert result.completed
    assert result.result == "attempt 2"
    assert log.read_text().splitlines() == [f"before {task_id}"], "the recorded step ran once"


async def test_a_worker_that_stands_still_is_not_called_dead(tmp_path: Path) -> None:
    """It keeps its task until its lease is over; only the end of a process frees its lock."""
    database, log = tmp_path / "tasks.db", tmp_path / "log"
    await create(database, 1, stall=True)
    with worker_on(database, log) as worker:
        worker.wait_for("stalled")
        os.kill(worker.process.pid, signal.SIGSTOP)
        async with Container(database_url=str(database)) as container:
            holders = await container.get(TaskQueue).owners()
            assert len(holders) == 1
            assert not container.get(Owners).dead(holders)

            worker.kill()

            assert set(container.get(Owners).dead(holders)) == set(holders)


async def test_two_workers_share_a_file_and_no_task_is_done_twice(tmp_path: Path) -> None:
    database, log = tmp_path / "tasks.db", tmp_path / "log"
    task_ids = await create(database, 150)

    with worker_on(database, log) as one, worker_on(database, log) as other:
        await asyncio.to_thread(one.wait_for, "idle")
        await asyncio.to_thread(other.wait_for, "idle")

    done = Counter(line for line in log.read_text().splitlines())
    assert set(done.values()) == {1}
    assert {line.split()[1] for line in done} == set(task_ids)
    async with Container(database_url=str(database)) as container:
        orchestrator = container.get(TaskOrchestrator)
        stands = [(await orchestrator.get_task_status(task_id)).status for task_id in task_ids]
    assert set(stands) == {"completed"}
