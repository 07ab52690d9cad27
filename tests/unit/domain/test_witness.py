"""Where what a snapshot saw stands among what was recorded."""

from datetime import timedelta

import pytest

from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.manifest import (
    Folder,
    Manifest,
    PathEntry,
    StatKey,
    has_doubts,
    record_of,
)
from vespera.domain.witness import NOBODY, witnessed
from vespera.testing.conformance.samples import NOW, an_operation

SECOND = timedelta(seconds=1)
KEY = StatKey(3, 1, 1, 1, 1, 0o100644)
CLAIM = {"phase": Phase.CLAIM, "before": NOT_OBSERVED}


def manifest(**states: PathState) -> Manifest:
    entries = {name.encode(): record_of(PathEntry(state, KEY)) for name, state in states.items()}
    root = DirectoryState(0o755)
    folder = Folder(state=root, entries=entries, doubtful=has_doubts(root, entries))
    return Manifest(folders={b"": folder}, began_at=NOW, ended_at=NOW + SECOND, digest="b3:0")


def at(seconds: float, path: str = "a", **fields: object) -> FileOperation:
    moment = NOW + timedelta(seconds=seconds)
    return an_operation(f"o{seconds}", path, recorded_at=moment, **{**CLAIM, **fields})


def test_what_was_seen_stands_between_what_was_recorded_before_and_after() -> None:
    before, claim, later = at(-1, phase=Phase.INTENT, before=Absent()), at(2), at(3)

    found = witnessed([before, claim, later], manifest())

    assert [one.id for one in found] == [before.id, NOBODY, claim.id, later.id]
    reading = found[1]
    assert (reading.kind, reading.phase, reading.before) == (
        OperationKind.READ,
        Phase.DONE,
        Absent(),
    )


@pytest.mark.parametrize(
    "operations",
    [
        [at(-1)],
        [at(2, phase=Phase.INTENT, before=Absent())],
        [at(0.5), at(2)],
        [at(2, "unknown")],
        [],
    ],
    ids=["claimed before", "announced", "recorded meanwhile", "not known", "nothing"],
)
def test_it_is_left_out_where_it_tells_nothing(operations: list[FileOperation]) -> None:
    known = manifest(unknown=UnknownState("unstable"))

    assert list(witnessed(operations, known)) == operations
