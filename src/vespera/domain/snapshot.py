"""A manifest that is kept."""

from dataclasses import dataclass
from datetime import datetime

from vespera.domain.ids import SnapshotId
from vespera.domain.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of a kept manifest without reading it. Ids are time-ordered.

    Attributes:
        task_id: for which task it was taken; any text may be one.
        label: what whoever took it calls it.
        began_at, ended_at: when the scan was.
        digest: of the states of all paths; see ``Manifest``.
        files, directories, ignored, unknown: see ``Totals``.
        hashed, caution: see ``Manifest``.
        kept: of how many files the content is in the store.
    """

    id: SnapshotId
    task_id: str | None
    label: str
    began_at: datetime
    ended_at: datetime
    digest: str
    files: int
    directories: int
    ignored: int
    unknown: int
    hashed: int
    caution: str
    kept: int = 0


def snapshot_of(
    manifest: Manifest,
    snapshot_id: SnapshotId,
    *,
    task_id: str | None = None,
    label: str = "",
    kept: int = 0,
) -> Snapshot:
    """The snapshot that a manifest becomes."""
    totals = manifest.totals()
    return Snapshot(
        id=snapshot_id,
        task_id=task_id,
        label=label,
        began_at=manifest.began_at,
        ended_at=manifest.ended_at,
        digest=manifest.digest,
        files=totals.files,
        directories=totals.directories,
        ignored=totals.ignored,
        unknown=totals.unknown,
        hashed=manifest.hashed,
        caution=manifest.caution,
        kept=kept,
    )
