"""States as programs are told them, and as people are in a row of a table."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import assert_never

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)

_DIGEST = 11


def form_of(state: PathState) -> Mapping[str, object]:
    """The state in plain JSON values: what kind it is of, and what is known of it."""
    kind = type(state).__name__.removesuffix("State").lower()
    return {"state": kind, **asdict(state)}


def in_short(state: PathState) -> str:
    """The state in a few characters."""
    match state:
        case Absent():
            return "nothing"
        case FileState(digest, size, mode):
            return f"{digest[:_DIGEST]} {size} {mode:04o}"
        case SymlinkState(target):
            return f"-> {target}"
        case DirectoryState(mode):
            return f"directory {mode:04o}"
        case SpecialState(kind):
            return kind
        case UnknownState(reason):
            return f"? {reason}"
        case _:
            assert_never(state)
