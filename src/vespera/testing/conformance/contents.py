"""The promises of ``ContentStore``."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio
from blake3 import blake3

from vespera.application.ports.contents import ContentStore, Live
from vespera.domain.content import ContentSource, NotKept, Removal
from vespera.domain.errors import ContentMissing, InvalidRequest, StoreFull
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

MIB = 1024 * 1024


def noise(seed: int, size: int) -> bytes:
    """Bytes that cannot be made smaller."""
    return blake3(bytes([seed])).digest(length=size)


SAMPLES = {
    "empty": b"",
    "short": b"x",
    "text": b"all is well\n" * 5000,
    "noise": noise(5, 70_000),
    "large text": b"and again " * 300_000,
    "large noise": noise(6, 2 * MIB + 7),
}


def digest(data: bytes) -> str:
    """The digest by which the store is to know these bytes."""
    return f"b3:{blake3(data).hexdigest()}"


def sources(*contents: bytes) -> Sequence[ContentSource]:
    """Sources of these bytes, which are of no file."""
    return [ContentSource("", data=data) for data in contents]


class Opened:
    """Opens stores on one directory; what is referred to is ``live``."""

    def __init__(self, suite: "ContentStoreConformance", directory: Path, workspace: Path) -> None:
        self._suite, self._directory, self._workspace = suite, directory, workspace
        self.live: set[str] = set()

    def another(self) -> AbstractAsyncContextManager[ContentStore]:
        """One more, as another process would have it; it ends with the block."""
        return adapter_of(self._suite.make_contents, self._directory, self._workspace, self._live)

    async def put_by_the_dead(self, *contents: bytes) -> None:
        """Have these put by somebody who has ended since."""
        async with self.another() as other:
            assert all(result.kept for result in await other.put(sources(*contents)))

    async def _live(self) -> set[str]:
        return set(self.live)


class ContentStoreConformance(AdapterSuite):
    """Give ``make_contents``.

    Attributes:
        quota: bytes that each store is to take at most.
    """

    ports = (ContentStore,)
    quota: ClassVar[int] = 8 * MIB

    def make_contents(self, directory: Path, workspace: Path, live: Live) -> Made[ContentStore]:
        """A store in ``directory``, which may not be there yet, of files in ``workspace``; it is
        to collect what is not in ``live``. Each call stands for another process, which ends when
        the store is cleaned up.
        """
        raise self.missing("make_contents", "a ContentStore")

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        """Where files are."""
        path = tmp_path / "workspace"
        path.mkdir()
        return path

    @pytest.fixture
    def opened(self, tmp_path: Path, workspace: Path) -> Opened:
        """Opens stores."""
        return Opened(self, tmp_path / "contents", workspace)

    @pytest_asyncio.fixture
    async def store(self, opened: Opened) -> AsyncIterator[ContentStore]:
        """One that is empty."""
        async with opened.another() as store:
            yield store

    @pytest.mark.parametrize("name", SAMPLES)
    async def test_what_was_put_is_given_back_by_its_digest(
        self, store: ContentStore, name: str
    ) -> None:
        data = SAMPLES[name]
        (result,) = await store.put(sources(data))

        assert (result.kept, result.digest, result.size) == (True, digest(data), len(data))
        assert await store.get(digest(data)) == data

    @pytest.mark.parametrize("name", SAMPLES)
    async def test_a_stream_gives_the_content_in_blocks(
        self, store: ContentStore, name: str
    ) -> None:
        data = SAMPLES[name]
        await store.put(sources(data))
        blocks = [block async for block in store.stream(digest(data))]

        assert b"".join(blocks) == data
        assert all(0 < len(block) <= MIB for block in blocks)

    async def test_a_stream_can_be_left_early(self, store: ContentStore) -> None:
        data = SAMPLES["large noise"]
        await store.put(sources(data))
        async with aclosing(store.stream(digest(data))) as blocks:
            assert data.startswith(await anext(blocks))

        assert await store.get(digest(data)) == data

    async def test_each_content_is_kept_once(self, store: ContentStore) -> None:
        await store.put(sources(b"one", b"two", b"one"))
        await store.put(sources(b"two"))

        assert (await store.usage()).contents == 2

    async def test_files_are_read_in_the_workspace(
        self, store: ContentStore, workspace: Path
    ) -> None:
        (workspace / "sub").mkdir()
        for number, data in enumerate(SAMPLES.values()):
            (workspace / "sub" / f"{number}").write_bytes(data)
        results = await store.put([ContentSource(f"sub/{n}") for n in range(len(SAMPLES))])

        assert [r.digest for r in results] == [digest(data) for data in SAMPLES.values()]
        assert [await store.get(r.digest or "") for r in results] == list(SAMPLES.values())

    async def test_results_come_in_the_order_of_the_sources(
        self, store: ContentStore, workspace: Path
    ) -> None:
        given = [ContentSource(f"{n}", data=None if n % 3 else b"%d" % n) for n in range(300)]
        for source in given:
            if source.data is None and int(source.path) % 2:
                (workspace / source.path).write_text(source.path, encoding="utf-8")
        results = await store.put(given)

        for number, result in enumerate(results):
            is_there = number % 2 == 1 or number % 3 == 0
            assert result.digest == (digest(b"%d" % number) if is_there else None)

    async def test_what_is_not_as_it_was_seen_is_not_kept(
        self, store: ContentStore, workspace: Path
    ) -> None:
        (workspace / "file").write_bytes(b"other")
        (workspace / "large").write_bytes(SAMPLES["large noise"])
        seen = digest(b"seen")
        of_files = [ContentSource(path, seen) for path in ("file", "large")]
        results = await store.put([*of_files, ContentSource("", seen, b"data")])

        assert {result.reason for result in results} == {NotKept.CHANGED}
        assert {result.digest for result in results} == {seen}
        assert (await store.usage()).contents == 0

    async def test_what_is_there_already_needs_no_file(self, store: ContentStore) -> None:
        await store.put(sources(b"known"))
        (result,) = await store.put([ContentSource("gone", digest(b"known"))])

        assert (result.kept, result.size) == (True, len(b"known"))

    async def test_what_is_no_file_that_can_be_read_is_told(
        self, store: ContentStore, workspace: Path
    ) -> None:
        (workspace / "directory").mkdir()
        (workspace / "link").symlink_to("directory")
        (workspace / "file").touch()
        (workspace / "to file").symlink_to("file")
        os.mkfifo(workspace / "fifo")
        paths = [
            "gone",
            "directory",
            "link",
            "link/file",
            "to file",
            "fifo",
            "../out",
            "file/x",
            "\ud800",
        ]
        results = await store.put([ContentSource(path) for path in paths])

        assert {result.reason for result in results} == {NotKept.UNREADABLE}

    @pytest.mark.parametrize("path", [".env", "sub/.env", "keys/server.PEM", "a/id_rsa", ".npmrc"])
    async def test_secrets_are_never_kept(
        self, store: ContentStore, workspace: Path, path: str
    ) -> None:
        (workspace / path).parent.mkdir(exist_ok=True)
        (workspace / path).write_text("secret", encoding="utf-8")
        results = await store.put([ContentSource(path), ContentSource(path, data=b"secret")])

        assert {result.reason for result in results} == {NotKept.NEVER}
        assert not await store.has([digest(b"secret")])

    async def test_what_is_missing_is_told(self, store: ContentStore) -> None:
        await store.put(sources(b"here"))

        with pytest.raises(ContentMissing, match=digest(b"gone")):
            await store.get(digest(b"gone"))
        with pytest.raises(ContentMissing):
            await anext(store.stream(digest(b"gone")))

    @pytest.mark.parametrize("wrong", ["", "b3:", "sha256:" + "0" * 64, "b3:" + "X" * 64])
    async def test_what_is_no_digest_is_refused(self, store: ContentStore, wrong: str) -> None:
        with pytest.raises(InvalidRequest):
            await store.get(wrong)
        with pytest.raises(InvalidRequest):
            await anext(store.stream(wrong))
        with pytest.raises(InvalidRequest):
            await store.has([wrong])
        with pytest.raises(InvalidRequest):
            await store.purge([wrong])
        with pytest.raises(InvalidRequest):
            await store.put([ContentSource("", wrong, b"data")])

    async def test_has_gives_those_that_are_there(self, store: ContentStore) -> None:
        await store.put(sources(b"one", b"two"))
        asked = [digest(data) for data in (b"one", b"three", b"two")]

        assert set(await store.has(asked)) == {digest(b"one"), digest(b"two")}

    async def test_nothing_is_made_before_something_is_put(self, store: ContentStore) -> None:
        assert not await store.has([digest(b"one")])
        assert await store.gc() == await store.purge(None) == Removal()
        assert not await store.check()
        usage = await store.usage()

        assert (usage.directory, usage.contents, usage.size) == (None, 0, 0)
        assert usage.quota == self.quota

    async def test_usage_tells_how_much_there_is(self, store: ContentStore) -> None:
        await store.put(sources(*SAMPLES.values()))
        usage = await store.usage()

        assert (usage.contents, usage.plain) == (len(SAMPLES), sum(map(len, SAMPLES.values())))
        assert len(SAMPLES["large noise"]) < usage.size < usage.plain
        assert usage.directory is not None

    async def test_another_process_finds_it(self, store: ContentStore, opened: Opened) -> None:
        async with opened.another() as other:
            await store.put(sources(b"one"))
            await other.put(sources(b"two"))

            assert await other.get(digest(b"one")) == b"one"
            assert await store.get(digest(b"two")) == b"two"

    async def test_what_was_put_just_now_is_no_garbage(
        self, store: ContentStore, opened: Opened
    ) -> None:
        await opened.put_by_the_dead(b"put again")
        await store.put(sources(b"new", b"put again"))
        async with opened.another() as other:
            assert (await other.gc()).contents == 0

        assert await store.get(digest(b"new")) == b"new"
        assert await store.get(digest(b"put again")) == b"put again"

    async def test_garbage_goes_and_the_rest_stays(
        self, store: ContentStore, opened: Opened
    ) -> None:
        garbage = [SAMPLES["text"], SAMPLES["large noise"], b"garbage"]
        await opened.put_by_the_dead(*garbage, b"referred to", SAMPLES["noise"])
        opened.live = {digest(b"referred to"), digest(SAMPLES["noise"])}
        before = (await store.usage()).size
        removal = await store.gc()

        assert removal.contents == len(garbage)
        assert removal.size == before - (await store.usage()).size > 2 * MIB
        assert not await store.has(map(digest, garbage))  # type: ignore[arg-type]
        assert await store.get(digest(b"referred to")) == b"referred to"
        assert await store.get(digest(SAMPLES["noise"])) == SAMPLES["noise"]

    async def test_another_opinion_of_what_is_garbage_may_be_given(
        self, store: ContentStore, opened: Opened
    ) -> None:
        await opened.put_by_the_dead(b"one", b"two")
        opened.live = {digest(b"one")}

        async def live() -> set[str]:
            return {digest(b"two")}

        assert (await store.gc(live)).contents == 1
        assert await store.has([digest(b"one"), digest(b"two")]) == {digest(b"two")}

    async def test_a_pack_with_little_garbage_may_be_left_alone(
        self, store: ContentStore, opened: Opened
    ) -> None:
        await opened.put_by_the_dead(SAMPLES["noise"], b"garbage")
        opened.live = {digest(SAMPLES["noise"])}

        assert await store.gc(share=0.5) == Removal()
        assert (await store.gc(share=0.00001)).contents == 1

    async def test_garbage_may_be_put_anew(self, store: ContentStore, opened: Opened) -> None:
        await opened.put_by_the_dead(b"here again")
        await store.gc()
        await store.put(sources(b"here again"))

        assert await store.get(digest(b"here again")) == b"here again"

    async def test_what_is_purged_is_gone_whatever_refers_to_it(
        self, store: ContentStore, opened: Opened
    ) -> None:
        await store.put(sources(b"secret", b"other", SAMPLES["large noise"]))
        opened.live = {digest(b"secret"), digest(b"other"), digest(SAMPLES["large noise"])}
        removal = await store.purge([digest(b"secret"), digest(SAMPLES["large noise"])])

        assert removal.contents == 2
        assert await store.has(opened.live) == {digest(b"other")}
        assert await store.get(digest(b"other")) == b"other"
        assert await store.purge([digest(b"secret")]) == Removal()

    async def test_all_may_be_purged(self, store: ContentStore) -> None:
        await store.put(sources(*SAMPLES.values()))
        removal = await store.purge(None)
        usage = await store.usage()

        assert removal.contents == len(SAMPLES)
        assert (usage.contents, usage.packs, usage.size) == (0, 0, 0)

    async def test_what_does_not_fit_is_refused_and_nothing_is_lost(
        self, store: ContentStore, opened: Opened
    ) -> None:
        await store.put(sources(b"before"))
        with pytest.raises(StoreFull, match="store_quota"):
            await store.put(sources(*(noise(n, MIB) for n in range(self.quota // MIB + 1))))

        assert await store.get(digest(b"before")) == b"before"
        assert (await store.usage()).size <= self.quota

    async def test_garbage_makes_room(self, store: ContentStore, opened: Opened) -> None:
        await opened.put_by_the_dead(*(noise(n, MIB) for n in range(self.quota // MIB - 1)))
        data = noise(99, 2 * MIB)
        await store.put(sources(data))

        assert await store.get(digest(data)) == data

    async def test_what_is_sound_has_no_flaws(self, store: ContentStore) -> None:
        await store.put(sources(*SAMPLES.values()))

        assert list(await store.check()) == []
