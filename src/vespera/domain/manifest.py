"""What stood in the workspace, as of one scan.

A manifest has a folder for each directory, by its path, and a folder an entry for each name in it
that is no directory. Paths and names in here are bytes, as the file system has them. Entries are
kept as records, short runs of bytes: a hundred thousand of them take little room, do not trouble
the garbage collector, and are compared in one go. Folders that did not change are the same objects
in the manifest before and in the one after.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from struct import Struct, pack
from typing import NamedTuple, assert_never

from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)

IGNORED = UnknownState("ignored")
GIT = b".git"
ROOT = b""


class StatKey(NamedTuple):
    """What the file system says of a name without its content being read. Times are nanoseconds
    since 1970, by the file system's own clock; ``mode`` has the bits of the kind, too.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    mode: int


@dataclass(frozen=True, slots=True)
class PathEntry:
    """A state, and the key under which it was seen.

    ``trusted``: as long as the key is the same, so is the state. ``watched``: its content is
    hashed and never kept.
    """

    state: PathState
    key: StatKey
    trusted: bool = False
    watched: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Folder:
    """A directory as of one scan.

    Attributes:
        state: of the directory itself; unknown, if it could not be looked into; ``IGNORED``, if
            the rules leave it out: then it has entries only for what is watched all the same.
        key: the record of its own stat key.
        entries: a record for each name that is no directory.
        folders: the names of the directories in it.
        ignored: the names in it that the rules leave out, directories too; of what an ignored
            directory holds there is only the count.
        count: how many files are left out here.
        rules: the fingerprint of the rules by which its names were sorted.
        digest: of ``canonical`` of the entries.
        doubtful: whether the state of the directory or of an entry is unknown.
    """

    state: DirectoryState | UnknownState
    key: bytes = b""
    entries: Mapping[bytes, bytes] = field(default_factory=dict)
    folders: tuple[bytes, ...] = ()
    ignored: tuple[bytes, ...] = ()
    count: int = 0
    rules: bytes = b""
    digest: bytes = b""
    doubtful: bool = False

    @property
    def is_ignored(self) -> bool:
        """Whether the rules leave it out."""
        return self.state == IGNORED


class Totals(NamedTuple):
    """How much there is: ``files`` are all names that are no directories, ``ignored`` the files
    that were left out, ``unknown`` the paths of which nobody knows what is there.
    """

    files: int
    directories: int
    ignored: int
    unknown: int


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """All entries of the workspace, as of one scan.

    A scan takes its time: every entry was so at some moment between ``began_at`` and ``ended_at``,
    and no two need to have been so at the same one.

    Attributes:
        folders: by path; that of the workspace itself is ``b""``.
        digest: the same for two manifests whose paths have the same states.
        hashed: how many files were read for it.
        caution: why stat keys are not trusted here, so that every scan reads all files; or "".
    """

    folders: Mapping[bytes, Folder]
    began_at: datetime
    ended_at: datetime
    digest: str
    hashed: int = 0
    caution: str = ""

    def state_of(self, path: str) -> PathState:
        """What was at the path; ``IGNORED`` and other unknown states say why nobody knows."""
        return state_at(self.folders, bytes_of(path))

    def entry_of(self, path: str) -> PathEntry | None:
        """The entry of a path that was examined and is no directory."""
        above, name = parted(bytes_of(path))
        folder = self.folders.get(above)
        record = folder.entries.get(name) if folder else None
        return None if record is None else entry_from(record)

    def entries(self) -> Iterator[tuple[str, PathEntry]]:
        """All that was examined and is no directory, in the order of paths."""
        for path, record in sorted(self._records()):
            yield told_path(path), entry_from(record)

    def unexamined(self) -> Iterator[tuple[str, str]]:
        """Each path that was not examined, and why, in the order of paths; of what was left out
        only the topmost directory.
        """
        found = []
        for path, folder in self.folders.items():
            found += [(joined(path, name), IGNORED.reason) for name in folder.ignored]
            if isinstance(folder.state, UnknownState) and not folder.is_ignored:
                found.append((path, folder.state.reason))
            if folder.doubtful:
                found += [(joined(path, name), why) for name, why in _doubts(folder)]
        for path, reason in sorted(found):
            yield told_path(path), reason

    def totals(self) -> Totals:
        """How much was examined, and how much was not."""
        files = directories = ignored = unknown = 0
        for folder in self.folders.values():
            files += len(folder.entries)
            ignored += folder.count
            directories += not folder.is_ignored
            if folder.doubtful:
                unknown += sum(1 for _ in _doubts(folder))
                unknown += isinstance(folder.state, UnknownState) and not folder.is_ignored
        return Totals(files, directories, ignored, unknown)

    def _records(self) -> Iterator[tuple[bytes, bytes]]:
        for path, folder in self.folders.items():
            for name, record in folder.entries.items():
                yield joined(path, name), record


def _doubts(folder: Folder) -> Iterator[tuple[bytes, str]]:
    for name, record in folder.entries.items():
        if is_unknown(record):
            yield name, record[_BODY:].decode("utf-8", "surrogateescape")


# -- paths ------------------------------------------------------------------------------------


def bytes_of(path: str) -> bytes:
    """The path as the file system has it."""
    return path.encode("utf-8", "surrogateescape")


def text_of_bytes(path: bytes) -> str:
    """The path as text; what is no UTF-8 as surrogate escapes."""
    return path.decode("utf-8", "surrogateescape")


def told_path(path: bytes) -> str:
    """The path as people are told it; the workspace itself is ``.``."""
    return text_of_bytes(path) or "."


def joined(above: bytes, name: bytes) -> bytes:
    """The path of a name in a directory."""
    return b"%b/%b" % (above, name) if above else name


