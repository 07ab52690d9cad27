"""Snapshots, in SQL.

The first manifest is stored whole; those that follow as differences from it, until a difference
is so large that another one is stored whole. So each is read with one other at most, and a
manifest in which little has changed takes little room.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from vespera.application.ports.codec import LOST
from vespera.domain.errors import SnapshotNotFound, StorageError, UnreadableValue
from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Folder, Manifest
from vespera.domain.manifest_form import from_bytes, to_bytes
from vespera.domain.snapshot import Snapshot
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.spilling import SNAPSHOTS
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.values import from_micros, storable_texts, to_micros
from vespera.infrastructure.threads import Threads

_QUICK = 1
_LARGEST_DELTA = 4
"""A difference is stored as long as it takes at most a quarter of the room of its base."""

_MOMENTS = ("began_at", "ended_at")
_BEHIND_ALL = "~"
_NO_LIMIT = -1


class _Base(NamedTuple):
    id: SnapshotId
    folders: Mapping[bytes, Folder]
    size: int


class BaseGone(StorageError):
    """The snapshot from which another one is the difference was removed meanwhile."""


class SqlSnapshotRepository:
    """Snapshots in the table ``snapshots``; manifests are packed and unpacked in a thread."""

    def __init__(self, database: AsyncDatabaseManager, threads: Threads) -> None:
        self._database, self._threads = database, threads
        self._base: _Base | None = None

    async def add(self, snapshot: Snapshot, manifest: Manifest) -> None:
        """See ``SnapshotRepository.add``."""
        base = self._base
        if base is not None and await self._added_to(base, snapshot, manifest):
            return
        content = await self._threads.run(_packed, manifest.folders, None)
        await self._database.commit([_insertion(snapshot, None, content)])
        self._base = _Base(snapshot.id, manifest.folders, len(content))

    async def get(self, snapshot_id: SnapshotId) -> Snapshot | None:
        """See ``SnapshotRepository.get``."""
        if not storable_texts([snapshot_id]):
            return None
        rows = await self._database.read(sql.FACTS_OF_SNAPSHOT.sql, (snapshot_id,))
        return _from_row(rows[0]) if rows else None

    async def manifest_of(self, snapshot_id: SnapshotId) -> Manifest:
        """See ``SnapshotRepository.manifest_of``."""
        row = await self._row(snapshot_id)
        snapshot = _from_row(row[:-2])
        return Manifest(
            folders=await self._folders_of(row),
            began_at=snapshot.began_at,
            ended_at=snapshot.ended_at,
            digest=snapshot.digest,
            hashed=snapshot.hashed,
            caution=snapshot.caution,
        )

    async def newest(self) -> Snapshot | None:
        """See ``SnapshotRepository.newest``."""
        found = await self.page(limit=1)
        return found[0] if found else None

    async def oldest_of(self, task_id: str) -> Snapshot | None:
        """See ``SnapshotRepository.oldest_of``."""
        if not storable_texts([task_id]):
            return None
        rows = await self._database.read(sql.OLDEST_SNAPSHOT_OF_TASK.sql, (task_id,))
        return _from_row(rows[0]) if rows else None

    async def page(self, *, before: SnapshotId | None = None, limit: int) -> Sequence[Snapshot]:
        """See ``SnapshotRepository.page``."""
        values = (_BEHIND_ALL if before is None else before, limit)
        rows = await self._database.read(sql.PAGE_OF_SNAPSHOTS.sql, values)
        return [_from_row(row) for row in rows]

    async def forget(self, *, before: datetime | None = None, keep: int | None = None) -> int:
        """See ``SnapshotRepository.forget``."""
        values = (
            _NO_LIMIT if before is None else to_micros(before),
            _NO_LIMIT if keep is None else keep,
        )
        removed = await self._database.commit(
            [Write(sql.FORGET_DELTAS, values), Write(sql.FORGET_BASES, values)]
        )
        return sum(map(len, removed))

    async def _added_to(self, base: _Base, snapshot: Snapshot, manifest: Manifest) -> bool:
        """Whether it was stored as the difference from the base."""
        content = await self._threads.run(_packed, manifest.folders, base.folders)
        if len(content) * _LARGEST_DELTA > base.size:
            return False
        try:
            await self._database.commit(
                [
                    Write(sql.IS_SNAPSHOT, (base.id,), BaseGone),
                    _insertion(snapshot, base.id, content),
                ]
            )
        except BaseGone:
            return False
        return True

    async def _folders_of(self, row: Row) -> Mapping[bytes, Folder]:
        snapshot_id, base_id, content = row[0], *row[-2:]
        if base_id is not None:
            base = await self._base_of(base_id)
            return await self._threads.run(_unpacked, content, base.folders)
        return (await self._base_of(snapshot_id)).folders

    async def _base_of(self, base_id: SnapshotId) -> _Base:
        if self._base is not None and self._base.id == base_id:
            return self._base
        row = await self._row(base_id)
        folders = await self._threads.run(_unpacked, row[-1], None)
        self._base = base = _Base(base_id, folders, len(row[-1]))
        return base

    async def _row(self, snapshot_id: SnapshotId) -> Row:
        rows = []
        if storable_texts([snapshot_id]):
            rows = await self._database.read(sql.SNAPSHOT_BY_ID.sql, (snapshot_id,), SNAPSHOTS)
        if not rows:
            raise SnapshotNotFound(f"No snapshot has the id {snapshot_id!r}.")
        return rows[0]


def _packed(folders: Mapping[bytes, Folder], base: Mapping[bytes, Folder] | None) -> bytes:
    return zlib.compress(to_bytes(folders, base), _QUICK)


def _unpacked(content: bytes, base: Mapping[bytes, Folder] | None) -> Mapping[bytes, Folder]:
    if content.startswith(LOST):
        raise UnreadableValue(content[len(LOST) :].decode(errors="replace"))
    try:
        return from_bytes(zlib.decompress(content), base)
    except zlib.error as error:
        raise UnreadableValue(f"The manifest is damaged: {error}.") from error


def _insertion(snapshot: Snapshot, base_id: SnapshotId | None, content: bytes) -> Write:
    values = [getattr(snapshot, name) for name in sql.SNAPSHOT_FACTS]
    for place, name in enumerate(sql.SNAPSHOT_FACTS):
        if name in _MOMENTS:
            values[place] = to_micros(values[place])
    return Write(sql.INSERT_SNAPSHOT, (*values, base_id, content))


def _from_row(row: Row) -> Snapshot:
    values = dict(zip(sql.SNAPSHOT_FACTS, row, strict=True))
    for name in _MOMENTS:
        values[name] = from_micros(values[name])
    return Snapshot(**values)
