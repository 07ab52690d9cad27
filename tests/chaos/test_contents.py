"""The store of contents: processes killed at calls of the system, and power cuts at them."""

import subprocess
import sys

import pytest


def test_a_killed_process_loses_no_content_that_was_acknowledged(sweep):
    found = sweep("contents_kills", points=6)

    assert found["complaints"] == []
    assert found["points"] == 6


def test_no_power_cut_takes_content_that_was_acknowledged(sweep):
    found = sweep("contents_power_cuts", moments=3)

    assert found["complaints"] == []
    assert found["points"] == 12


def test_a_store_that_does_not_flush_names_is_found_out_by_power_cuts(sweep):
    found = sweep("contents_power_cuts", moments=3, kind="hasty")

    assert any("lost" in complaint for complaint in found["complaints"])


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_every_call_of_the_store_may_be_its_last(sweep):
    found = sweep("contents_kills")

    assert found["complaints"] == []
    assert found["points"] == found["calls"] > 80


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_the_power_may_go_at_every_call_of_the_store(sweep):
    found = sweep("contents_power_cuts")

    assert found["complaints"] == []
    assert found["points"] > 300


STREAMS = """
import asyncio, resource, sys
from pathlib import Path
from vespera.domain.content import ContentSource
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.threads import Threads

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

async def main(place, size):
    with (place / "large").open("wb") as file:
        file.write(b"begin")
        file.truncate(size)
    threads = Threads()
    store = PackedContents(
        place / "contents", place, threads, references=None, clock=SystemClock()
    )
    await store.put([ContentSource("", data=b"first")])
    before = peak()
    (result,) = await store.put([ContentSource("large")])
    read = 0
    async for block in store.stream(result.digest):
        read += len(block)
    await store.stop()
    threads.close()
    print(result.size == read == size, peak() - before)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_four_gibibytes_pass_through_a_few_mebibytes_of_memory(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", STREAMS, str(tmp_path), str(4 * 1024**3)],
        capture_output=True,
        text=True,
        check=True,
    )
    is_whole, mebibytes = ran.stdout.split()

    assert is_whole == "True"
    assert int(mebibytes) < 64
