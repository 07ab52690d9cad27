"""The promises of ``ContentReferences``."""

from datetime import timedelta

from vespera.application.ports.contents import ContentReferences
from vespera.domain.file_operation import Absent, FileState
from vespera.domain.ids import SnapshotId
from vespera.domain.snapshot import snapshot_of
from vespera.testing.conformance.samples import NOW, an_operation
from vespera.testing.conformance.snapshots import a_folder, a_manifest
from vespera.testing.conformance.stores import PersistenceSuite, Stores


def _state(content: int) -> FileState:
    """That of a file which has this content."""
    return FileState(f"b3:{content:064x}", 1, 0o644)


class ContentReferencesConformance(PersistenceSuite):
    """Give ``make_stores``; the references are the adapter in question."""

    ports = (ContentReferences,)

    async def test_where_nothing_is_recorded_nothing_is_referred_to(self, stores: Stores) -> None:
        assert not await stores.references.digests(None)
        assert not await stores.references.digests_by_path()

    async def test_all_states_of_an_operation_refer_to_content(self, stores: Stores) -> None:
        before, after, expected = [_state(number) for number in range(3)]
        await stores.operations.add(
            an_operation(path="a", before=before, after=after, expected=expected)
        )
        await stores.operations.add(an_operation("o2", path="b", before=Absent(), after=before))

        digests = [state.digest for state in (before, after, expected)]
        assert set(await stores.references.digests(None)) == set(digests)
        paths = {("a", text) for text in digests} | {("b", before.digest)}
        assert set(await stores.references.digests_by_path()) == paths

    async def test_of_what_is_older_nothing_is_referred_to(self, stores: Stores) -> None:
        old, new = _state(1), _state(2)
        later = NOW + timedelta(hours=1)
        await stores.operations.add(an_operation(before=old, recorded_at=NOW))
        await stores.operations.add(an_operation("o2", before=new, recorded_at=later))

        assert set(await stores.references.digests(NOW)) == {old.digest, new.digest}
        assert set(await stores.references.digests(later)) == {new.digest}
        assert not await stores.references.digests(later + timedelta(microseconds=1))

    async def test_snapshots_with_contents_refer_to_them(self, stores: Stores) -> None:
        watched, kept, other = [_state(number) for number in range(3)]
        manifest = a_manifest({b"dir": a_folder({"watched": watched, "a": kept})})
        await stores.snapshots.add(snapshot_of(manifest, SnapshotId("s1"), kept=1), manifest)
        without = a_manifest({b"": a_folder({"watched": watched, "b": other})})
        await stores.snapshots.add(snapshot_of(without, SnapshotId("s2")), without)

        assert set(await stores.references.digests(None)) == {kept.digest}
        assert set(await stores.references.digests(manifest.ended_at)) == {kept.digest}
        assert not await stores.references.digests(manifest.ended_at + timedelta(seconds=1))
        assert set(await stores.references.digests_by_path()) == {("dir/a", kept.digest)}

    async def test_a_path_may_be_any_bytes(self, stores: Stores) -> None:
        state = _state(1)
        await stores.operations.add(an_operation(path="b\udcfcd", before=state))

        assert list(await stores.references.digests_by_path()) == [("b\udcfcd", state.digest)]
