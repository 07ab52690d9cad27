"""What is different between two manifests, and what cannot be known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vespera.domain.file_operation import Absent, FileState, PathState, UnknownState
from vespera.domain.manifest import (
    GIT,
    IGNORED,
    Folder,
    Manifest,
    is_unknown,
    joined,
    state_at,
    text_of_bytes,
    told_path,
)


class ChangeKind(StrEnum):
    """What became of a path. ``UNKNOWN``: one of its two states is not known, so that it can
    neither be called changed nor unchanged.
    """

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Change:
    """A path that has another state than before, or may have."""

    path: str
    before: PathState
    after: PathState

    @property
    def kind(self) -> ChangeKind:
        """What became of the path."""
        if isinstance(self.before, UnknownState) or isinstance(self.after, UnknownState):
            return ChangeKind.UNKNOWN
        if isinstance(self.before, Absent):
            return ChangeKind.ADDED
        return ChangeKind.REMOVED if isinstance(self.after, Absent) else ChangeKind.MODIFIED


@dataclass(frozen=True, slots=True)
class Rename:
    """A file that went, and one of the same content that came: perhaps the same."""

    source: str
    destination: str


def changes(before: Manifest, after: Manifest) -> Sequence[Change]:
    """Every path whose states differ or are not known, in the order of paths (as bytes).

    What is, or was, left out by the rules on both sides, or on one and absent on the other, is no
    change. What belongs to git is told by ``repository_changes``.
    """
    found = []
    for path in sorted(_candidates(before.folders, after.folders)):
        change = _change(before, after, path)
        if change and not _belongs_to_git(path):
            found.append(change)
    return found


def renames(found: Iterable[Change]) -> Sequence[Rename]:
    """Removed and added files of the same content, in pairs; for information only: nobody can
    tell from two manifests that a file was renamed. Empty files are left out.
    """
    gone: dict[str, list[str]] = {}
    came: dict[str, list[str]] = {}
    for change in found:
        match change:
            case Change(path, FileState(digest, size), Absent()) if size:
                gone.setdefault(digest, []).append(path)
            case Change(path, Absent(), FileState(digest, size)) if size:
                came.setdefault(digest, []).append(path)
            case _:
                pass
    pairs = (zip(gone[digest], came[digest], strict=False) for digest in gone.keys() & came.keys())
    return sorted((Rename(*pair) for each in pairs for pair in each), key=lambda r: r.source)


def repository_changes(before: Manifest, after: Manifest) -> Sequence[str]:
    """A line for each part of a git repository that is not as it was: HEAD, refs, index. Its other
    files are nobody's business.
    """
    parts = set()
    for path in _candidates(before.folders, after.folders):
        if _belongs_to_git(path) and _change(before, after, path):
            parts.add(_part_of_git(path))
    return [_told(where, part) for where, part in sorted(parts)]


def _change(before: Manifest, after: Manifest, path: bytes) -> Change | None:
    old, new = state_at(before.folders, path), state_at(after.folders, path)
    if old == new and not isinstance(old, UnknownState):
        return None
    if {old, new} <= {IGNORED, Absent()}:
        return None
    return Change(told_path(path), old, new)


def _candidates(before: Mapping[bytes, Folder], after: Mapping[bytes, Folder]) -> Iterator[bytes]:
    """The paths that may have changed, each once at least; all others have not."""
    found = set[bytes]()
    for path in before.keys() | after.keys():
        old, new = before.get(path), after.get(path)
        if old is new and old is not None and not old.doubtful:
            continue
        found.update(_of_folder(path, old, new))
    return iter(found)


def _of_folder(path: bytes, old: Folder | None, new: Folder | None) -> Iterator[bytes]:
    yield path
    old_entries = old.entries if old else {}
    new_entries = new.entries if new else {}
    for name, record in old_entries.items():
        if new_entries.get(name) != record or is_unknown(record):
            yield joined(path, name)
    for name in new_entries.keys() - old_entries.keys():
        yield joined(path, name)
    for name in set(old.ignored if old else ()) ^ set(new.ignored if new else ()):
        yield joined(path, name)


def _belongs_to_git(path: bytes) -> bool:
    return GIT in path.split(b"/")


def _part_of_git(path: bytes) -> tuple[bytes, str]:
    names = path.split(b"/")
    place = names.index(GIT)
    inside = names[place + 1 :]
    if not inside:
        return b"/".join(names[:place]), ""
    part = {b"HEAD": "HEAD", b"index": "index"}.get(inside[0], "refs")
    return b"/".join(names[:place]), part


def _told(where: bytes, part: str) -> str:
    named = f"{text_of_bytes(where)}: the git repository" if where else "the git repository"
    return f"{named}'s {part} changed" if part else f"{named} appeared, went, or was exchanged"
