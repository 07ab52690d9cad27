"""What the testing kit costs, each figure beside what it is to be compared with.

python benchmarks/testing.py
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy.ext.asyncio import create_async_engine

from vespera import AsyncDatabaseManager, Container
from vespera.infrastructure.persistence.tables import metadata
from vespera.testing.clock import VirtualClock
from vespera.testing.environment import Environment
from vespera.testing.leaks import Belongings, left_since
from vespera.testing.loop import VirtualLoop

ROUNDS = 80
IN_A_ROW = 10
TESTS = 300


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        asyncio.run(environments(place))
        timers()
        leak_check()
        start_up()
        suites(place)


async def environments(place: Path) -> None:
    """A container and its migrated database, made and taken down; what ``create_all`` takes."""

    async def ours() -> None:
        environment = Environment(Container, place, VirtualClock(), {})
        await environment.container.get(AsyncDatabaseManager).start()
        await environment.clean_up()

    async def database_alone() -> None:
        database = AsyncDatabaseManager("sqlite+aiosqlite:///:memory:")
        await database.start()
        await database.stop()

    async def create_all() -> None:
        name = f"file:/{uuid4().hex}?vfs=memdb&uri=true"
        engine = create_async_engine(f"sqlite+aiosqlite:///{name}")
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

    for clock in (time.perf_counter, time.process_time):
        took = await side_by_side(clock, ours, database_alone, create_all)
        print("By the wall clock:" if clock is time.perf_counter else "By the processor's time:")
        show("environment (container + database)", f"{took[0]:.2f} ms", "at most 2 ms")
        show("  its database alone", f"{took[1]:.2f} ms")
        show("  create_all alone", f"{took[2]:.2f} ms")
        show("  environment : create_all", f"1 : {took[2] / took[0]:.1f}", "at least 1 : 5")


async def side_by_side(
    clock: Callable[[], float], *candidates: Callable[[], Awaitable[None]]
) -> list[float]:
    """The median of each in milliseconds, some of each in turn, as tests come one after another.

    Each alone behind ``create_all`` would find the processor's caches full of that.
    """
    took: list[list[float]] = [[] for _ in candidates]
    for _ in range(ROUNDS // IN_A_ROW):
        for candidate, times in zip(candidates, took, strict=True):
            for _ in range(IN_A_ROW):
                began = clock()
                await candidate()
                times.append((clock() - began) * 1000)
    return [statistics.median(times[IN_A_ROW:]) for times in took]


def timers() -> None:
    """A virtual hour with a thousand timers."""

    async def hour() -> None:
        loop, came = asyncio.get_running_loop(), []
        for number in range(1000):
            loop.call_later(3.6 * number, came.append, number)
        await asyncio.sleep(3600)
        assert len(came) == 1000

    def one() -> float:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.get_loop()
            began = time.perf_counter()
            runner.run(hour())
            return (time.perf_counter() - began) * 1000

    show(
        "1,000 timers in a virtual hour",
        f"{statistics.median(one() for _ in range(15)):.1f} ms",
        "at most 100 ms",
    )


def leak_check() -> None:
    """What looking for leaks adds to a test that leaves nothing."""

    def one() -> float:
        began = time.perf_counter()
        left_since(Belongings.now(), str)
        return (time.perf_counter() - began) * 1000

    took = statistics.median(one() for _ in range(300))
    show("leak check of a clean test", f"{took:.3f} ms", "at most 0.3 ms")


def start_up() -> None:
    """What the plugin adds to the start of a test run."""
    plain, ours = [], []
    for _ in range(9):
        plain.append(run(sys.executable, "-c", "import pytest").wall)
        ours.append(run(sys.executable, "-c", "import pytest, vespera.testing.plugin").wall)
    added = statistics.median(ours) - statistics.median(plain)
    show("start-up of the plugin", f"{added:.1f} ms", "at most 20 ms")


BARE = """
    import asyncio
    import pytest

    @pytest.mark.parametrize("number", range(TESTS))
    async def test_it(number):
        await asyncio.sleep(0)
"""
CONTAINERS = """
    import pytest
    from vespera import TaskOrchestrator

    @pytest.mark.parametrize("number", range(TESTS))
    async def test_it(number, container):
        result = await container.get(TaskOrchestrator).create_task({"title": str(number)})
        assert result.success
"""


def suites(place: Path) -> None:
    """A suite of bare tests, without the plugin and with it, and one with a container per test."""
    (place / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    for name, source in (("test_bare", BARE), ("test_containers", CONTAINERS)):
        text = dedent(source).replace("TESTS", str(TESTS))
        (place / f"{name}.py").write_text(text)
    suite(place, "test_containers.py")  # so that what is imported has been compiled
    bare, plugged, containers = [], [], []
    for _ in range(6):
        bare.append(suite(place, "test_bare.py", "-p", "no:vespera"))
        plugged.append(suite(place, "test_bare.py"))
        containers.append(suite(place, "test_containers.py"))
    show(f"suite of {TESTS} bare tests, without the plugin", f"{median_of(bare).wall:.0f} ms")
    for name, took, mark in (
        ("  the same with it", plugged, ""),
        ("  with a container each", containers, "at most 2 x"),
    ):
        ratio = median_of(took).wall / median_of(bare).wall
        of_processor = median_of(took).processor / median_of(bare).processor
        show(name, f"{ratio:.2f} x", f"({of_processor:.2f} x of the processor) {mark}")


class Took(NamedTuple):
    """Milliseconds of a process: by the wall clock, and by the processor's time."""

    wall: float
    processor: float


def median_of(runs: list[Took]) -> Took:
    return Took(*map(statistics.median, zip(*runs, strict=True)))


def suite(place: Path, *options: str) -> Took:
    plugins = ["-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:cov"]
    return run(sys.executable, "-m", "pytest", "-q", *plugins, *options, cwd=place)


def run(*command: str, cwd: Path | None = None) -> Took:
    # Nobody compiles everything anew in each run, as some machines for builds are told to.
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    wall, processor = time.perf_counter(), processor_of_children()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, env=environment)
    return Took((time.perf_counter() - wall) * 1000, (processor_of_children() - processor) * 1000)


def processor_of_children() -> float:
    """Seconds of the processor's time that ended child processes have taken."""
    used = os.times()
    return used.children_user + used.children_system


def show(what: str, figure: str, mark: str = "") -> None:
    print(f"{what:48} {figure:>12}   {mark}")


if __name__ == "__main__":
    main()
