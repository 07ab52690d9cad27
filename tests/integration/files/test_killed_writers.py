"""A process that is killed while it writes leaves the old file or the new one, never a mixture."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vespera.infrastructure.files.local_file_store import LocalFileStore

SIZE = 200_000
KILLS = 8
WRITER = f"""
import asyncio, itertools, sys
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads

async def main():
    store = LocalFileStore(sys.argv[1], Threads())
    for letter in itertools.cycle((b"a", b"b")):
        await store.write("sub/file", letter * {SIZE}, token="the-same-each-time")
        print(letter, flush=True)

asyncio.run(main())
"""


@pytest.mark.crash
async def test_a_killed_writer_leaves_a_whole_file(store: LocalFileStore, workspace: Path) -> None:
    seed = 20_300_101
    moments = random.Random(seed)
    for _ in range(KILLS):
        await_writes = moments.randrange(1, 6)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(workspace)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            for _ in range(await_writes):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        content = await store.read("sub/file")

        assert content in (b"a" * SIZE, b"b" * SIZE), seed


@pytest.mark.crash
async def test_the_next_write_cleans_up_after_a_killed_writer(
    store: LocalFileStore, workspace: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(workspace)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    await store.write("sub/file", b"c", token="the-same-each-time")

    assert [path.name for path in (workspace / "sub").iterdir()] == ["file"]
