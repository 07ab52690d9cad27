"""A directory that is exchanged for a symbolic link, at any moment, leads nobody outside."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.domain.file_operation import Absent, FileState, UnknownState
from vespera.infrastructure.files import looking
from vespera.infrastructure.files.local_file_store import LocalFileStore

TRIES = 500


@pytest.fixture
def exchanging(workspace: Path, outside: Path) -> Iterator[None]:
    """While the test runs, ``swap`` is a directory, a link to the outside, or nothing, in turn."""
    (workspace / "real").mkdir()
    (workspace / "real" / "secret.txt").write_text("harmless")
    (workspace / "link").symlink_to(outside)
    stop = Event()
    place = workspace / "swap"

    def exchange() -> None:
        while not stop.is_set():
            for name in ("real", "link"):
                try:
                    (workspace / name).rename(place)
                    place.rename(workspace / name)
                except OSError:
                    shutil.rmtree(
                        place, ignore_errors=True
                    )  # a writer has just made this directory

    attacker = Thread(target=exchange)
    attacker.start()
    yield
    stop.set()
    attacker.join()


@pytest.mark.usefixtures("open_descriptors", "exchanging")
async def test_nobody_looks_at_the_outside(store: LocalFileStore) -> None:
    states = [(await store.observe(["swap/secret.txt"]))[0] for _ in range(TRIES)]

    digests = {state.digest for state in states if isinstance(state, FileState)}
    assert digests <= {looking.digest_of(b"harmless")}
    assert {type(state) for state in states} <= {FileState, Absent, UnknownState}


@pytest.mark.usefixtures("open_descriptors", "exchanging")
async def test_nobody_reads_the_outside(store: LocalFileStore) -> None:
    contents = set()
    for _ in range(TRIES):
        try:
            contents.add(await store.read("swap/secret.txt"))
        except (PathRefused, FileUnreadable):
            continue

    assert contents <= {b"harmless"}


@pytest.mark.usefixtures("open_descriptors", "exchanging")
async def test_nobody_writes_to_the_outside(store: LocalFileStore, outside: Path) -> None:
    for number in range(TRIES):
        try:
            await store.write("swap/new/a.txt", b"escaped", token=f"t{number}")
        except (PathRefused, FileUnreadable):
            continue

    assert names_in(outside) == ["secret.txt"]


@pytest.mark.usefixtures("open_descriptors", "exchanging")
async def test_nobody_deletes_on_the_outside(store: LocalFileStore, outside: Path) -> None:
    for _ in range(TRIES):
        try:
            await store.delete("swap/secret.txt")
        except (PathRefused, FileUnreadable):
            continue

    assert names_in(outside) == ["secret.txt"]


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
