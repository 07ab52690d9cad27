"""What it costs to have files changed by tracked acts, to keep what they replace, and to take them
back; against a file written beside, flushed, and renamed, which is the least that is safe.

Run it as ``python benchmarks/proof.py [--files 200] [--rounds 3]``. The sides take turns; ratios
are of one run, by the median. What is written lies in ``build/proof``, and is removed.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from machine import machine, show

from vespera import Container, RollBackUseCase, TaskContext, TaskExecutionWorkflow
from vespera.application.runtime.specialists import Specialists

PLACE = Path("build/proof")
SIZE = 8 * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    show(machine(PLACE))
    sides: dict[str, Callable[[int], dict[str, float]]] = {
        "plain": _plain,
        "kept": lambda count: asyncio.run(_tracked(count, keeps=True)),
        "not kept": lambda count: asyncio.run(_tracked(count, keeps=False)),
    }
    taken: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for side in sides.values():
            for name, seconds in side(given.files).items():
                taken.setdefault(name, []).append(seconds)
    shutil.rmtree(PLACE, ignore_errors=True)
    print(f"{given.files} files of {SIZE // 1024} KiB, ms for each, and in multiples of the first")
    base = statistics.median(taken["written beside, flushed, renamed"])
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{name:45} {1000 * median / given.files:8.2f} {median / base:8.1f}")


def _fresh(count: int) -> Path:
    root = PLACE / "workspace"
    shutil.rmtree(root, ignore_errors=True)
    for left in PLACE.glob("tasks.db*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    root.mkdir()
    for number in range(count):
        (root / f"{number}.txt").write_bytes(_content("old", number))
    os.sync()
    return root


def _content(what: str, number: int) -> bytes:
    return f"{what} {number} ".encode().ljust(SIZE, b".")


def _plain(count: int) -> dict[str, float]:
    root = _fresh(count)
    directory = os.open(root, os.O_RDONLY)
    started = time.perf_counter()
    for number in range(count):
        beside = root / "beside"
        with beside.open("wb", buffering=0) as file:
            file.write(_content("new", number))
            os.fsync(file.fileno())
        beside.replace(root / f"{number}.txt")
        os.fsync(directory)
    taken = time.perf_counter() - started
    os.close(directory)
    return {"written beside, flushed, renamed": taken}


async def _tracked(count: int, *, keeps: bool) -> dict[str, float]:
    root = _fresh(count)
    told = "what was there kept" if keeps else "nothing kept"
    taken = {}
    settings = {
        "database_url": f"sqlite+aiosqlite:///{(PLACE / 'tasks.db').absolute()}",
        "workspace": str(root),
        "store_replaced": keeps,
    }

    async def writer(task: TaskContext) -> None:
        for number in range(count):
            await task.files.write_bytes(f"{number}.txt", _content("new", number))

    async with Container(settings) as container:
        container.get(Specialists).register("writer", writer)
        workflow, rolling = container.get(TaskExecutionWorkflow), container.get(RollBackUseCase)
        started = time.perf_counter()
        result = await workflow.run(title="Write", specialist_type="writer", task_id="t")
        taken[f"tracked writes, {told}"] = time.perf_counter() - started
        assert result.success, result.error
        if keeps:
            for name in ("a rollback of them", "the rollback undone"):
                started = time.perf_counter()
                done = await (rolling.undo if "undone" in name else rolling.roll_back)("t")
                taken[name] = time.perf_counter() - started
                assert done.success, done.error
    return taken


if __name__ == "__main__":
    main()
