"""What each kind of operation does to a path, and what it cannot have done."""

from typing import assert_never

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)


def refutation(operation: FileOperation, before: PathState, after: PathState | None) -> str:
    """Why the act cannot have led from one state to the other; empty if it can.

    ``after`` is None where nobody looked. Of a move or a copy, this is its destination's side.
    """
    kind = operation.kind
    match kind:
        case OperationKind.CREATE | OperationKind.MKDIR | OperationKind.SYMLINK:
            return _why_not_made("created", before, after) or _what_else(kind, after)
        case OperationKind.MODIFY:
            return _why_not_modified(before, after)
        case OperationKind.DELETE | OperationKind.RMDIR:
            return _why_not_removed(kind, before, after)
        case OperationKind.READ:
            return _why_not_read(before)
        case OperationKind.MOVE | OperationKind.COPY:
            return _why_not_arrived(operation, before, after)
        case OperationKind.CHMOD:
            return _why_not_changed_in_mode(before, after)
        case OperationKind.SCOPE:
            return ""
        case _:
            assert_never(kind)


def is_what_left(kind: OperationKind, left: PathState, came: PathState) -> bool:
    """Whether what came by a move or a copy is what left; a copy may have another mode."""
    match left, came:
        case FileState(), FileState() if kind is OperationKind.COPY:
            return (left.digest, left.size) == (came.digest, came.size)
        case DirectoryState(), DirectoryState() if kind is OperationKind.COPY:
            return True
        case _:
            return left == came


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


def _why_not_made(done: str, before: PathState, after: PathState | None) -> str:
    match before, after:
        case _, Absent():
            return f"it was not {done}: nothing is there"
        case ((Absent() | UnknownState()), _):
            return ""
        case _:
            since = "; it is unchanged" if before == after else ""
            return f"it was not {done}: there was {name_of(before)} already{since}"


def _why_not_arrived(operation: FileOperation, before: PathState, after: PathState | None) -> str:
    done = "moved there" if operation.kind is OperationKind.MOVE else "copied there"
    overwrites = operation.destination is not None and operation.destination.overwrites
    if overwrites and isinstance(before, FileState | SymlinkState) and after != Absent():
        return ""
    return _why_not_made(done, before, after)


def _what_else(kind: OperationKind, after: PathState | None) -> str:
    """What was made in the place of a directory or a symbolic link."""
    if after is None or isinstance(after, UnknownState) or kind is OperationKind.CREATE:
        return ""
    made, wanted = (
        (DirectoryState, "directory")
        if kind is OperationKind.MKDIR
        else (SymlinkState, "symbolic link")
    )
    return "" if isinstance(after, made) else f"no {wanted} was created: there is {name_of(after)}"


def _why_not_changed_in_mode(before: PathState, after: PathState | None) -> str:
    match before, after:
        case Absent(), _:
            return "its mode was not changed: nothing was there"
        case _, Absent():
            return "its mode was not changed; it was removed: nothing is there"
        case ((SymlinkState() | SpecialState()), _):
            return f"its mode was not changed: there was {name_of(before)}"
        case (UnknownState(), _) | (_, (None | UnknownState())):
            return ""
        case FileState(), FileState() if (before.digest, before.size) == (after.digest, after.size):
            return ""
        case DirectoryState(), DirectoryState():
            return ""
        case _:
            return f"not only its mode was changed: there is {name_of(after)}"


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


def _why_not_removed(kind: OperationKind, before: PathState, after: PathState | None) -> str:
    done = "deleted" if kind is OperationKind.DELETE else "removed"
    if isinstance(before, Absent):
        return f"it was not {done}: nothing was there"
    if kind is OperationKind.RMDIR and not isinstance(before, DirectoryState | UnknownState):
        return f"no directory was removed: there was {name_of(before)}"
    match after:
        case None | Absent() | UnknownState():
            return ""
        case _:
            return f"it was not {done}: there still is {name_of(after)}"


def _why_not_read(seen: PathState) -> str:
    match seen:
        case FileState() | UnknownState():
            return ""
        case Absent():
            return "it was not read: nothing was there"
        case _:
            return f"no file was there to be read, but {name_of(seen)}"
