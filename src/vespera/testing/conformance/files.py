"""The promises of ``FileStore``: those that any store can keep, and those of a directory tree."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.files import AnyPath, FileStore
from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.testing.conformance.file_places import FilePlacesConformance
from vespera.testing.conformance.suite import Made, adapter_of


class FileStoreConformance(FilePlacesConformance):
    """Give ``make_store``; what is tested goes through the port alone."""

    ports = (FileStore,)

    def make_store(self, workspace: Path) -> Made[FileStore]:
        """A store whose root is ``workspace``: an empty directory, which it may leave unused."""
        raise self.missing("make_store", "a FileStore with nothing in it")

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        """The root of the store."""
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        return workspace

    @pytest_asyncio.fixture
    async def store(self, workspace: Path) -> AsyncIterator[FileStore]:
        """The store of ``make_store``."""
        async with adapter_of(self.make_store, workspace) as store:
            yield store

    @pytest.mark.parametrize("content", [b"", b"text\r\n", bytes(range(256)) * 4096], ids=len)
    async def test_what_was_written_is_read(self, store: FileStore, content: bytes) -> None:
        await store.write("a.bin", content, token="t1")

        assert await store.read("a.bin") == content

    async def test_a_write_gives_the_state_that_is_then_observed(self, store: FileStore) -> None:
        state = await store.write("a.txt", b"content", token="t1")

        assert isinstance(state, FileState)
        assert (state.digest, state.size) == (store.digest(b"content"), 7)
        assert await _seen(store, "a.txt") == state

    async def test_other_content_has_another_digest(self, store: FileStore) -> None:
        assert store.digest(b"a") != store.digest(b"b")
        assert store.digest(b"a") == store.digest(b"a")

    async def test_content_is_hashed_anew_at_each_look(self, store: FileStore) -> None:
        for content in (b"one", b"two", b"six"):
            await store.write("a.txt", content, token="t1")
            state = await _seen(store, "a.txt")
            assert isinstance(state, FileState)
            assert state.digest == store.digest(content)

    async def test_missing_directories_are_made(self, store: FileStore) -> None:
        await store.write("a/b/c.txt", b"content", token="t1")

        assert await store.read("a/b/c.txt") == b"content"

    async def test_a_replaced_file_keeps_its_mode(self, store: FileStore) -> None:
        await store.write("run.sh", b"old", token="t1", mode=0o750)
        state = await store.write("run.sh", b"new", token="t2")

        assert state.mode == 0o750
        assert await _seen(store, "run.sh") == state

    async def test_a_mode_can_be_given(self, store: FileStore) -> None:
        await store.write("key", b"old", token="t1", mode=0o644)
        state = await store.write("key", b"secret", token="t2", mode=0o600)

        assert state.mode == 0o600
        assert await _seen(store, "key") == state

    async def test_a_write_may_be_repeated(self, store: FileStore) -> None:
        states = [await store.write("a.txt", b"content", token="t1") for _ in range(2)]

        assert states[0] == states[1]
        assert await store.read("a.txt") == b"content"

    async def test_whoever_reads_meanwhile_sees_the_old_or_the_new_whole(
        self, store: FileStore
    ) -> None:
        versions = [bytes([number]) * 300_000 for number in range(8)]
        await store.write("a.bin", versions[0], token="t0")

        async def write() -> None:
            for number, version in enumerate(versions):
                await store.write("a.bin", version, token=f"t{number}")

        writing = asyncio.create_task(write())
        while not writing.done():
            await _turn()
            assert await store.read("a.bin") in versions
            state = await _seen(store, "a.bin")
            if isinstance(state, FileState):
                assert state.digest in {store.digest(version) for version in versions}
        await writing

    async def test_a_cancelled_write_has_happened_whole_or_not_at_all(
        self, store: FileStore
    ) -> None:
        await store.write("a.txt", b"old", token="t0")
        for turns in range(6):
            writing = asyncio.create_task(store.write("a.txt", b"new", token="t1"))
            for _ in range(turns):
                await _turn()
            writing.cancel()
            await asyncio.wait([writing])
            assert await store.read("a.txt") in {b"old", b"new"}

    async def test_many_may_write_at_once(self, store: FileStore) -> None:
        paths = [f"new/{number}.txt" for number in range(50)]
        await asyncio.gather(
            *(store.write(path, path.encode(), token=f"t{n}") for n, path in enumerate(paths))
        )

        assert [await store.read(path) for path in paths] == [path.encode() for path in paths]

    async def test_what_is_not_there_is_absent(self, store: FileStore) -> None:
        await store.write("file", b"", token="t1")

        assert list(await store.observe(["a.txt", "no/such/a.txt", "file/a.txt"])) == [Absent()] * 3

    async def test_what_is_not_there_cannot_be_read_and_is_named(self, store: FileStore) -> None:
        for path in ("a.txt", "no/such/a.txt"):
            with pytest.raises(FileUnreadable, match=path):
                await store.read(path)

    async def test_a_look_at_many_keeps_their_order(self, store: FileStore) -> None:
        one = await store.write("1", b"1", token="t1")
        two = await store.write("2", b"22", token="t2")

        assert list(await store.observe(["2", "nothing", "1", "2"])) == [two, Absent(), one, two]
        assert list(await store.observe([])) == []

    async def test_what_was_deleted_is_absent(self, store: FileStore) -> None:
        await store.write("a.txt", b"", token="t1")
        await store.delete("a.txt")

        assert await _seen(store, "a.txt") == Absent()

    async def test_to_delete_what_is_absent_is_fine(self, store: FileStore) -> None:
        await store.write("file", b"", token="t1")
        for path in ("a.txt", "no/such/a.txt", "file/a.txt"):
            await store.delete(path)

    async def test_a_directory_is_neither_read_nor_replaced_nor_deleted(
        self, store: FileStore
    ) -> None:
        await store.write("sub/a.txt", b"kept", token="t1")
        with pytest.raises(FileUnreadable, match="sub"):
            await store.read("sub")
        with pytest.raises(FileUnreadable, match="sub"):
            await store.write("sub", b"", token="t2")
        with pytest.raises(FileUnreadable, match="sub"):
            await store.delete("sub")

        assert isinstance(await _seen(store, "sub"), DirectoryState)
        assert await store.read("sub/a.txt") == b"kept"

    async def test_nothing_is_written_below_a_file(self, store: FileStore) -> None:
        await store.write("file", b"kept", token="t1")
        with pytest.raises(FileUnreadable):
            await store.write("file/a.txt", b"", token="t2")

        assert await store.read("file") == b"kept"

    @pytest.mark.parametrize(
        ("given", "located"),
        [
            ("a.txt", "a.txt"),
            ("./a//b/./c.txt", "a/b/c.txt"),
            (Path("a") / "b.txt", "a/b.txt"),
            (b"a/\xff", "a/\udcff"),
            ("Zürich ✓", "Zürich ✓"),
        ],
    )
    async def test_a_path_has_one_form(
        self, store: FileStore, given: AnyPath, located: str
    ) -> None:
        assert await store.locate(given) == located

    async def test_a_name_that_is_no_utf8_can_be_written_and_read(self, store: FileStore) -> None:
        path = await store.locate(b"odd \xff")
        await store.write(path, b"content", token="t1")

        assert await store.read(path) == b"content"

    @pytest.mark.parametrize(
        "path",
        ["", "a\0b", "..", "../a.txt", "a/../../b.txt", "/etc/passwd", ".vespera/a", "sub/nul.txt"],
    )
    async def test_a_path_that_leads_elsewhere_is_refused_and_named(
        self, store: FileStore, path: str
    ) -> None:
        with pytest.raises(PathRefused) as refused:
            await store.locate(path)

        assert repr(path) in str(refused.value)

    @pytest.mark.parametrize("path", ["../a.txt", "/etc/passwd", ".vespera/a"])
    async def test_a_path_that_was_not_located_leads_nowhere_either(
        self, store: FileStore, path: str
    ) -> None:
        with pytest.raises(PathRefused):
            await store.read(path)
        with pytest.raises(PathRefused):
            await store.write(path, b"", token="t1")
        with pytest.raises(PathRefused):
            await store.delete(path)
        assert isinstance(await _seen(store, path), UnknownState)


class DirectoryTreeConformance(FileStoreConformance):
    """For stores whose files are those of the directory ``workspace``; give ``make_store``."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        """A directory beside the workspace, with a file that nobody may touch."""
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text("secret")
        return outside

    async def test_what_others_put_there_is_seen_and_read(
        self, store: FileStore, workspace: Path
    ) -> None:
        (workspace / "a.txt").write_bytes(b"theirs")
        (workspace / "a.txt").chmod(0o640)

        assert await store.read("a.txt") == b"theirs"
        assert await _seen(store, "a.txt") == FileState(store.digest(b"theirs"), 6, 0o640)

    async def test_a_content_exchanged_under_the_same_time_stamp_is_seen(
        self, store: FileStore, workspace: Path
    ) -> None:
        path = workspace / "a.txt"
        path.write_bytes(b"one")
        before, times = await _seen(store, "a.txt"), path.stat()
        path.write_bytes(b"two")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        assert await _seen(store, "a.txt") != before

    async def test_nothing_but_the_file_is_left(self, store: FileStore, workspace: Path) -> None:
        await store.write("a.txt", b"old", token="t1")
        await store.write("a.txt", b"new", token="t2")

        assert _names_in(workspace) == ["a.txt"]
        assert (workspace / "a.txt").read_bytes() == b"new"

    async def test_a_new_file_has_the_mode_that_the_umask_leaves(
        self, store: FileStore, workspace: Path
    ) -> None:
        umask = os.umask(0o027)
        try:
            state = await store.write("a.txt", b"", token="t1")
        finally:
            os.umask(umask)

        assert state.mode == 0o640
        assert (workspace / "a.txt").stat().st_mode & 0o7777 == 0o640

    async def test_an_absolute_path_inside_is_accepted(
        self, store: FileStore, workspace: Path
    ) -> None:
        assert await store.locate(workspace / "sub" / "a.txt") == "sub/a.txt"

    async def test_a_directory_whose_name_begins_alike_is_outside(
        self, store: FileStore, workspace: Path
    ) -> None:
        with pytest.raises(PathRefused):
            await store.locate(f"{workspace}-evil/a.txt")

    async def test_a_link_is_seen_and_never_followed(
        self, store: FileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "link").symlink_to(outside / "secret.txt")
        (workspace / "dangling").symlink_to("nowhere")
        seen = await store.observe(["link", "dangling"])

        assert list(seen) == [SymlinkState(str(outside / "secret.txt")), SymlinkState("nowhere")]
        with pytest.raises(FileUnreadable):
            await store.read("link")

    async def test_a_link_is_replaced_or_deleted_and_its_target_stays(
        self, store: FileStore, workspace: Path, outside: Path
    ) -> None:
        for name in ("replaced", "deleted"):
            (workspace / name).symlink_to(outside / "secret.txt")
        await store.write("replaced", b"content", token="t1")
        await store.delete("deleted")

        assert (workspace / "replaced").read_bytes() == b"content"
        assert _names_in(workspace) == ["replaced"]
        assert (outside / "secret.txt").read_text() == "secret"

    async def test_another_name_of_a_replaced_file_keeps_the_old_content(
        self, store: FileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "hard").hardlink_to(outside / "secret.txt")
        await store.write("hard", b"content", token="t1")

        assert (outside / "secret.txt").read_text() == "secret"

    async def test_nothing_is_done_through_a_link(
        self, store: FileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "link").symlink_to(outside)
        for path in ("link/secret.txt", "link/new/a.txt"):
            with pytest.raises(PathRefused):
                await store.locate(path)
            with pytest.raises(PathRefused):
                await store.read(path)
            with pytest.raises(PathRefused):
                await store.write(path, b"", token="t1")
            with pytest.raises(PathRefused):
                await store.delete(path)
            with pytest.raises(PathRefused):
                await store.move(path, "b.txt")
            with pytest.raises(PathRefused):
                await store.make_directory(path)
            assert isinstance(await _seen(store, path), UnknownState)
        assert _names_in(outside) == ["secret.txt"]
        assert (outside / "secret.txt").read_text() == "secret"

    async def test_a_fifo_is_seen_and_never_opened(self, store: FileStore, workspace: Path) -> None:
        os.mkfifo(workspace / "fifo")

        assert isinstance(await _seen(store, "fifo"), SpecialState)
        with pytest.raises(FileUnreadable):
            await store.read("fifo")
        with pytest.raises(FileUnreadable):
            await store.write("fifo", b"", token="t1")


def _names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def _turn() -> None:
    await asyncio.sleep(0)  # noqa: TID251 -- not time: a turn of the event loop


async def _seen(store: FileStore, path: str) -> PathState:
    (state,) = await store.observe([path])
    return state
