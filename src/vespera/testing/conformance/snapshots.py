"""The promises of ``SnapshotRepository``."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from vespera.application.ports.snapshots import SnapshotRepository
from vespera.domain.errors import DuplicateRow, SnapshotNotFound
from vespera.domain.file_operation import (
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import (
    IGNORED,
    Folder,
    Manifest,
    PathEntry,
    StatKey,
    has_doubts,
    head_of,
    record_of,
)
from vespera.domain.snapshot import Snapshot, snapshot_of
from vespera.domain.task import TaskStatus
from vespera.testing.conformance.samples import NOW, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

KEY = StatKey(3, -1, 2**62, 2**64 - 1, 2**63, 0o100644)
S1 = SnapshotId("s1")
MANY = 300


class SnapshotRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the repository of snapshots is the one in question."""

    ports = (SnapshotRepository,)

    async def test_a_snapshot_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        snapshot = await kept(stores, "s1", a_manifest(), task_id="the build", label="before ü")

        assert await stores.snapshots.get(S1) == snapshot

    async def test_a_manifest_comes_back_as_it_was(self, stores: Stores) -> None:
        manifest = a_manifest(
            {
                b"": a_folder(
                    {
                        "a": a_file(1),
                        "\udcff": SymlinkState("b\udcff"),
                        "c": SpecialState("fifo"),
                        "d": UnknownState("unstable"),
                    },
                    folders=(b"out", b"shut", b"sub"),
                    ignored=(b"out", b"x.pyc"),
                    count=1,
                ),
                b"out": a_folder({".env": a_file(2)}, state=IGNORED, count=40),
                b"shut": Folder(state=UnknownState("unreadable"), doubtful=True),
                b"sub": a_folder({}, state=DirectoryState(0o700)),
            }
        )
        await kept(stores, "s1", manifest)
        found = await stores.snapshots.manifest_of(S1)

        assert plain(found) == plain(manifest)
        assert found.totals() == manifest.totals()

    async def test_each_of_many_that_differ_a_little_comes_back_as_it_was(
        self, stores: Stores
    ) -> None:
        manifests = [a_manifest()]
        for number in range(5):
            manifests.append(changed(manifests[-1], number))
        for number, manifest in enumerate(manifests):
            await kept(stores, f"s{number}", manifest)

        for number, manifest in enumerate(manifests):
            found = await stores.snapshots.manifest_of(SnapshotId(f"s{number}"))
            assert plain(found) == plain(manifest)

    async def test_one_that_is_wholly_different_comes_back_too(self, stores: Stores) -> None:
        other = a_manifest({b"": a_folder({f"n{n}": a_file(n + 7) for n in range(MANY)})})
        await kept(stores, "s1", a_manifest())
        await kept(stores, "s2", other)

        assert plain(await stores.snapshots.manifest_of(SnapshotId("s2"))) == plain(other)

    async def test_what_is_not_there_is_none_and_has_no_manifest(self, stores: Stores) -> None:
        await kept(stores, "s1", a_manifest())
        for name in ("s2", "s\udcff"):
            assert await stores.snapshots.get(SnapshotId(name)) is None
            with pytest.raises(SnapshotNotFound):
                await stores.snapshots.manifest_of(SnapshotId(name))

    async def test_the_same_id_twice_is_refused_and_the_first_stays(self, stores: Stores) -> None:
        first = await kept(stores, "s1", a_manifest())
        with pytest.raises(DuplicateRow):
            await kept(stores, "s1", a_manifest({}), label="second")

        assert await stores.snapshots.get(S1) == first

    async def test_the_newest_is_that_with_the_greatest_id(self, stores: Stores) -> None:
        assert await stores.snapshots.newest() is None
        for name in ("s1", "s3", "s2"):
            await kept(stores, name, a_manifest())

        newest = await stores.snapshots.newest()
        assert newest
        assert newest.id == "s3"

    async def test_the_oldest_of_a_task_is_its_own_with_the_smallest_id(
        self, stores: Stores
    ) -> None:
        for name, task_id in (("s0", None), ("s1", "t2"), ("s3", "t1"), ("s2", "t1")):
            await kept(stores, name, a_manifest(), task_id=task_id)

        oldest = await stores.snapshots.oldest_of("t1")
        assert oldest
        assert oldest.id == "s2"
        assert await stores.snapshots.oldest_of("t3") is None
        assert await stores.snapshots.oldest_of("t\udcff") is None

    async def test_they_are_listed_newest_first_and_page_by_page(self, stores: Stores) -> None:
        for number in range(5):
            await kept(stores, f"s{number}", a_manifest())
        first = await stores.snapshots.page(limit=2)
        second = await stores.snapshots.page(before=first[-1].id, limit=2)

        assert [s.id for s in first] == ["s4", "s3"]
        assert [s.id for s in second] == ["s2", "s1"]

    async def test_all_but_the_newest_are_forgotten(self, stores: Stores) -> None:
        for number in range(5):
            await kept(stores, f"s{number}", unlike(number))

        assert await stores.snapshots.forget(keep=2) == 3
        assert [s.id for s in await stores.snapshots.page(limit=9)] == ["s4", "s3"]

    async def test_those_that_are_older_are_forgotten(self, stores: Stores) -> None:
        for number in range(3):
            await kept(stores, f"s{number}", unlike(number, later=number))
        await stores.snapshots.forget(before=NOW + timedelta(seconds=1))

        assert [s.id for s in await stores.snapshots.page(limit=9)] == ["s2", "s1"]

    async def test_without_a_limit_nothing_is_forgotten(self, stores: Stores) -> None:
        await kept(stores, "s1", a_manifest())

        assert await stores.snapshots.forget() == 0
        assert await stores.snapshots.get(S1)

    async def test_what_stays_can_be_read_whatever_was_forgotten(self, stores: Stores) -> None:
        manifests = [a_manifest()]
        for number in range(4):
            manifests.append(changed(manifests[-1], number))
        for number, manifest in enumerate(manifests):
            await kept(stores, f"s{number}", manifest)
        await stores.snapshots.forget(keep=1)

        for snapshot in await stores.snapshots.page(limit=9):
            manifest = manifests[int(snapshot.id[1:])]
            assert plain(await stores.snapshots.manifest_of(snapshot.id)) == plain(manifest)
        assert await stores.snapshots.get(SnapshotId("s4"))
        assert not await stores.snapshots.get(SnapshotId("s2"))

    async def test_that_of_a_task_that_is_not_finished_stays(self, stores: Stores) -> None:
        for name, status in (("t1", TaskStatus.PENDING), ("t2", TaskStatus.CANCELLED)):
            await stores.tasks.add(a_task(name, status=status))
        for number, task_id in enumerate(("t1", "t2", "the build")):
            await kept(stores, f"s{number}", unlike(number), task_id=task_id)
        await stores.snapshots.forget(keep=0)

        assert [s.task_id for s in await stores.snapshots.page(limit=9)] == ["t1"]