def parted(path: bytes) -> tuple[bytes, bytes]:
    """The directory that a path is in, and its name there."""
    above, _, name = path.rpartition(b"/")
    return above, name


def state_at(folders: Mapping[bytes, Folder], path: bytes) -> PathState:
    """What the folders say of a path."""
    own = folders.get(path)
    if own is not None:
        return own.state
    (above, name), below = parted(path), False
    while above and above not in folders:
        (above, name), below = parted(above), True
    state = _state_in(folders.get(above), name)
    return _behind(state) if below else state


def _state_in(folder: Folder | None, name: bytes) -> PathState:
    if folder is None:
        return Absent()
    if name in folder.entries:
        return entry_from(folder.entries[name]).state
    if name in folder.ignored or folder.is_ignored:
        return IGNORED
    return _behind(folder.state)


def _behind(state: PathState) -> PathState:
    """What is known of a path in a directory of this state, which does not have it."""
    if isinstance(state, UnknownState) and state != IGNORED:
        return UnknownState(f"its directory: {state.reason}")
    return state if state == IGNORED else Absent()


# -- records ----------------------------------------------------------------------------------

_HEAD = Struct("<BqqqQQI")
_TRUSTED = 1
_KIND = _HEAD.size
_BODY = _KIND + 1
_SIZE = slice(1, 9)
_MODE = _KIND - 4
_FILE, _SYMLINK, _SPECIAL, _UNKNOWN = range(4)
_LETTERS = (b"f", b"l", b"s", b"?")
_WATCHED = 0x80
_PERMISSIONS = 0o7777
_FILE_ALGORITHM = "b3:"


def head_of(key: StatKey, *, trusted: bool) -> bytes:
    """The first bytes of a record: whether it is trusted, and a stat key. What a trusted record
    begins with is found again only as long as the key is the same.
    """
    return _HEAD.pack(trusted, *key)


pack_head = _HEAD.pack
"""``head_of`` without a Python call, where a hundred thousand are made: trust comes first."""


def record_of(entry: PathEntry) -> bytes:
    """The record of an entry.

    Raises:
        ValueError: the digest of a file is of another kind than those of scans.
    """
    kind, body = _kind_and_body(entry.state)
    head = head_of(entry.key, trusted=entry.trusted)
    return b"%b%c%b" % (head, kind | (_WATCHED if entry.watched else 0), body)


def entry_from(record: bytes) -> PathEntry:
    """The entry of a record."""
    trusted, *numbers = _HEAD.unpack_from(record)
    key = StatKey(*numbers)
    flags, body = record[_KIND], record[_BODY:]
    state = _state_from(flags & ~_WATCHED, key, body)
    return PathEntry(state, key, bool(trusted), bool(flags & _WATCHED))


def key_from(record: bytes) -> StatKey:
    """The stat key that a record, or the key of a folder, begins with."""
    return StatKey(*_HEAD.unpack_from(record)[1:])


def is_unknown(record: bytes) -> bool:
    """Whether nobody knows what is there."""
    return record[_KIND] & ~_WATCHED == _UNKNOWN


def is_watched(record: bytes) -> bool:
    """Whether its content is hashed and never kept."""
    return bool(record[_KIND] & _WATCHED)


def canonical(entries: Mapping[bytes, bytes]) -> bytes:
    """The states of all entries in one form; equal if, and only if, they are."""
    parts: list[bytes] = []
    for name in sorted(entries):
        record = entries[name]
        kind = record[_KIND] & ~_WATCHED
        # Of links and the like, size and mode say nothing.
        seen = record[_SIZE] + record[_MODE:_KIND] if kind == _FILE else b""
        parts += (name, _LETTERS[kind] + seen + record[_BODY:])
    return pack(f"<{len(parts)}I", *map(len, parts)) + b"".join(parts)


def canonical_folders(folders: Mapping[bytes, Folder]) -> bytes:
    """The states of all folders in one form; what is ignored does not count."""
    lines = []
    for path in sorted(folders):
        folder = folders[path]
        if folder.is_ignored and not folder.entries:
            continue
        if isinstance(folder.state, DirectoryState):
            told = b"%o" % folder.state.mode
        else:
            told = bytes_of(folder.state.reason)
        lines.append(b"%d %d " % (len(path), len(told)) + path + told + folder.digest)
    return b"".join(lines)


def has_doubts(state: PathState, entries: Mapping[bytes, bytes]) -> bool:
    """What ``Folder.doubtful`` is to be."""
    unknown = isinstance(state, UnknownState) and state != IGNORED
    return unknown or any(map(is_unknown, entries.values()))


def _kind_and_body(state: PathState) -> tuple[int, bytes]:
    match state:
        case FileState(digest):
            if not digest.startswith(_FILE_ALGORITHM):
                raise ValueError(f"{digest!r} is no digest of a scan")
            return _FILE, bytes.fromhex(digest.removeprefix(_FILE_ALGORITHM))
        case SymlinkState(target):
            return _SYMLINK, bytes_of(target)
        case SpecialState(kind):
            return _SPECIAL, kind.encode()
        case UnknownState(reason):
            return _UNKNOWN, bytes_of(reason)
        case Absent() | DirectoryState():
            raise ValueError(f"{state!r} is no entry of a folder")
        case _:
            assert_never(state)


def _state_from(kind: int, key: StatKey, body: bytes) -> PathState:
    if kind == _FILE:
        return FileState(_FILE_ALGORITHM + body.hex(), key.size, key.mode & _PERMISSIONS)
    text = text_of_bytes(body)
    if kind == _SYMLINK:
        return SymlinkState(text)
    return SpecialState(text) if kind == _SPECIAL else UnknownState(text)
