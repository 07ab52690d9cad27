"""Files are read whole, replaced at once and for good, and removed for good."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from vespera.domain.errors import FileUnreadable, InvalidRequest, PathRefused
from vespera.domain.file_operation import FileState
from vespera.infrastructure.files import changing, looking
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads

pytestmark = pytest.mark.usefixtures("open_descriptors")

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


class TestReading:
    async def test_the_content_comes_back(self, store: LocalFileStore, workspace: Path) -> None:
        content = os.urandom(600_000)
        (workspace / "a.bin").write_bytes(content)
        (workspace / "empty").touch()

        assert await store.read("a.bin") == content
        assert await store.read("empty") == b""

    async def test_a_file_that_is_not_there_is_named(self, store: LocalFileStore) -> None:
        for path in ("a.txt", "no/directory/a.txt"):
            with pytest.raises(FileUnreadable, match=f"'{path}' cannot be read: No such file"):
                await store.read(path)

    async def test_only_regular_files_are_read(
        self, store: LocalFileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "sub").mkdir()
        (workspace / "link").symlink_to(outside / "secret.txt")
        os.mkfifo(workspace / "fifo")

        for path, kind in (("sub", "directory"), ("link", "symbolic link"), ("fifo", "fifo")):
            with pytest.raises(FileUnreadable, match=f"'{path}' cannot be read: it is a {kind}"):
                await store.read(path)

    async def test_nothing_is_read_through_a_link(
        self, store: LocalFileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "link").symlink_to(outside)
        with pytest.raises(PathRefused, match=r"'link/secret\.txt'"):
            await store.read("link/secret.txt")

    @pytest.mark.usefixtures("ordinary_user")
    async def test_a_file_that_may_not_be_read_is_named(
        self, common_workspace: Path, threads: Threads
    ) -> None:
        (common_workspace / "a.txt").touch(mode=0)
        with pytest.raises(FileUnreadable, match=r"'a.txt' .* Permission denied; give"):
            await LocalFileStore(common_workspace, threads).read("a.txt")

    async def test_a_file_that_keeps_changing_is_named(
        self, store: LocalFileStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (workspace / "a.txt").write_text("a")
        monkeypatch.setattr(looking, "_stream", lambda *_: None)
        with pytest.raises(FileUnreadable, match="kept changing"):
            await store.read("a.txt")

    async def test_a_missing_workspace_is_named(self, tmp_path: Path, threads: Threads) -> None:
        store = LocalFileStore(tmp_path / "nowhere", threads)
        with pytest.raises(FileUnreadable, match=f"{tmp_path}/nowhere"):
            await store.read("a.txt")


class TestWriting:
    async def test_a_new_file_has_the_content_and_the_usual_mode(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        umask = os.umask(0o027)
        try:
            state = await store.write("a.txt", b"content", token="t1")
        finally:
            os.umask(umask)

        assert (workspace / "a.txt").read_bytes() == b"content"
        assert state == FileState(looking.digest_of(b"content"), 7, 0o640)
        assert [state] == await store.observe(["a.txt"])

    async def test_a_replaced_file_keeps_its_mode(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / "run.sh").touch()
        (workspace / "run.sh").chmod(0o4750)
        state = await store.write("run.sh", b"new", token="t1")

        assert state.mode == 0o4750
        assert [state] == await store.observe(["run.sh"])

    async def test_nothing_but_the_file_is_left(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        await store.write("a.txt", b"content", token="t1")

        assert names_in(workspace) == ["a.txt"]

    async def test_what_a_crash_left_of_the_same_write_is_cleaned_up(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / ".vespera-t1.tmp").write_text("half")
        await store.write("a.txt", b"content", token="t1")

        assert names_in(workspace) == ["a.txt"]

    async def test_nothing_is_written_through_a_link(
        self, store: LocalFileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "link").symlink_to(outside)
        for path in ("link/a.txt", "link/new/a.txt"):
            with pytest.raises(PathRefused, match=f"'{path}'"):
                await store.write(path, b"content", token="t1")

        assert names_in(outside) == ["secret.txt"]

    async def test_a_directory_or_a_special_file_in_the_place_is_named(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / "sub").mkdir()
        os.mkfifo(workspace / "fifo")

        for path, kind in (("sub", "directory"), ("fifo", "fifo")):
            with pytest.raises(FileUnreadable, match=f"'{path}' cannot be written: a {kind} is"):
                await store.write(path, b"content", token="t1")
        assert names_in(workspace) == ["fifo", "sub"]

    async def test_a_file_in_the_place_of_a_directory_is_named(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / "file").touch()
        with pytest.raises(FileUnreadable, match="no directory"):
            await store.write("file/a.txt", b"content", token="t1")

    @pytest.mark.parametrize("function", ["write", "fsync", "fchmod", "rename"])
    async def test_a_full_disk_leaves_the_old_file_and_no_other(
        self,
        store: LocalFileStore,
        workspace: Path,
        monkeypatch: pytest.MonkeyPatch,
        function: str,
    ) -> None:
        (workspace / "a.txt").write_text("old")

        def fail(*_: object, **__: object) -> None:
            raise NO_SPACE

        monkeypatch.setattr(changing.os, function, fail)
        with pytest.raises(
            FileUnreadable, match=r"'a.txt' cannot be written: No space left .*free"
        ):
            await store.write("a.txt", b"content", token="t1")
        monkeypatch.undo()

        assert names_in(workspace) == ["a.txt"]
        assert (workspace / "a.txt").read_text() == "old"

    @pytest.mark.usefixtures("ordinary_user")
    async def test_a_directory_that_may_not_be_written_is_named(
        self, common_workspace: Path, threads: Threads
    ) -> None:
        (common_workspace / "sub").mkdir(mode=0o555)
        with pytest.raises(FileUnreadable, match=r"'sub/a.txt' .* Permission denied; give"):
            await LocalFileStore(common_workspace, threads).write("sub/a.txt", b"", token="t1")

    @pytest.mark.parametrize("token", ["", "../escape", "a/b", "a\0", "x" * 201, "a.b"])
    async def test_a_token_that_makes_no_name_is_refused(
        self, store: LocalFileStore, token: str
    ) -> None:
        with pytest.raises(InvalidRequest, match="token"):
            await store.write("a.txt", b"", token=token)

    @pytest.mark.parametrize("mode", [-1, 0o10000])
    async def test_a_mode_that_is_none_is_refused(self, store: LocalFileStore, mode: int) -> None:
        with pytest.raises(InvalidRequest, match="mode"):
            await store.write("a.txt", b"", token="t1", mode=mode)

    @pytest.mark.parametrize("path", ["../a.txt", "/tmp/a.txt", "a/../b", ".vespera/a"])
    async def test_a_path_that_was_not_located_is_refused(
        self, store: LocalFileStore, path: str
    ) -> None:
        with pytest.raises(PathRefused):
            await store.write(path, b"", token="t1")

    async def test_a_cancelled_write_has_happened_whole_or_not_at_all(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / "a.txt").write_bytes(b"old")
        for turns in range(6):
            writing = asyncio.create_task(store.write("a.txt", b"new", token="t1"))
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

            assert names_in(workspace) == ["a.txt"]
            assert (workspace / "a.txt").read_bytes() in (b"old", b"new")

    async def test_a_file_system_that_cannot_sync_directories_is_written_all_the_same(
        self, store: LocalFileStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.fsync

        def fsync(descriptor: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        await store.write("a.txt", b"content", token="t1")

        assert (workspace / "a.txt").read_bytes() == b"content"

    async def test_a_directory_that_cannot_be_made_durable_is_an_error(
        self, store: LocalFileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fsync(_: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(FileUnreadable, match="Input/output error"):
            await store.delete("a.txt")


class TestDeleting:
    async def test_a_directory_is_never_removed(
        self, store: LocalFileStore, workspace: Path
    ) -> None:
        (workspace / "sub").mkdir()
        with pytest.raises(FileUnreadable, match="'sub' cannot be deleted: a directory is there"):
            await store.delete("sub")

        assert names_in(workspace) == ["sub"]

    async def test_nothing_is_removed_through_a_link(
        self, store: LocalFileStore, workspace: Path, outside: Path
    ) -> None:
        (workspace / "link").symlink_to(outside)
        with pytest.raises(PathRefused, match=r"'link/secret\.txt'"):
            await store.delete("link/secret.txt")

        assert names_in(outside) == ["secret.txt"]

    @pytest.mark.usefixtures("ordinary_user")
    async def test_a_file_that_may_not_be_removed_is_named(
        self, common_workspace: Path, threads: Threads
    ) -> None:
        (common_workspace / "sub").mkdir()
        (common_workspace / "sub" / "a.txt").touch()
        (common_workspace / "sub").chmod(0o555)
        with pytest.raises(FileUnreadable, match=r"'sub/a.txt' .* Permission denied"):
            await LocalFileStore(common_workspace, threads).delete("sub/a.txt")
        (common_workspace / "sub").chmod(0o755)

    async def test_a_missing_workspace_is_named(self, tmp_path: Path, threads: Threads) -> None:
        with pytest.raises(FileUnreadable, match="workspace"):
            await LocalFileStore(tmp_path / "nowhere", threads).delete("a.txt")
