"""What each kind of operation does to a path, and what it cannot have done."""

from typing import assert_never

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    OperationKind,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)


def refutation(kind: OperationKind, before: PathState, after: PathState | None) -> str:
    """Why an act of this kind cannot have led from one state to the other; empty if it can.

    ``after`` is None where nobody looked.
    """
    match kind:
        case OperationKind.CREATE:
            return _why_not_created(before, after)
        case OperationKind.MODIFY:
            return _why_not_modified(before, after)
        case OperationKind.DELETE:
            return _why_not_deleted(before, after)
        case OperationKind.READ:
            return _why_not_read(before)
        case _:
            assert_never(kind)


def name_of(state: PathState) -> str:
    """The state in words, to follow "there is"."""
    match state:
        case Absent():
            return "nothing"
        case FileState(digest, size, mode):
            return f"a file of {size:,} bytes ({digest[:15]}, mode {mode:04o})"
        case SymlinkState(target):
            return f"a symbolic link to {target!r}"
        case DirectoryState():
            return "a directory"
        case SpecialState(kind):
            return f"a {kind}"
        case UnknownState(reason):
            return f"something unknown ({reason})"
        case _:
            assert_never(state)


def _why_not_created(before: PathState, after: PathState | None) -> str:
    match before, after:
        case _, Absent():
            return "it was not created: nothing is there"
        case ((Absent() | UnknownState()), _):
            return ""
        case _:
            since = "; it is unchanged" if before == after else ""
            return f"it was not created: there was {name_of(before)} already{since}"


def _why_not_modified(before: PathState, after: PathState | None) -> str:
    if isinstance(before, Absent):
        return "it was not modified: nothing was there"
    if isinstance(before, DirectoryState | SpecialState):
        return f"it was not modified: {name_of(before)} was there, no file"
    match after:
        case None | FileState() | UnknownState():
            return ""
        case Absent():
            return "it was not modified but removed: nothing is there"
        case _:
            return f"it was not modified but replaced by {name_of(after)}"


def _why_not_deleted(before: PathState, after: PathState | None) -> str:
    if isinstance(before, Absent):
        return "it was not deleted: nothing was there"
    match after:
        case None | Absent() | UnknownState():
            return ""
        case _:
            return f"it was not deleted: there still is {name_of(after)}"


def _why_not_read(seen: PathState) -> str:
    match seen:
        case FileState() | UnknownState():
            return ""
        case Absent():
            return "it was not read: nothing was there"
        case _:
            return f"no file was there to be read, but {name_of(seen)}"
