"""Snapshots of a workspace beside git: the first, of nothing changed, of one file in a hundred.

python benchmarks/files.py [--files 100000] [--rounds 9] [--large-mib 512]

At last one large file is looked at, beside what `b3sum` does: it is mapped, and hashed by all
processors. All is made in ``build``, and removed. What is compared is done in turns; the ratios
count.
"""

import argparse
import asyncio
import os
import random
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3
from machine import machine, show

from vespera import Container, FileStore
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase

BUILD = Path("build/files")
IN_A_DIRECTORY = 100
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.untrackedCache=false")
ENVIRONMENT = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}


class Taken(NamedTuple):
    """Seconds that something took, on the wall and of the processors."""

    wall: float
    processor: float


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--files", type=int, default=100_000)
    given.add_argument("--rounds", type=int, default=9)
    given.add_argument("--large-mib", type=int, default=512)
    options = given.parse_args()
    shutil.rmtree(BUILD, ignore_errors=True)
    tree = BUILD / "tree"
    try:
        tree.mkdir(parents=True)
        show(machine(BUILD))
        make_tree(tree, options.files)
        asyncio.run(measure(tree, options.files, options.rounds))
        asyncio.run(large(large_file(BUILD / "large", options.large_mib), options.rounds))
    finally:
        shutil.rmtree(BUILD, ignore_errors=True)


def make_tree(tree: Path, files: int) -> None:
    """Texts of 1 to 16 KiB, a hundred in each directory, three levels."""
    chance = random.Random(1)
    text = chance.randbytes(300_000).hex().encode()
    for number in range(files):
        group = number // IN_A_DIRECTORY
        directory = tree / f"pkg{group // 100:02}" / f"mod{group % 100:02}"
        if number % IN_A_DIRECTORY == 0:
            directory.mkdir(parents=True, exist_ok=True)
        size = chance.randint(1024, 16384)
        begin = chance.randrange(len(text) - size)
        (directory / f"file_{number:06}.py").write_bytes(
            b"# %d\n" % number + text[begin : begin + size]
        )


def change(tree: Path, files: int, chance: random.Random) -> None:
    """Write one file in a hundred anew."""
    for number in chance.sample(range(files), files // 100):
        group = number // IN_A_DIRECTORY
        path = tree / f"pkg{group // 100:02}" / f"mod{group % 100:02}" / f"file_{number:06}.py"
        path.write_bytes(path.read_bytes() + b"# %f\n" % chance.random())


async def measure(tree: Path, files: int, rounds: int) -> None:
    chance = random.Random(2)
    git_init(tree)
    settings = {"workspace": tree, "database_url": BUILD / "work.db"}
    async with Container(settings) as container:
        snapshots = container.get(SnapshotWorkspaceUseCase)
        lag = Lag()
        async with lag:
            first = await timed(snapshots.take)
        print(f"\n{files:,} files; milliseconds, median (least), ratio of medians\n")
        print(f"{'':40} {'on the wall':28} of the processors")
        told("first snapshot, durable, without contents", [first])
        told("git add -A, first", [await timed(git, "add", "-A")])
        print(f"{'':40} longest turn of the loop meanwhile {1e3 * lag.longest:6.1f}")
        await git("commit", "-qm", "first")
        await unchanged(snapshots, rounds)
        await one_in_a_hundred(snapshots, tree, files, rounds, chance)


async def unchanged(snapshots: SnapshotWorkspaceUseCase, rounds: int) -> None:
    status, compared, taken, lag = [], [], [], Lag()
    await snapshots.take()
    for _ in range(rounds):
        status.append(await timed(git, "status", "--porcelain"))
        async with lag:
            compared.append(await timed(snapshots.compare, "newest"))
            taken.append(await timed(snapshots.take))
    print("\nnothing changed")
    told("git status", status)
    told("scan and compare", compared, status)
    told("snapshot, durable", taken, status)
    print(f"{'':40} longest turn of the loop meanwhile {1e3 * lag.longest:6.1f}")


async def one_in_a_hundred(
    snapshots: SnapshotWorkspaceUseCase,
    tree: Path,
    files: int,
    rounds: int,
    chance: random.Random,
) -> None:
    committed, taken = [], []
    for _ in range(max(rounds // 2, 2)):
        change(tree, files, chance)
        taken.append(await timed(snapshots.take))
        committed.append(await timed(git_commit))
    print("\none file in a hundred changed")
    told("git add -A, write-tree, commit", committed)
    told("snapshot, durable, without contents", taken, committed)


def large_file(directory: Path, mib: int) -> Path:
    directory.mkdir()
    path = directory / f"{mib}_mib.bin"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(random.randbytes(2**20))
    return path


async def large(path: Path, rounds: int) -> None:
    async def map_and_hash() -> None:
        await asyncio.to_thread(blake3(max_threads=blake3.AUTO).update_mmap, path)

    mapped, seen = [], []
    async with Container(workspace=path.parent) as container:
        files = container.get(FileStore)
        for _ in range(rounds):
            mapped.append(await timed(map_and_hash))
            seen.append(await timed(files.observe, [path.name]))
    print(f"\none large file: {path.name}")
    told("mapped, and hashed by all processors", mapped)
    told("looked at", seen, mapped)


def told(name: str, taken: list[Taken], beside: list[Taken] | None = None) -> None:
    print(f"{name:40}", *(told_one(taken, beside, which) for which in (0, 1)))


def told_one(taken: list[Taken], beside: list[Taken] | None, which: int) -> str:
    own = [1e3 * each[which] for each in taken]
    median = statistics.median(own)
    ratio = median / statistics.median(1e3 * each[which] for each in beside) if beside else 1
    return f"{median:9.1f} ({min(own):7.1f}) {f'x {ratio:.2f}' if beside else '':7}"


async def timed(act: Callable[..., Awaitable[object]], *args: object) -> Taken:
    began, before = time.perf_counter(), processor()
    await act(*args)
    return Taken(time.perf_counter() - began, processor() - before)


def processor() -> float:
    """Seconds that this process and those that it has waited for had of the processors."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class Lag:
    """The longest time that the event loop was kept from going on."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> None:
        self._beat = asyncio.create_task(self._beats())

    async def __aexit__(self, *_: object) -> None:
        self._beat.cancel()

    async def _beats(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - began - 0.001)


def git_init(tree: Path) -> None:
    ENVIRONMENT.update(GIT_DIR=str((BUILD / "git").absolute()), GIT_WORK_TREE=str(tree.absolute()))
    subprocess.run([*GIT, "init", "-q"], env=ENVIRONMENT, check=True)


async def git(*words: str) -> None:
    run = await asyncio.create_subprocess_exec(
        *GIT, *words, env=ENVIRONMENT, stdout=asyncio.subprocess.DEVNULL
    )
    if await run.wait():
        raise SystemExit(f"git {' '.join(words)} failed")


async def git_commit() -> None:
    await git("add", "-A")
    await git("write-tree")
    await git("commit", "-qm", "next")


if __name__ == "__main__":
    main()
