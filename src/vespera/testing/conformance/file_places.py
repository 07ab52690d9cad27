"""The promises of ``FileStore`` on what it moves, copies, makes and takes away."""

from collections.abc import Awaitable, Callable

import pytest

from vespera.application.ports.files import FileStore
from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SymlinkState,
)
from vespera.testing.conformance.suite import AdapterSuite


class FilePlacesConformance(AdapterSuite):
    """A part of ``FileStoreConformance``."""

    async def test_what_was_moved_is_there_and_here_no_more(self, store: FileStore) -> None:
        state = await store.write("a.txt", b"content", token="t1", mode=0o640)
        await store.move("a.txt", "new/place/b.txt")

        assert await _all(store, "a.txt", "new/place/b.txt") == [Absent(), state]
        assert await store.read("new/place/b.txt") == b"content"

    async def test_a_directory_moves_with_all_that_is_in_it(self, store: FileStore) -> None:
        await store.write("sub/below/a.txt", b"content", token="t1")
        await store.move("sub", "other")

        assert await store.read("other/below/a.txt") == b"content"
        assert await _all(store, "sub") == [Absent()]

    async def test_a_link_is_moved_as_a_link(self, store: FileStore) -> None:
        await store.make_link("link", "elsewhere")
        await store.move("link", "moved")

        assert await _all(store, "link", "moved") == [Absent(), SymlinkState("elsewhere")]

    async def test_a_move_takes_no_place_that_is_taken(self, store: FileStore) -> None:
        await store.write("a.txt", b"new", token="t1")
        await store.write("b.txt", b"old", token="t2")
        await store.make_directory("sub")
        for overwrite, place in ((False, "b.txt"), (False, "sub"), (True, "sub")):
            with pytest.raises(FileUnreadable, match=place):
                await store.move("a.txt", place, overwrite=overwrite)

        assert await store.read("a.txt") == b"new"
        assert await store.read("b.txt") == b"old"

    async def test_a_move_may_take_the_place_of_a_file_or_a_link(self, store: FileStore) -> None:
        for place in ("file", "link"):
            await store.write("a.txt", place.encode(), token="t1")
            if place == "link":
                await store.make_link(place, "elsewhere")
            else:
                await store.write(place, b"old", token="t2")
            await store.move("a.txt", place, overwrite=True)

            assert await store.read(place) == place.encode()

    async def test_what_is_not_there_is_not_moved_and_is_named(self, store: FileStore) -> None:
        with pytest.raises(FileUnreadable, match=r"no/such\.txt"):
            await store.move("no/such.txt", "b.txt")
        with pytest.raises(FileUnreadable, match=r"a\.txt"):
            await store.copy("a.txt", "b.txt", token="t1")

        assert await _all(store, "b.txt") == [Absent()]

    @pytest.mark.parametrize("content", [b"", bytes(range(256)) * 4096], ids=len)
    async def test_a_copy_has_the_content_and_the_mode(
        self, store: FileStore, content: bytes
    ) -> None:
        state = await store.write("a.txt", content, token="t1", mode=0o750)
        await store.copy("a.txt", "new/b.txt", token="t2")

        assert await _all(store, "a.txt", "new/b.txt") == [state, state]
        assert await store.read("new/b.txt") == content

    async def test_a_copy_takes_no_place_that_is_taken(self, store: FileStore) -> None:
        await store.write("a.txt", b"new", token="t1")
        await store.write("b.txt", b"old", token="t2")
        with pytest.raises(FileUnreadable, match=r"b\.txt"):
            await store.copy("a.txt", "b.txt", token="t3")
        before = await store.read("b.txt")
        await store.copy("a.txt", "b.txt", token="t3", overwrite=True)

        assert (before, await store.read("b.txt")) == (b"old", b"new")

    async def test_nothing_but_a_file_is_copied(self, store: FileStore) -> None:
        await store.make_directory("sub")
        await store.make_link("link", "sub")
        for path in ("sub", "link"):
            with pytest.raises(FileUnreadable, match=path):
                await store.copy(path, "copy", token="t1")

    async def test_a_directory_is_made_with_those_above_it(self, store: FileStore) -> None:
        await store.make_directory("a/b")

        assert [type(s) for s in await _all(store, "a", "a/b")] == [DirectoryState] * 2
        with pytest.raises(FileUnreadable, match="a/b"):
            await store.make_directory("a/b")

    async def test_an_empty_directory_is_removed_and_no_other(self, store: FileStore) -> None:
        await store.write("a/file", b"kept", token="t1")
        await store.make_directory("a/b")
        await store.remove_directory("a/b")
        await store.remove_directory("a/b")
        for path in ("a", "a/file"):
            with pytest.raises(FileUnreadable, match=path):
                await store.remove_directory(path)

        assert await _all(store, "a/b") == [Absent()]
        assert await store.read("a/file") == b"kept"

    async def test_a_link_leads_where_it_was_to_and_takes_no_place(self, store: FileStore) -> None:
        await store.make_link("new/link", "../some/where \udcff")
        with pytest.raises(FileUnreadable, match="new/link"):
            await store.make_link("new/link", "elsewhere")

        assert await _all(store, "new/link") == [SymlinkState("../some/where \udcff")]

    async def test_a_mode_is_given_to_files_and_directories_alone(self, store: FileStore) -> None:
        state = await store.write("sub/a.txt", b"content", token="t1")
        await store.make_link("link", "sub/a.txt")
        await store.change_mode("sub/a.txt", 0o400)
        await store.change_mode("sub", 0o750)
        for path in ("link", "nothing"):
            with pytest.raises(FileUnreadable, match=path):
                await store.change_mode(path, 0o777)

        expected = [FileState(state.digest, state.size, 0o400), DirectoryState(0o750)]
        assert await _all(store, "sub/a.txt", "sub") == expected

    async def test_to_sync_changes_nothing(self, store: FileStore) -> None:
        state = await store.write("sub/a.txt", b"content", token="t1")
        await store.make_link("link", "nowhere")
        await store.sync(["sub/a.txt", "sub", "link", "nothing", "no/thing"])

        assert await _all(store, "sub/a.txt", "link", "nothing") == [
            state,
            SymlinkState("nowhere"),
            Absent(),
        ]

    @pytest.mark.parametrize("way_out", ["../a.txt", "/etc/passwd", ".vespera/a"])
    async def test_nothing_is_placed_where_no_path_leads(
        self, store: FileStore, way_out: str
    ) -> None:
        await store.write("a.txt", b"content", token="t1")
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: store.move("a.txt", way_out),
            lambda: store.move(way_out, "b.txt"),
            lambda: store.copy("a.txt", way_out, token="t2"),
            lambda: store.copy(way_out, "b.txt", token="t2"),
            lambda: store.make_directory(way_out),
            lambda: store.remove_directory(way_out),
            lambda: store.make_link(way_out, "a.txt"),
            lambda: store.change_mode(way_out, 0o600),
            lambda: store.sync([way_out]),
        ]
        for act in acts:
            with pytest.raises(PathRefused):
                await act()

        assert await store.read("a.txt") == b"content"


async def _all(store: FileStore, *paths: str) -> list[PathState]:
    return list(await store.observe(paths))
