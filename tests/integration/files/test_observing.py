"""What is seen at a path."""

import asyncio
import errno
import os
import socket
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from blake3 import blake3

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.infrastructure.files import looking
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.tree import hold_root
from vespera.infrastructure.threads import Threads


async def seen(store: LocalFileStore, path: str) -> PathState:
    [state] = await store.observe([path])
    return state


async def test_a_file_is_known_by_content_size_and_mode(
    store: LocalFileStore, workspace: Path
) -> None:
    content = os.urandom(700_000)
    (workspace / "a.bin").write_bytes(content)
    (workspace / "a.bin").chmod(0o4751)

    assert await seen(store, "a.bin") == FileState(
        f"b3:{blake3(content).hexdigest()}", len(content), 0o4751
    )


async def test_a_large_file_is_hashed_by_all_processors_to_the_same_digest(
    store: LocalFileStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    content = os.urandom(9_000) * 2_000  # 18 MB

    def hasher(*, max_threads: int) -> Any:
        chosen.append(max_threads)
        return blake3(max_threads=max_threads)

    hasher.AUTO = blake3.AUTO  # type: ignore[attr-defined]
    monkeypatch.setattr(looking, "blake3", hasher)
    (workspace / "a.bin").write_bytes(content)
    (workspace / "small").write_bytes(b"small")

    [large, small] = await store.observe(["a.bin", "small"])

    assert large == FileState(f"b3:{blake3(content).hexdigest()}", len(content), 0o644)
    assert isinstance(small, FileState)
    assert chosen == [blake3.AUTO, 1]


def test_a_forked_process_hashes_a_large_file_without_its_parents_threads(tmp_path: Path) -> None:
    content = os.urandom(9_000) * 2_000
    (tmp_path / "a.bin").write_bytes(content)
    with hold_root(str(tmp_path)) as root:
        before = looking.look(root, b"a.bin", Event())
        child = os.fork()
        if child == 0:  # which would wait for ever for threads that it has not
            os._exit(0 if looking.look(root, b"a.bin", Event()) == before else 1)
        assert os.waitpid(child, 0)[1] == 0


async def test_an_empty_file_is_a_file(store: LocalFileStore, workspace: Path) -> None:
    (workspace / "empty").touch(0o644)

    assert await seen(store, "empty") == FileState(looking.digest_of(b""), 0, 0o644)


async def test_a_symbolic_link_is_never_followed(
    store: LocalFileStore, workspace: Path, outside: Path
) -> None:
    (workspace / "link").symlink_to(outside / "secret.txt")
    (workspace / "dangling").symlink_to("nowhere")
    (workspace / "loop").symlink_to("loop")

    assert await store.observe(["link", "dangling", "loop"]) == [
        SymlinkState(str(outside / "secret.txt")),
        SymlinkState("nowhere"),
        SymlinkState("loop"),
    ]


async def test_a_symbolic_link_on_the_way_hides_what_is_behind(
    store: LocalFileStore, workspace: Path, outside: Path
) -> None:
    (workspace / "link").symlink_to(outside)
    state = await seen(store, "link/secret.txt")

    assert isinstance(state, UnknownState)
    assert state.reason.startswith("refused: ")


@pytest.mark.parametrize(
    "path", ["../outside/secret.txt", "/etc/passwd", "a/./b", "", ".vespera/x"]
)
@pytest.mark.usefixtures("outside")
async def test_a_path_that_was_not_located_is_not_looked_at(
    store: LocalFileStore, path: str
) -> None:
    assert isinstance(await seen(store, path), UnknownState)


async def test_a_directory_is_a_directory(store: LocalFileStore, workspace: Path) -> None:
    (workspace / "sub").mkdir()
    (workspace / "sub").chmod(0o751)

    assert await seen(store, "sub") == DirectoryState(0o751)


async def test_special_files_are_never_opened(
    store: LocalFileStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(workspace / "fifo")
    monkeypatch.chdir(workspace)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")

    assert await store.observe(["fifo", "socket"]) == [SpecialState("fifo"), SpecialState("socket")]


async def test_devices_are_special(threads: Threads) -> None:
    assert await seen(LocalFileStore("/dev", threads), "null") == SpecialState("character device")


async def test_names_of_any_bytes_are_seen(store: LocalFileStore, workspace: Path) -> None:
    raw = os.fsencode(workspace) + b"/caf\xe9"
    descriptor = os.open(raw, os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)

    assert isinstance(await seen(store, await store.locate(b"caf\xe9")), FileState)
    assert await seen(store, "caf\u00e9") == Absent()


@pytest.mark.usefixtures("ordinary_user")
async def test_what_may_not_be_read_is_unknown(common_workspace: Path, threads: Threads) -> None:
    (common_workspace / "closed.txt").write_text("closed")
    (common_workspace / "closed.txt").chmod(0)
    (common_workspace / "sub").mkdir(mode=0)

    store = LocalFileStore(common_workspace, threads)
    assert await store.observe(["closed.txt", "sub/a.txt"]) == [UnknownState("unreadable")] * 2
    (common_workspace / "sub").chmod(0o700)


async def test_a_missing_workspace_proves_no_absence(tmp_path: Path, threads: Threads) -> None:
    state = await seen(LocalFileStore(tmp_path / "nowhere", threads), "a.txt")

    assert isinstance(state, UnknownState)
    assert str(tmp_path / "nowhere") in state.reason


async def test_a_path_that_is_too_long_for_the_system_is_unknown_and_no_error(
    store: LocalFileStore,
) -> None:
    assert isinstance(await seen(store, "a" * 300), UnknownState)


async def test_a_file_that_is_replaced_while_it_is_read_is_seen_whole(workspace: Path) -> None:
    class ReplacingEvent(Event):
        def is_set(self) -> bool:
            (workspace / "new").write_bytes(b"new")
            (workspace / "new").rename(workspace / "a")
            return False

    (workspace / "a").write_bytes(b"old" * 200_000)

    with hold_root(str(workspace)) as directory:
        assert looking.read(directory, b"a", ReplacingEvent()) == b"old" * 200_000
        assert looking.read(directory, b"a", Event()) == b"new"


async def test_a_file_that_keeps_growing_is_unstable(workspace: Path) -> None:
    (workspace / "log").write_bytes(b"x")
    directory = os.open(workspace, os.O_RDONLY)

    class GrowingEvent(Event):
        """Asked between two blocks: a writer strikes just then, every time."""

        def is_set(self) -> bool:
            with (workspace / "log").open("ab") as log:
                log.write(b"x")
            return False

    try:
        assert looking.look(directory, b"log", GrowingEvent()) == UnknownState("unstable")
    finally:
        os.close(directory)


async def test_a_file_that_grew_once_is_read_again(workspace: Path) -> None:
    (workspace / "log").write_bytes(b"one")
    (workspace / "log").chmod(0o644)
    directory = os.open(workspace, os.O_RDONLY)

    class GrownEvent(Event):
        """Asked between two blocks: a writer strikes the first time."""

        def is_set(self) -> bool:
            if (workspace / "log").read_bytes() == b"one":
                (workspace / "log").write_bytes(b"one two")
            return False

    try:
        expected = FileState(looking.digest_of(b"one two"), 7, 0o644)
        assert looking.look(directory, b"log", GrownEvent()) == expected
    finally:
        os.close(directory)


@pytest.mark.usefixtures("open_descriptors")
async def test_looking_at_a_huge_file_can_be_cancelled(
    store: LocalFileStore, workspace: Path, threads: Threads
) -> None:
    with (workspace / "huge").open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no space, but an hour to read
    looking_at_it = asyncio.create_task(store.observe(["huge"]))
    while not threads.in_flight:
        await asyncio.sleep(0)
    looking_at_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking_at_it

    assert threads.in_flight == 0


async def test_the_event_loop_runs_on_meanwhile(store: LocalFileStore, workspace: Path) -> None:
    (workspace / "big").write_bytes(bytes(32 << 20))
    looking_at_it = asyncio.create_task(store.observe(["big"]))
    turns = 0
    while not looking_at_it.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("file", "link", SymlinkState("elsewhere")),
        ("file", "fifo", SpecialState("fifo")),
        ("file", "socket", SpecialState("socket")),
        ("file", "directory", DirectoryState(0o700)),
        ("file", "nothing", Absent()),
        ("link", "file", FileState(looking.digest_of(b"content"), 7, 0o644)),
        ("link", "nothing", Absent()),
    ],
)
@pytest.mark.usefixtures("open_descriptors")
async def test_what_is_exchanged_while_it_is_looked_at_is_looked_at_again(
    store: LocalFileStore,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    then: str,
    expected: PathState,
) -> None:
    monkeypatch.chdir(workspace)
    put_there(first)
    real = os.stat

    def exchanged_right_after(*args: Any, **options: Any) -> os.stat_result:
        found = real(*args, **options)
        if options.get("dir_fd") is not None and args[0] == b"a":
            monkeypatch.setattr(os, "stat", real)
            Path("a").unlink()
            put_there(then)
        return found

    monkeypatch.setattr(os, "stat", exchanged_right_after)

    assert await seen(store, "a") == expected


