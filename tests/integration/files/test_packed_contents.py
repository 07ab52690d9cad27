"""Packs on the disk: who may read them, what damage does, and what others do at the same time."""

import asyncio
import itertools
import os
import resource
import stat
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from blake3 import blake3

from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentReferences
from vespera.domain.content import ContentSource, NotKept, Removal
from vespera.domain.errors import (
    ContentDamaged,
    ContentError,
    ContentMissing,
    PathRefused,
    StoreBusy,
    StoreFull,
)
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.files.packs_directory import PackDirectory
from vespera.infrastructure.files.packs_locks import locked
from vespera.infrastructure.files.packs_putting import Putting
from vespera.infrastructure.files.packs_sources import WorkspaceFiles
from vespera.infrastructure.files.packs_writing import Room

pytestmark = pytest.mark.usefixtures("open_descriptors")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = 3600
MIB = 1024 * 1024


def noise(seed, size):
    return blake3(b"%d" % seed).digest(length=size)


def digest(data):
    return f"b3:{blake3(data).hexdigest()}"


def given(*contents):
    return [ContentSource("", data=data) for data in contents]


@pytest.fixture
def time():
    """What the clocks of all stores show."""
    return SimpleNamespace(monotonic=0.0)


@pytest.fixture
def references():
    references = AsyncMock(spec=ContentReferences)
    references.digests.return_value = set()
    return references


@pytest.fixture
def place(tmp_path):
    return tmp_path / "contents"


@pytest.fixture
def opened(place, workspace, references, time, threads):
    """Opens stores on the same directory, each as another process would."""
    clock = Mock(spec=Clock, **{"now.return_value": NOW})
    clock.monotonic.side_effect = lambda: time.monotonic

    @asynccontextmanager
    async def opened(path=place, **more):
        store = PackedContents(path, workspace, threads, references=references, clock=clock, **more)
        try:
            yield store
        finally:
            await store.stop()

    return opened


@pytest.fixture
async def store(opened):
    async with opened() as store:
        yield store


def packs(place):
    return sorted(place.glob("*.pack"))


async def test_only_the_owner_may_look_into_it(store, place):
    await store.put(given(b"one", noise(1, 2 * MIB)))

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}


async def test_a_directory_that_was_open_to_others_is_closed(store, place):
    place.mkdir(mode=0o755)
    await store.put(given(b"one"))

    assert stat.S_IMODE(place.stat().st_mode) == 0o700


async def test_our_own_directory_is_made_for_its_owner(opened, workspace):
    async with opened(workspace / ".vespera" / "vespera.db-contents") as store:
        await store.put(given(b"one"))

    assert stat.S_IMODE((workspace / ".vespera").stat().st_mode) == 0o700


async def test_the_quota_counts_every_byte(opened, place):
    async with opened(quota=4000) as store:
        for number in range(100):
            try:
                await store.put(given(b"%d" % number, noise(number, 1)))
            except StoreFull:
                break
            size = sum(path.stat().st_size for path in packs(place))
            assert size == (await store.usage()).size <= 4000
        else:
            raise AssertionError("it never was full")


def test_a_lock_that_is_held_for_too_long_is_told(tmp_path):
    with (
        locked(tmp_path / "lock"),
        pytest.raises(StoreBusy, match="another process holds it"),
        locked(tmp_path / "lock", shared=True, patience=0),
    ):
        pass


def test_who_is_called_off_waits_for_no_lock(tmp_path):
    stop = threading.Event()
    stop.set()
    with (
        locked(tmp_path / "lock", shared=True),
        pytest.raises(InterruptedError),
        locked(tmp_path / "lock", stop=stop),
    ):
        pass


async def test_what_shrinks_is_stored_smaller_and_the_rest_as_it_is(store):
    await store.put(given(b"again and " * 10_000, b"large again and " * 200_000))
    small = await store.usage()
    await store.put(given(noise(1, 50_000), noise(2, 2 * MIB)))
    large = await store.usage()

    assert small.size < small.plain / 50
    assert 0 < large.size - small.size - (large.plain - small.plain) < 1000


async def test_large_contents_have_packs_of_their_own(store, place):
    await store.put(given(b"one", b"two", noise(1, MIB), noise(2, MIB)))

    assert len(packs(place)) == 3


async def test_damage_is_told_by_digest_and_pack_and_mended_by_putting_anew(store, place):
    good, bad = noise(1, 5000), noise(2, 5000)
    await store.put(given(good, bad))
    (path,) = packs(place)
    content = path.read_bytes()
    path.write_bytes(content.replace(bad[100:200], bytes(100)))

    with pytest.raises(ContentDamaged) as told:
        await store.get(digest(bad))
    assert digest(bad) in str(told.value)
    assert str(path) in str(told.value)
    assert await store.get(digest(good)) == good
    (flaw,) = await store.check()
    assert (flaw.pack, flaw.digest) == (path.name, digest(bad))

    await store.purge([digest(bad)])
    await store.put(given(bad))
    assert await store.get(digest(bad)) == bad
    assert not await store.check()


