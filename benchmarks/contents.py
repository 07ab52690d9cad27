"""What it costs to keep the contents of files: first storing of many, against `git add -A`; large
ones, against reading and hashing; one at a time; and giving them back.

Run it as ``python benchmarks/contents.py [--files 20000] [--large-mib 256] [--rounds 3]``. The
sides take turns, and ratios are of one run. What is written lies in ``build/contents``, and is
removed.
"""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3
from machine import machine, show

from vespera.domain.content import ContentSource
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.threads import Threads

PLACE = Path("build/contents")
MIB = 1024 * 1024
PER_DIRECTORY = 100
BLOCK = 256 * 1024


class Taken(NamedTuple):
    """Seconds."""

    wall: float
    processor: float


class _Nothing:
    """Nothing refers to what is kept here."""

    async def digests(self, since):
        return ()

    async def digests_by_path(self):
        return ()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--large-mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    show(machine(PLACE))
    try:
        _many(given.files, given.rounds)
        _large(given.large_mib, given.rounds)
        _one_by_one(100)
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)


def _many(count: int, rounds: int) -> None:
    tree = PLACE / "tree"
    paths = _make_tree(tree, count)
    size = sum((tree / path).stat().st_size for path in paths) / MIB
    sources = [ContentSource(path) for path in paths]
    ours, git, known, back = [], [], [], []
    for _ in range(rounds):
        taken = asyncio.run(_stored(tree, sources))
        ours.append(taken[0])
        known.append(taken[1])
        back.append(taken[2])
        git.append(_timed(lambda: _git_add(tree)))
    print(f"{count:,} files, {size:.0f} MiB, first stored")
    _row("git add -A", git)
    _row("put", ours, git)
    _row("put again, all there already (read and hashed)", known, git)
    _row("get, all of them, one by one", back, git)


def _large(mib: int, rounds: int) -> None:
    tree = PLACE / "large"
    tree.mkdir()
    noise, text = tree / "noise", tree / "text"
    with noise.open("wb") as one, text.open("wb") as other:
        words = random.Random(1).choices([b"alpha ", b"beta ", b"gamma ", b"\n"], k=MIB)
        block = b"".join(words)[:MIB]
        for number in range(mib):
            one.write(random.randbytes(MIB))
            other.write(number.to_bytes(8) + block[8:])
    for path in (noise, text):
        plain, ours = [], []
        for _ in range(rounds):
            plain.append(_timed(lambda path=path: _read_and_hash(path)))
            ours.append(asyncio.run(_stored(tree, [ContentSource(path.name)]))[0])
        print(f"{mib:,} MiB of {path.name} in one file")
        _row("read and hash it, keep nothing", plain)
        _row("put, on disk", ours, plain)


def _one_by_one(count: int) -> None:
    async def run() -> list[Taken]:
        store = _store(PLACE, PLACE / "single")
        taken = []
        for number in range(count):
            started = _now()
            await store.put([ContentSource("", data=b"%d\n" % number * 200)])
            taken.append(_between(started, _now()))
        await store.stop()
        return taken

    print(f"{count} contents, one after the other")
    _row("put one, on disk (median)", asyncio.run(run()))


async def _stored(tree: Path, sources: list[ContentSource]) -> list[Taken]:
    place = PLACE / "store"
    shutil.rmtree(place, ignore_errors=True)
    store = _store(tree, place)
    moments = [_now()]
    results = await store.put(sources)
    moments.append(_now())
    assert all(result.kept for result in results)
    await store.put(sources)
    moments.append(_now())
    if len(sources) > 1:
        for result in results:
            await store.get(str(result.digest))
    moments.append(_now())
    await store.stop()
    return [_between(*pair) for pair in pairwise(moments)]


def _store(workspace: Path, place: Path) -> PackedContents:
    return PackedContents(
        place.absolute(),
        workspace,
        Threads(),
        references=_Nothing(),
        clock=SystemClock(),
        quota=2**40,
    )


def _make_tree(tree: Path, count: int) -> list[str]:
    """Text of 1 to 16 KiB, a hundred files to a directory."""
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz_", k=8)) for _ in range(4000)]
    text = " ".join(chance.choices(words, k=300_000)).encode()
    paths = []
    for number in range(count):
        path = f"pkg{number // PER_DIRECTORY // 100}/mod{number // PER_DIRECTORY}/{number}.py"
        if number % PER_DIRECTORY == 0:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
        size = chance.randint(1024, 16384)
        start = chance.randrange(len(text) - size)
        (tree / path).write_bytes(b"# %d\n" % number + text[start : start + size])
        paths.append(path)
    return paths


def _git_add(tree: Path) -> None:
    git = ["git", f"--git-dir={(PLACE / 'git').absolute()}", f"--work-tree={tree.absolute()}"]
    subprocess.run([*git, "add", "-A"], check=True, cwd=tree)


def _read_and_hash(path: Path) -> None:
    hasher = blake3()
    block = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            hasher.update(block[:count])


def _timed(work: Callable[[], object]) -> Taken:
    shutil.rmtree(PLACE / "git", ignore_errors=True)
    subprocess.run(["git", "init", "-q", "--bare", str(PLACE / "git")], check=True)
    started = _now()
    work()
    return _between(started, _now())


def _now() -> Taken:
    """Seconds on the wall, and of the processor, also in processes that have ended."""
    return Taken(time.perf_counter(), sum(os.times()[:4]))


def _between(start: Taken, end: Taken) -> Taken:
    return Taken(end.wall - start.wall, end.processor - start.processor)


def _row(name: str, taken: list[Taken], base: list[Taken] | None = None) -> None:
    wall, processor = (statistics.median(one) for one in zip(*taken, strict=True))
    told = f"  {name:48} {1000 * wall:9.1f} ms, processor {1000 * processor:9.1f} ms"
    if base:
        base_wall, base_processor = (statistics.median(one) for one in zip(*base, strict=True))
        told += f"; x {wall / base_wall:.3f}, processor x {processor / base_processor:.3f}"
    print(told)


if __name__ == "__main__":
    main()
