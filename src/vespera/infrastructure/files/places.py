"""The directories that a scan comes through, and what it does with the names in each."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from vespera.domain.errors import PathRefused
from vespera.domain.manifest import GIT, IGNORED, Folder, pack_head
from vespera.infrastructure.files.ignoring import LARGEST_RULE_FILE, Care, Rules
from vespera.infrastructure.files.tree import NO_FOLLOW, hold_directory

_READ = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
_OF_GIT = frozenset({b"HEAD", b"index", b"packed-refs"})
_REFS = b"refs"


class Area(Enum):
    """What kind of directory it is: one that is tracked; one that is left out, where files are
    counted, and watched if they are to be; the inside of a git repository, where only HEAD, index
    and refs are looked at; its refs.
    """

    TRACKED = "tracked"
    IGNORED = "ignored"
    GIT = "git"
    REFS = "refs"

    def below(self, name: bytes, ignored: frozenset[bytes]) -> "Area":
        """The area of the directory ``name`` in it; ``ignored`` are left out there."""
        match self:
            case Area.TRACKED if name not in ignored:
                return Area.TRACKED
            case Area.TRACKED:
                return Area.GIT if name == GIT else Area.IGNORED
            case Area.IGNORED:
                return Area.IGNORED
            case _:
                return Area.REFS


@dataclass(slots=True)
class Place:
    """A directory that the walk is in. ``descriptor`` is None when it was closed to save one;
    ``ignored`` and ``todo`` are known when its names are.
    """

    path: bytes
    descriptor: int | None
    found: os.stat_result
    area: Area
    rules: Rules
    key: bytes = b""
    ignored: frozenset[bytes] = frozenset()
    todo: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        s = self.found
        stamps = s.st_mtime_ns, s.st_ctime_ns
        self.key = pack_head(1, s.st_size, *stamps, s.st_ino, s.st_dev, s.st_mode)

    def fits(self, previous: Folder) -> bool:
        """Whether its names were sorted then as they would be now."""
        was_tracked = previous.state != IGNORED
        return was_tracked == (self.area is Area.TRACKED) and (
            previous.rules == self.rules.fingerprint
        )

    def care_for(self, name: bytes, path: bytes, *, is_directory: bool) -> Care | None:
        """What is done with a name in it, of this path; None: nothing."""
        match self.area:
            case Area.TRACKED if name == GIT:
                return Care.IGNORED if is_directory else Care.WATCHED
            case Area.GIT:
                return Care.WATCHED if _is_told(name, is_directory=is_directory) else None
            case Area.REFS:
                return Care.WATCHED
            case _:
                inside = self.area is Area.IGNORED
                return self.rules.care_for(path, is_directory=is_directory, inside_ignored=inside)

    def close(self) -> None:
        """Let go of the directory."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def names_in(directory: int) -> Iterator[tuple[bytes, bool]]:
    """The names in a directory, and whether they are directories."""
    with os.scandir(directory) as found:
        for entry in found:
            yield os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)


def read_rules(directory: int, name: bytes) -> bytes | None:
    """The text of a rule file; None if there is none, or one that cannot be read."""
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_RULE_FILE:
            return None
        return os.read(descriptor, LARGEST_RULE_FILE)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_excluded(root: int) -> bytes:
    """The text of ``.git/info/exclude``; empty if there is none."""
    try:
        with hold_directory(root, [".git", "info"]) as directory:
            return read_rules(directory, b"exclude") or b""
    except (OSError, PathRefused):
        return b""


def _is_told(name: bytes, *, is_directory: bool) -> bool:
    return name == _REFS if is_directory else name in _OF_GIT
