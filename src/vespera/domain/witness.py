"""What a snapshot saw, as evidence on what was done later."""

from collections.abc import Iterator, Sequence
from typing import Final

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    FileOperation,
    OperationKind,
    Phase,
    UnknownState,
    by_path,
)
from vespera.domain.ids import OperationId
from vespera.domain.manifest import Manifest

NOBODY: Final = OperationId("")


def witnessed(operations: Sequence[FileOperation], manifest: Manifest) -> Sequence[FileOperation]:
    """The operations, and among them, as readings by nobody, what a scan saw at their paths: so a
    claim that nobody announced can be proven by what was there before.

    Only claims need it. A path on which something was recorded while the scan was under way is left
    out, as nobody knows which came first; so is one whose state the scan does not know.

    Args:
        operations: everybody's on some paths, oldest first.
        manifest: of the scan.
    """
    ended = manifest.ended_at
    later = [number for number, one in enumerate(operations) if one.recorded_at > ended]
    place = later[0] if later else len(operations)
    return [*operations[:place], *_readings(operations, manifest), *operations[place:]]


def _readings(operations: Sequence[FileOperation], manifest: Manifest) -> Iterator[FileOperation]:
    began, ended = manifest.began_at, manifest.ended_at
    for path, chain in by_path(operations).items():
        claimed = any(one.phase is Phase.CLAIM and one.recorded_at > ended for one in chain)
        if not claimed or any(began <= one.recorded_at <= ended for one in chain):
            continue
        state = manifest.state_of(path)
        if not isinstance(state, UnknownState):
            yield FileOperation(
                id=NOBODY,
                task_id=None,
                kind=OperationKind.READ,
                phase=Phase.DONE,
                path=path,
                before=state,
                after=NOT_OBSERVED,
                recorded_at=ended,
            )
