"""What all contestants share: the question they are asked, and the form of their answer.

Each contestant is a program of its own, ``with_NAME.py``, run by the interpreter that has the
library. It does N tasks with so many callers at a time, and prints one line of JSON. This file
needs nothing but the standard library.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

WARM_UP = 20


@dataclass(frozen=True)
class Question:
    """``directory`` is empty and on the disk in question."""

    directory: Path
    durability: str
    callers: int
    tasks: int
    variant: str


def asked() -> Question:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--durability", choices=("full", "normal"), required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--variant", default="")
    return Question(**vars(parser.parse_args()))


async def measure(
    question: Question, work: Callable[[int], Awaitable[object]], processes: Iterable[int] = ()
) -> None:
    """Have all tasks done, and answer; ``processes`` write to the disk too."""
    for number in range(WARM_UP):
        await work(-1 - number)
    share = question.tasks // question.callers
    taken: list[float] = []

    async def caller(first: int) -> None:
        for number in range(first, first + share):
            started = time.perf_counter()
            result = await work(number)
            taken.append(time.perf_counter() - started)
            if result != number:
                raise AssertionError(f"task {number} gave {result!r}")

    meter = Meter(processes)
    await asyncio.gather(*(caller(n * share) for n in range(question.callers)))
    meter.answer(len(taken), taken)


class Meter:
    """Runs from its making on; also what ``processes`` beside this one spend and write counts."""

    def __init__(self, processes: Iterable[int] = ()) -> None:
        self._processes = [os.getpid(), *processes]
        self._written, self._spent = self._bytes_written(), self._processor_seconds()
        self._started = time.perf_counter()

    def answer(self, tasks: int, taken: Sequence[float] = ()) -> None:
        """Print the figures; ``taken`` are the seconds from asking for each task to having it,
        where somebody waited for each.
        """
        seconds = time.perf_counter() - self._started
        figures = {
            "tasks_per_second": tasks / seconds,
            "processor_us_per_task": 1e6 * (self._processor_seconds() - self._spent) / tasks,
            "kb_per_task": (self._bytes_written() - self._written) / tasks / 1024,
        }
        if taken:
            percentiles = statistics.quantiles(taken, n=100, method="inclusive")
            figures |= {"median_ms": 1000 * percentiles[49], "p99_ms": 1000 * percentiles[98]}
        print(json.dumps(figures), flush=True)

    def _processor_seconds(self) -> float:
        """In user and system mode, of all threads."""
        ticks = os.sysconf("SC_CLK_TCK")
        others = (
            _proc(process, "stat").rpartition(")")[2].split() for process in self._processes[1:]
        )
        return time.process_time() + sum(int(n) for of in others for n in of[11:13]) / ticks

    def _bytes_written(self) -> int:
        """What was sent to the disk, as Linux counts it: in pages."""
        lines = [line for pid in self._processes for line in _proc(pid, "io").splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _proc(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8")
    except OSError:
        return ""