async def test_damage_to_what_is_compressed_is_told(store, place):
    text = b"".join(b"line %d\n" % number for number in range(5000))
    await store.put(given(text))
    (path,) = packs(place)
    content = bytearray(path.read_bytes())
    content[50:60] = bytes(10)
    path.write_bytes(content)

    with pytest.raises(ContentDamaged):
        await store.get(digest(text))
    with pytest.raises(ContentDamaged):
        _ = [block async for block in store.stream(digest(text))]


@pytest.mark.parametrize("left", [0, 5, 100, -1, -40])
async def test_a_pack_without_its_end_is_left_out_and_told(opened, place, left):
    async with opened() as store:
        await store.put(given(b"lost" * 100))
        (path,) = packs(place)
        path.write_bytes(path.read_bytes()[:left])
        await store.put(given(b"good"))
    async with opened() as store:
        with pytest.raises(ContentMissing):
            await store.get(digest(b"lost" * 100))
        assert await store.get(digest(b"good")) == b"good"
        (flaw,) = await store.check()
        assert (flaw.pack, flaw.digest) == (path.name, None)
        assert (await store.usage()).packs == 2

        await store.purge(None)
        assert not await store.check()
        assert packs(place) == []


async def test_a_codec_of_a_later_version_is_damage(store, place):
    data = noise(3, 200)
    await store.put(given(data))
    (path,) = packs(place)
    content = path.read_bytes()
    table = content[8 + 200 : -48]
    changed = table[:-1] + b"\x07"
    content = content.replace(table, changed).replace(
        blake3(table).digest(), blake3(changed).digest()
    )
    path.rename(path.with_name("0.pack"))
    path.with_name("0.pack").write_bytes(content)

    with pytest.raises(ContentDamaged, match="codec 7"):
        await store.get(digest(data))


async def test_drafts_of_the_dead_are_removed_and_those_of_the_living_are_not(opened, place):
    async with opened() as one:
        await one.put(given(b"one"))
        (place / ".0123.draft").write_bytes(b"torn")
        (place / "held-0123").write_bytes(b"x" * 50)
    async with opened() as store:
        await store.put(given(b"two"))
        assert list(place.glob(".*")) == []
        await store.gc()
        assert len(list(place.glob("held-*"))) == 1


async def test_what_was_put_is_held_for_an_hour_and_not_for_ever(store, opened, time):
    async def collected():
        async with opened() as other:
            return (await other.gc()).contents

    await store.put(given(b"old"))
    time.monotonic = HOUR
    await store.put(given(b"newer"))
    assert await collected() == 0
    time.monotonic = 2 * HOUR
    await store.put(given(b"new"))

    assert await collected() == 1
    assert await store.has([digest(b"old"), digest(b"newer"), digest(b"new")]) == {
        digest(b"newer"),
        digest(b"new"),
    }


async def test_who_relies_on_garbage_just_when_it_is_collected_keeps_it(opened):
    async with opened() as dead:
        await dead.put(given(b"put again", b"garbage", noise(1, MIB)))
    async with opened() as store, opened() as other:

        async def live():
            await other.put(given(b"put again", noise(1, MIB)))
            return set()

        await store.gc(live)

        assert await other.get(digest(b"put again")) == b"put again"
        assert await other.get(digest(noise(1, MIB))) == noise(1, MIB)
        await store.gc()
        assert not await other.has([digest(b"garbage")])


async def test_who_knows_an_old_pack_finds_its_successor(opened, references):
    async with opened() as dead:
        await dead.put(given(b"stays", b"goes"))
    async with opened() as reader, opened() as collector:
        assert await reader.get(digest(b"stays")) == b"stays"
        references.digests.return_value = {digest(b"stays")}
        assert (await collector.gc()).contents == 1

        assert await reader.get(digest(b"stays")) == b"stays"
        with pytest.raises(ContentMissing):
            await reader.get(digest(b"goes"))


async def test_a_stream_goes_on_while_its_pack_is_removed(store, opened):
    data = noise(1, 3 * MIB)
    await store.put(given(data))
    blocks = store.stream(digest(data))
    read = await anext(blocks)
    async with opened() as other:
        await other.purge(None)
    async for block in blocks:
        read += block

    assert read == data


async def test_many_small_packs_become_one(store, place):
    contents = [b"content %d" % number for number in range(70)]
    for content in contents:
        await store.put(given(content))

    assert len(packs(place)) < 10
    assert [await store.get(digest(content)) for content in contents] == contents


async def test_small_packs_stay_while_somebody_tidies_up(store, opened, place):
    contents = [b"content %d" % number for number in range(66)]

    async def live():
        for content in contents:
            await store.put(given(content))
        return set()

    async with opened() as other:
        await other.put(given(b"first"))
        await other.gc(live)

    assert [await store.get(digest(content)) for content in contents] == contents


