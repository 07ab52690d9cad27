"""Snapshots in a database file: over the end of the process, and when something is lost."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vespera import AsyncDatabaseManager, Container
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.domain.errors import UnreadableValue
from vespera.domain.ids import SnapshotId
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.snapshot_repository import SqlSnapshotRepository
from vespera.testing.conformance import Stores
from vespera.testing.conformance.snapshots import a_manifest, changed, kept, plain

S1, S2, S3 = (SnapshotId(f"s{number}") for number in (1, 2, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.db"


@pytest.fixture
async def container(path: Path) -> AsyncIterator[Container]:
    async with Container(database_url=path, workspace=path.parent, spill_above=1000) as container:
        yield container


@pytest.fixture
def stores(container: Container) -> Stores:
    return Stores.of(container)


@pytest.fixture
def another(container: Container) -> SnapshotRepository:
    """The repository of another process, which has read nothing yet."""
    return SqlSnapshotRepository(container.get(AsyncDatabaseManager), container.get("threads"))


async def bases(container: Container) -> dict[str, str | None]:
    rows = await container.get(AsyncDatabaseManager).read("SELECT id, base_id FROM snapshots")
    return dict(rows)


async def test_a_small_difference_is_stored_as_such_and_a_large_one_whole(
    stores: Stores, container: Container
) -> None:
    one = a_manifest()
    await kept(stores, "s1", one)
    await kept(stores, "s2", changed(one, 1))
    await kept(stores, "s3", a_manifest({}))

    assert await bases(container) == {"s1": None, "s2": "s1", "s3": "s1"}
    await kept(
        stores,
        "s4",
        a_manifest(
            {**one.folders, **{b"new%d" % n: f for n, f in enumerate(one.folders.values())}}
        ),
    )
    assert (await bases(container))["s4"] is None


async def test_another_process_reads_a_difference_and_goes_on_from_the_same_base(
    stores: Stores, another: SnapshotRepository, container: Container
) -> None:
    one = a_manifest()
    two = changed(one, 1)
    three = changed(two, 2)
    await kept(stores, "s1", one)
    await kept(stores, "s2", two)

    assert plain(await another.manifest_of(S2)) == plain(two)
    assert plain(await another.manifest_of(S1)) == plain(one)
    snapshot = await another.get(S1)
    assert snapshot
    await kept(Stores(**{**_fields(stores), "snapshots": another}), "s3", three)
    assert await bases(container) == {"s1": None, "s2": "s1", "s3": "s1"}


async def test_a_base_that_was_removed_meanwhile_is_not_built_on(
    stores: Stores, another: SnapshotRepository, container: Container
) -> None:
    one = a_manifest()
    await kept(stores, "s1", one)
    assert await another.forget(keep=0) == 1
    await kept(stores, "s2", changed(one, 1))

    assert await bases(container) == {"s2": None}


async def test_large_manifests_are_in_files_beside_the_database_and_go_with_their_snapshots(
    stores: Stores, path: Path, container: Container
) -> None:
    await kept(stores, "s1", a_manifest())
    values = path.with_name("work.db-values")

    assert len(list(values.iterdir())) == 1
    inspection = await SqliteDatabaseCare(path).check()
    assert inspection.sound
    await stores.snapshots.forget(keep=0)
    swept = await stores.archive.sweep(datetime.now(UTC) + timedelta(seconds=1))

    assert swept == 1
    assert list(values.iterdir()) == []


async def test_a_lost_manifest_is_told_by_name(
    stores: Stores, path: Path, another: SnapshotRepository
) -> None:
    await kept(stores, "s1", a_manifest())
    (file,) = path.with_name("work.db-values").iterdir()
    file.unlink()

    with pytest.raises(
        UnreadableValue, match=r"manifest of snapshot 's1' is in the file .*missing"
    ):
        await another.manifest_of(S1)
    inspection = await SqliteDatabaseCare(path).check()
    assert not inspection.sound


async def test_a_damaged_manifest_is_told(
    stores: Stores, container: Container, another: SnapshotRepository
) -> None:
    await kept(stores, "s1", a_manifest({}))
    async with container.get(AsyncDatabaseManager).session() as session:
        raw = await session.connection()
        await raw.exec_driver_sql("UPDATE snapshots SET content = x'00ff'")
        await session.commit()

    with pytest.raises(UnreadableValue, match="The manifest is damaged"):
        await another.manifest_of(S1)


def _fields(stores: Stores) -> dict[str, object]:
    return {name: getattr(stores, name) for name in Stores.__slots__}