async def kept(
    stores: Stores, name: str, manifest: Manifest, *, task_id: str | None = None, label: str = ""
) -> Snapshot:
    """The snapshot of this id, stored."""
    snapshot = snapshot_of(manifest, SnapshotId(name), task_id=task_id, label=label)
    await stores.snapshots.add(snapshot, manifest)
    return snapshot


def a_file(number: int) -> FileState:
    """A file whose content is another for each number; none of them is packed smaller."""
    return FileState(f"b3:{sha256(b'%d' % number).hexdigest()}", KEY.size, 0o644)


def a_folder(
    entries: Mapping[str, PathState],
    state: DirectoryState | UnknownState = DirectoryState(0o755),  # noqa: B008 -- a value
    **more: Any,
) -> Folder:
    """A folder with these entries."""
    records = {
        name.encode("utf-8", "surrogateescape"): record_of(
            PathEntry(each, KEY, trusted=number % 2 == 0, watched=number % 3 == 0)
        )
        for number, (name, each) in enumerate(entries.items())
    }
    given = {"key": head_of(KEY, trusted=True), "rules": b"rules", "digest": b"digest", **more}
    return Folder(state=state, entries=records, doubtful=has_doubts(state, records), **given)


def a_manifest(folders: Mapping[bytes, Folder] | None = None, later: int = 0) -> Manifest:
    """A manifest; without folders, one of many files."""
    if folders is None:
        folders = {
            b"": a_folder({f"f{n}": a_file(n) for n in range(MANY)}),
            b"sub": a_folder({f"g{n}": a_file(n + MANY) for n in range(MANY)}),
        }
    ended_at = NOW + timedelta(seconds=later)
    return Manifest(
        folders=folders, began_at=NOW, ended_at=ended_at, digest="b3:0", hashed=5, caution="none"
    )


def unlike(number: int, later: int = 0) -> Manifest:
    """A manifest that has nothing in common with those of other numbers."""
    names = {f"x{number}-{n}": a_file(number * MANY + n) for n in range(MANY)}
    return a_manifest({b"": a_folder(names)}, later)


def changed(manifest: Manifest, number: int) -> Manifest:
    """The manifest with an entry added, one changed, one removed, and a folder that comes and goes;
    the other folder is shared.
    """
    root = dict(manifest.folders[b""].entries)
    root[b"new%d" % number] = root.pop(b"f%d" % number)
    root[b"f%d" % (number + 100)] = record_of(PathEntry(a_file(10_000 + number), KEY))
    folders = {b"": Folder(state=DirectoryState(0o755), entries=root)}
    folders[b"sub"] = manifest.folders[b"sub"]
    if number % 2:
        folders[b"now and then"] = a_folder({"h": a_file(number)})
    return a_manifest(folders)


def plain(manifest: Manifest) -> tuple[object, ...]:
    """What is compared: a folder is equal to itself only."""
    names = Folder.__slots__
    folders = {
        path: [dict(v) if isinstance(v := getattr(folder, name), dict) else v for name in names]
        for path, folder in manifest.folders.items()
    }
    facts = manifest.began_at, manifest.ended_at, manifest.digest, manifest.hashed, manifest.caution
    return folders, facts