async def test_what_was_purged_is_in_no_file(store, place):
    secret = noise(7, 4000)
    await store.put(given(secret, b"other", noise(8, 2 * MIB)))
    await store.purge([digest(secret)])

    assert not any(secret[:100] in path.read_bytes() for path in place.iterdir())


async def test_a_two_fold_content_is_one_after_the_next_collection(opened, place, references):
    contents = [b"twice", b"once", noise(1, MIB)]
    async with opened() as store:
        await store.put(given(*contents))
        for path in packs(place):
            (place / f"copy-{path.name}").write_bytes(path.read_bytes())
    references.digests.return_value = set(map(digest, contents))
    async with opened() as store:
        assert (await store.gc()).contents == 0
        assert len(packs(place)) == 2
        assert [await store.get(digest(content)) for content in contents] == contents


async def test_many_put_the_same_at_once(opened):
    async with opened() as one, opened() as other:
        contents = [b"%d" % number * 50 for number in range(300)]
        await asyncio.gather(*(store.put(given(*contents)) for store in (one, other, one)))

        assert (await one.usage()).contents == 300
        assert [await other.get(digest(content)) for content in contents] == contents


@pytest.mark.parametrize("size", [5000, 3 * MIB])
def test_a_file_that_changes_all_the_time_is_not_kept(place, workspace, size):
    path = workspace / "restless"
    path.write_bytes(noise(1, size))

    class Restless(threading.Event):
        """Is asked after each block whether somebody calls the work off."""

        moments = itertools.count()

        def is_set(self):
            os.utime(path, ns=(0, next(self.moments)))
            return False

    directory = PackDirectory(place, lambda: 0.0)
    putting = Putting(directory, str(workspace), lambda _: False, Room(10 * MIB), Restless())
    (result,) = putting.put([ContentSource("restless")])
    directory.close()

    assert result.reason is NotKept.CHANGED
    assert packs(place) == []


def test_a_file_that_grows_while_it_is_read_has_an_end(workspace):
    path = workspace / "growing"
    path.write_bytes(noise(1, 2 * MIB))
    with WorkspaceFiles(str(workspace)) as files, files.open("growing") as file:
        for _ in file.blocks(threading.Event()):
            with path.open("ab") as more:
                more.write(bytes(3 * MIB))
        assert not file.is_as_it_was()


async def test_a_full_disk_is_told_and_leaves_nothing_half_visible(store, place):
    await store.put(given(b"before"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreFull, match="Free some space"):
            await store.put(given(noise(1, 200_000)))
        with pytest.raises(StoreFull):
            await store.put(given(noise(1, 2 * MIB)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert len(packs(place)) == 1
    assert list(place.glob(".*")) == []
    assert await store.get(digest(b"before")) == b"before"
    await store.put(given(noise(1, 200_000)))


async def test_a_place_that_cannot_be_is_told(opened, tmp_path):
    (tmp_path / "file").touch()
    async with opened(tmp_path / "file" / "contents") as store:
        with pytest.raises(ContentError, match="cannot be read or written"):
            await store.put(given(b"one"))


async def test_a_store_in_passing_is_gone_when_it_is_closed(opened):
    async with opened(None) as store:
        await store.put(given(b"one"))
        directory = Path((await store.usage()).directory or "")
        assert directory.is_dir()

    assert not directory.exists()


async def test_who_is_refused_again_and_again_does_not_collect_each_time(opened, references, time):
    async with opened(quota=1000) as store:
        for moment, collections in ((0, 1), (10, 1), (70, 2)):
            time.monotonic = moment
            with pytest.raises(StoreFull):
                await store.put(given(noise(1, 2000)))
            asked = references.digests.await_count
            assert asked <= collections


async def test_only_young_enough_records_refer_to_contents(opened, references):
    async with opened(retention=timedelta(days=3)) as store:
        await store.put(given(b"one"))
        await store.gc()

    references.digests.assert_awaited_with(NOW - timedelta(days=3))


async def test_a_cancelled_put_leaves_no_draft(store, place):
    putting = asyncio.create_task(store.put(given(*(noise(n, MIB) for n in range(20)))))
    while not list(place.glob(".*")) and not putting.done():
        await asyncio.sleep(0)
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)

    assert list(place.glob(".*")) == []
    await store.put(given(b"one"))
    assert await store.get(digest(b"one")) == b"one"


async def test_a_cancelled_collection_lets_others_tidy_up(store, opened):
    await store.put(given(b"one"))
    asked, never = asyncio.Event(), asyncio.Event()

    async def live():
        asked.set()
        await never.wait()

    collecting = asyncio.create_task(store.gc(live))
    await asked.wait()
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    async with opened() as other:
        assert await other.gc() == Removal()


async def test_the_store_is_no_part_of_the_workspace(tmp_path, threads):
    files = LocalFileStore(tmp_path, threads, database=tmp_path / "work.db")

    for path in ("work.db-contents", "work.db-contents/0.pack", "work.db-values/0"):
        with pytest.raises(PathRefused, match="belongs to Vespera's own database"):
            await files.locate(path)