@pytest.mark.usefixtures("open_descriptors")
@pytest.mark.parametrize("thing", ["file", "link"])
async def test_a_failing_disk_is_told(
    store: LocalFileStore, workspace: Path, monkeypatch: pytest.MonkeyPatch, thing: str
) -> None:
    monkeypatch.chdir(workspace)
    put_there(thing)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", fail)
    monkeypatch.setattr(os, "readlink", fail)

    assert await seen(store, "a") == UnknownState("io_error: Input/output error")


def put_there(thing: str) -> None:
    """Make ``a`` in the current directory, whose name may be too long for a socket."""
    if thing == "file":
        Path("a").write_bytes(b"content")
        Path("a").chmod(0o644)
    elif thing == "link":
        Path("a").symlink_to("elsewhere")
    elif thing == "directory":
        Path("a").mkdir(mode=0o700)
    elif thing == "fifo":
        os.mkfifo("a")
    elif thing == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("a")


async def test_a_stopped_look_ends_at_the_next_block(workspace: Path) -> None:
    (workspace / "a.txt").write_text("content")
    stop = Event()
    stop.set()
    directory = os.open(workspace, os.O_RDONLY)
    try:
        assert isinstance(looking.look(directory, b"a.txt", stop), UnknownState)
    finally:
        os.close(directory)
