"""What is kept of scans."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Manifest
from vespera.domain.snapshot import Snapshot


class SnapshotRepository(Protocol):
    """Snapshots and their manifests. Each write is a transaction of its own, also inside a unit of
    work, and durable when it returns.
    """

    async def add(self, snapshot: Snapshot, manifest: Manifest) -> None:
        """Keep the manifest, which ``snapshot`` was made of.

        Raises:
            DuplicateRow: the id exists already.
        """
        ...

    async def get(self, snapshot_id: SnapshotId) -> Snapshot | None:
        """The snapshot, if there is one of this id."""
        ...

    async def manifest_of(self, snapshot_id: SnapshotId) -> Manifest:
        """The manifest of the snapshot. What is unchanged between two of them is shared, where
        that is known.

        Raises:
            SnapshotNotFound: there is none of this id.
            UnreadableValue: what is stored is damaged or gone.
        """
        ...

    async def newest(self) -> Snapshot | None:
        """The snapshot with the greatest id."""
        ...

    async def oldest_of(self, task_id: str) -> Snapshot | None:
        """Of those that were taken for this task, the one with the smallest id."""
        ...

    async def page(self, *, before: SnapshotId | None = None, limit: int) -> Sequence[Snapshot]:
        """Snapshots, the newest first, beginning behind ``before``."""
        ...

    async def forget(self, *, before: datetime | None = None, keep: int | None = None) -> int:
        """Remove the snapshots that ended before a moment, and all but the ``keep`` newest; gives
        how many. One stays, whatever is asked, as long as the task that it was taken for is not
        finished, or another one that stays is kept as the difference from it.
        """
        ...
