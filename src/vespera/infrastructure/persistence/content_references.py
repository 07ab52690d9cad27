"""What of the store of contents the database refers to."""

from collections.abc import Collection
from datetime import datetime

from vespera.application.ports.snapshots import SnapshotRepository
from vespera.domain.content import contents_of
from vespera.domain.errors import ContentError, SnapshotNotFound, UnreadableValue
from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Manifest
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.values import from_path, to_micros
from vespera.infrastructure.threads import Threads

_EVER = -(2**63)


class SqlContentReferences:
    """The digests in the table ``file_operations``: of states before, after, and expected; and
    those in the manifests of snapshots that were taken with their contents.
    """

    def __init__(
        self, database: AsyncDatabaseManager, snapshots: SnapshotRepository, threads: Threads
    ) -> None:
        self._database, self._snapshots, self._threads = database, snapshots, threads

    async def digests(self, since: datetime | None) -> Collection[str]:
        """See ``ContentReferences.digests``."""
        moment = _EVER if since is None else to_micros(since)
        rows = await self._database.read(sql.CONTENTS_OF_OPERATIONS.sql, {"since": moment})
        found = {digest for _, digest in rows}
        return found | {digest for _, digest in await self._in_snapshots(moment)}

    async def digests_by_path(self) -> Collection[tuple[str, str]]:
        """See ``ContentReferences.digests_by_path``."""
        rows = await self._database.read(sql.CONTENTS_OF_OPERATIONS.sql, {"since": _EVER})
        found = {(from_path(path), digest) for path, digest in rows}
        return found | await self._in_snapshots(_EVER)

    async def _in_snapshots(self, moment: int) -> set[tuple[str, str]]:
        found = set[tuple[str, str]]()
        for (snapshot_id,) in await self._database.read(sql.SNAPSHOTS_WITH_CONTENTS.sql, (moment,)):
            found |= await self._in_snapshot(snapshot_id)
        return found

    async def _in_snapshot(self, snapshot_id: SnapshotId) -> set[tuple[str, str]]:
        try:
            manifest = await self._snapshots.manifest_of(snapshot_id)
        except SnapshotNotFound:  # it was removed meanwhile
            return set()
        except UnreadableValue as error:
            raise ContentError(
                f"Snapshot {snapshot_id!r} cannot be read, so that nobody knows which contents it"
                f" needs: {error} Remove it: `vespera snapshot forget`."
            ) from error
        return await self._threads.run(_contents_in, manifest)


def _contents_in(manifest: Manifest) -> set[tuple[str, str]]:
    return {(source.path, source.digest) for source in contents_of(manifest) if source.digest}
