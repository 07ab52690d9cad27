"""Huey: enqueued here, done by a consumer process of its own, on SqliteHuey.

It has no steps: a task and its result are stored, nothing in between. ``full`` is what it does
unless told otherwise (WAL, and SQLite's default of flushing at each commit); ``normal`` is
``synchronous=NORMAL`` on all of its connections, which is not among its settings. One caller waits
for each task, and polls each millisecond, as the consumer does; many are better served by
enqueuing all tasks and then waiting for the last, so that is done, with 16 consumer threads.
"""

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

from measuring import WARM_UP, Meter, Question, asked

PATIENCE = 120
MOST_THREADS = 16


def main(question: Question) -> None:
    os.environ["PEER_PATH"] = str(question.directory / "huey.db")
    os.environ["PEER_DURABILITY"] = question.durability
    tasks = import_module("huey_tasks")
    consumer = start_consumer(min(question.callers, MOST_THREADS))
    try:
        for number in range(WARM_UP):
            awaited(tasks.same(number))
        meter = Meter([consumer.pid])
        ask = one_by_one if question.callers == 1 else all_at_once
        meter.answer(question.tasks, ask(tasks, question.tasks))
    finally:
        consumer.terminate()
        consumer.wait()


def start_consumer(threads: int) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("huey_consumer")
    options = ["-k", "thread", "-w", str(threads), "-d", "0.001", "-m", "0.01", "-q"]
    here = str(Path(__file__).parent)
    command = [sys.executable, str(program), "huey_tasks.huey", *options]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": here})


def one_by_one(tasks, count: int) -> list[float]:
    taken = []
    for number in range(count):
        started = time.perf_counter()
        result = awaited(tasks.same(number))
        taken.append(time.perf_counter() - started)
        if result != number:
            raise AssertionError(f"task {number} gave {result!r}")
    return taken


def all_at_once(tasks, count: int) -> list[float]:
    deadline = time.monotonic() + PATIENCE
    for number in range(count):
        tasks.same(number)
    while tasks.huey.result_count() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{tasks.huey.result_count()} of {count} tasks were done")
        time.sleep(0.002)
    return []


def awaited(result):
    return result.get(blocking=True, backoff=1, max_delay=0.001, timeout=PATIENCE)


if __name__ == "__main__":
    main(asked())
