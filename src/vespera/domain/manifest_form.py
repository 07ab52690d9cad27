"""The folders of a manifest as bytes: all of them, or what is different from those of a base.

A list of texts is written as their number, their lengths, and themselves, one behind the other; a
folder is such a list, and so is the whole. A difference has, of each folder that is another one,
only the entries that are new or changed, and the names of those that are gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct, error, pack, unpack_from

from vespera.domain.errors import UnreadableValue
from vespera.domain.file_operation import DirectoryState, UnknownState
from vespera.domain.manifest import Folder, bytes_of, has_doubts, text_of_bytes

Folders = Mapping[bytes, Folder]
_VERSION = b"VM1"
_NUMBER = Struct("<Q")
_DIRECTORY, _UNKNOWN = b"d", b"?"
_NONE: Mapping[bytes, bytes] = {}


def to_bytes(folders: Folders, base: Folders | None = None) -> bytes:
    """The folders, as their difference from ``base`` if there is one."""
    old = base or {}
    gone = [path for path in old if path not in folders]
    parts = [_folder_to_bytes(path, folder, old.get(path)) for path, folder in _new(folders, old)]
    return _joined([_VERSION, _joined(gone), *parts])


def from_bytes(data: bytes, base: Folders | None = None) -> Folders:
    """The folders that ``to_bytes`` was given; ``base`` must be what it was then.

    Raises:
        UnreadableValue: these are not the bytes of folders.
    """
    try:
        version, gone, *parts = _parted(data)
        if version != _VERSION:
            raise UnreadableValue(f"The manifest is of the form {version!r}, which nobody knows.")
        folders = dict(base or {})
        for path in _parted(gone):
            del folders[path]
        for part in parts:
            path, folder = _folder_from_bytes(part, folders)
            folders[path] = folder
    except (ValueError, KeyError, error) as problem:
        raise UnreadableValue(f"The manifest is damaged: {problem!r}.") from problem
    return folders


def _new(folders: Folders, old: Folders) -> Iterator[tuple[bytes, Folder]]:
    for path, folder in folders.items():
        if old.get(path) is not folder:
            yield path, folder


def _folder_to_bytes(path: bytes, folder: Folder, old: Folder | None) -> bytes:
    before = old.entries if old else _NONE
    gone = [name for name in before if name not in folder.entries]
    new = {name: one for name, one in folder.entries.items() if before.get(name) != one}
    return _joined(
        [
            *(path, _state_to_bytes(folder.state), folder.key, folder.rules, folder.digest),
            *(_NUMBER.pack(folder.count), _joined(folder.folders), _joined(folder.ignored)),
            *(_joined(gone), _joined([*new]), _joined([*new.values()])),
        ]
    )


def _folder_from_bytes(data: bytes, base: Folders) -> tuple[bytes, Folder]:
    path, told, key, rules, digest, count, folders, ignored, gone, names, records = _parted(data)
    old = base.get(path)
    entries = dict(old.entries) if old else {}
    for name in _parted(gone):
        del entries[name]
    entries.update(zip(_parted(names), _parted(records), strict=True))
    state = _state_from_bytes(told)
    return path, Folder(
        state=state,
        key=key,
        entries=entries,
        folders=tuple(_parted(folders)),
        ignored=tuple(_parted(ignored)),
        count=_NUMBER.unpack(count)[0],
        rules=rules,
        digest=digest,
        doubtful=has_doubts(state, entries),
    )


def _state_to_bytes(state: DirectoryState | UnknownState) -> bytes:
    if isinstance(state, DirectoryState):
        return _DIRECTORY + _NUMBER.pack(state.mode)
    return _UNKNOWN + bytes_of(state.reason)


def _state_from_bytes(data: bytes) -> DirectoryState | UnknownState:
    if data[:1] == _DIRECTORY:
        return DirectoryState(_NUMBER.unpack(data[1:])[0])
    return UnknownState(text_of_bytes(data[1:]))


def _joined(texts: Sequence[bytes]) -> bytes:
    head = pack(f"<{len(texts) + 1}I", len(texts), *map(len, texts))
    return head + b"".join(texts)


def _parted(data: bytes) -> list[bytes]:
    (number,) = unpack_from("<I", data)
    lengths = unpack_from(f"<{number}I", data, 4)
    texts, place = [], 4 + 4 * number
    for length in lengths:
        texts.append(data[place : place + length])
        place += length
    if place != len(data):
        raise ValueError(f"{len(data)} bytes in the place of {place}")
    return texts
