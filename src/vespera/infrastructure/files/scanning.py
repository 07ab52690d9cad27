"""Walking over the workspace: what is in it now, reading only what is not known to be unchanged.

All of it blocks; call it in a thread. Directories are entered one from the other, by descriptors
and never through symbolic links, so that no exchange under the walk's feet leads outside.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event

from blake3 import blake3

from vespera.domain.errors import PathRefused
from vespera.domain.file_operation import Absent, DirectoryState, FileState, UnknownState
from vespera.domain.manifest import (
    IGNORED,
    ROOT,
    Folder,
    PathEntry,
    StatKey,
    canonical,
    has_doubts,
    is_watched,
    joined,
    pack_head,
    record_of,
)
from vespera.infrastructure.files.ignoring import RULE_FILES, Care, Rules, is_own
from vespera.infrastructure.files.looking import examine, unknown
from vespera.infrastructure.files.paths import decoded
from vespera.infrastructure.files.places import (
    Area,
    Place,
    names_in,
    read_excluded,
    read_rules,
)
from vespera.infrastructure.files.tree import NO_FOLLOW, hold_directory
from vespera.infrastructure.files.trust import Trust

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW
_HELD_OPEN = 100
"""Directories on the way down that are held open; of deeper trees the upper ones are closed."""

_TELL_AFTER = 500
_EXCHANGED = frozenset({errno.ENOTDIR, errno.ELOOP, errno.ESTALE})
NO_KEY = StatKey(0, 0, 0, 0, 0, 0)
UNSTABLE = UnknownState("unstable")
ELSEWHERE = UnknownState("another file system is mounted there")


class ScanStopped(Exception):
    """Nobody waits for the scan any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a walk needs to know.

    Attributes:
        previous: the folders of the manifest before, by path.
        rules: those of the settings.
        trust: in the file system.
        own: paths of the database's files, which nobody may touch.
        full: read every file, whatever its key.
        stop: set when nobody waits for the walk any more.
        tell: is told now and then how many files were looked at, and how many were read.
    """

    previous: Mapping[bytes, Folder]
    rules: Rules
    trust: Trust
    own: frozenset[bytes]
    full: bool
    stop: Event
    tell: Callable[[int, int], None]


class Walk:
    """One walk over the directory ``root``, which is held open."""

    def __init__(self, root: int, view: View) -> None:
        self._root, self._view = root, view
        self._device = os.fstat(root).st_dev
        self._places: list[Place] = []
        self._told = 0
        self.folders: dict[bytes, Folder] = {}
        self.seen = self.hashed = 0

    def run(self) -> Mapping[bytes, Folder]:
        """All folders, by path.

        Raises:
            ScanStopped: ``stop`` was set.
        """
        rules = self._view.rules.on(read_excluded(self._root))
        try:
            self._begin(ROOT, os.dup(self._root), Area.TRACKED, rules)
            while self._places:
                self._go_on(self._places[-1])
        finally:
            for place in self._places:
                place.close()
        return self.folders

    def _go_on(self, place: Place) -> None:
        """One directory further down, or back up."""
        if not place.todo:
            self._places.pop().close()
            return
        name = place.todo.pop()
        path = joined(place.path, name)
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=self._held(place))
        except FileNotFoundError:
            return
        except (OSError, PathRefused) as error:
            self._lost(path, _why(error))
        else:
            self._begin(path, descriptor, place.area.below(name, place.ignored), place.rules)

    def _begin(self, path: bytes, descriptor: int, area: Area, above: Rules) -> None:
        """Look at the names in a directory; the directories among them are left to do."""
        found = os.fstat(descriptor)
        place = Place(path, descriptor, found, area, above)
        self._places.append(place)
        if self._view.stop.is_set():
            raise ScanStopped
        if found.st_dev != self._device:
            self._lost(path, ELSEWHERE)
            return
        if len(self._places) > _HELD_OPEN:
            self._places[-_HELD_OPEN].close()
        try:
            self._look_into(place, descriptor)
        except OSError as error:
            self._lost(path, unknown(error))
        if self.seen - self._told >= _TELL_AFTER:
            self._told = self.seen
            self._view.tell(self.seen, self.hashed)

    def _look_into(self, place: Place, descriptor: int) -> None:
        previous = self._view.previous.get(place.path)
        is_same = previous is not None and not self._view.full and previous.key == place.key
        if place.area is Area.TRACKED:
            names: Sequence[bytes] = RULE_FILES
            if is_same and previous:
                there = previous.entries, previous.ignored  # rules may leave themselves out
                names = [name for name in RULE_FILES if any(name in one for one in there)]
            texts = [text for name in names if (text := read_rules(descriptor, name)) is not None]
            place.rules = place.rules.below(place.path, texts) if texts else place.rules
        if is_same and previous and place.fits(previous):
            folder = self._revisited(previous, descriptor)
        else:
            folder = self._listed(place, previous, descriptor)
        self.folders[place.path] = folder
        place.ignored = frozenset(folder.ignored)
        place.todo = list(folder.folders)

    def _revisited(self, previous: Folder, descriptor: int) -> Folder:
        """A directory that has the names it had: only those whose key is another are read."""
        other = list(_with_other_keys(previous.entries, descriptor))
        self.seen += len(previous.entries)
        if not other:
            return previous
        entries = dict(previous.entries)
        for name in other:
            record = self._examined(descriptor, name, watched=is_watched(entries[name]))
            if record is None:
                del entries[name]
            else:
                entries[name] = record
        return _one_of(previous, _with_entries(previous, entries, previous))

    def _listed(self, place: Place, previous: Folder | None, descriptor: int) -> Folder:
        """A directory whose names must be asked for."""
        known = previous.entries if previous else {}
        entries, folders, ignored, count = {}, [], [], 0
        for name, is_directory in names_in(descriptor):
            care = self._care_for(place, name, is_directory=is_directory)
            if care is Care.IGNORED and place.area is Area.TRACKED:
                ignored.append(name)
            if is_directory and care:
                folders.append(name)
            elif care is Care.IGNORED:
                count += 1
            elif care:
                record = self._looked_at(descriptor, name, known.get(name), care)
                if record is not None:
                    entries[name] = record
        folder = replace(
            self._empty(place),
            folders=tuple(sorted(folders)),
            ignored=tuple(sorted(ignored)),
            count=count,
        )
        return _one_of(previous, _with_entries(folder, entries, previous))

    def _care_for(self, place: Place, name: bytes, *, is_directory: bool) -> Care | None:
        """What is done with the name; None: nothing, and nobody is told of it."""
        path = joined(place.path, name)
        if is_own(name, at_root=not place.path) or path in self._view.own:
            return None
        return place.care_for(name, path, is_directory=is_directory)

    def _looked_at(
        self, descriptor: int, name: bytes, known: bytes | None, care: Care
    ) -> bytes | None:
        watched = care is Care.WATCHED
        self.seen += 1
        is_usable = known is not None and not self._view.full and is_watched(known) == watched
        if known and is_usable and not any(_with_other_keys({name: known}, descriptor)):
            return known
        return self._examined(descriptor, name, watched=watched)

    def _examined(self, descriptor: int, name: bytes, *, watched: bool) -> bytes | None:
        """The record of a name whose content is read; None if nothing is there any more."""
        state, found = examine(descriptor, name, self._view.stop)
        match state:
            case Absent():
                return None
            case DirectoryState():  # just now it was none
                state, found = UNSTABLE, None
            case FileState():
                self.hashed += 1
            case _:
                pass
        if found is None:
            return record_of(PathEntry(state, NO_KEY, watched=watched))
        trusted = self._view.trust.in_file(found.st_ctime_ns)
        return record_of(PathEntry(state, key_of(found), trusted, watched))

    def _empty(self, place: Place) -> Folder:
        """A folder of which the names are still to come."""
        trusted = self._view.trust.in_directory(place.found.st_ctime_ns)
        mode = stat.S_IMODE(place.found.st_mode)
        return Folder(
            state=DirectoryState(mode) if place.area is Area.TRACKED else IGNORED,
            key=place.key if trusted else b"",
            rules=place.rules.fingerprint,
        )

    def _lost(self, path: bytes, state: UnknownState) -> None:
        self.folders[path] = Folder(state=state, doubtful=True)

    def _held(self, place: Place) -> int:
        """The directory of the place, opened once more if it was closed meanwhile.

        Raises:
            OSError, PathRefused: it cannot be, or is another one now.
        """
        if place.descriptor is None:
            with hold_directory(self._root, decoded(place.path).split("/")) as held:
                if not os.path.samestat(os.fstat(held), place.found):
                    raise OSError(errno.ESTALE, "the directory was exchanged")
                place.descriptor = os.dup(held)
        return place.descriptor


def key_of(found: os.stat_result) -> StatKey:
    """The stat key of what was found."""
    times = found.st_mtime_ns, found.st_ctime_ns
    return StatKey(found.st_size, *times, found.st_ino, found.st_dev, found.st_mode)


def _with_other_keys(entries: Mapping[bytes, bytes], descriptor: int) -> Iterator[bytes]:
    """Those of the names whose keys are not those of their records any more. Here a scan of an
    unchanged workspace spends its time.
    """
    look, head = os.stat, pack_head
    for name, record in entries.items():
        try:
            s = look(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError:
            yield name
            continue
        key = head(1, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev, s.st_mode)
        if not record.startswith(key):
            yield name


def _with_entries(
    folder: Folder, entries: Mapping[bytes, bytes], previous: Folder | None
) -> Folder:
    """The folder with these entries; what they have in common with those before is shared."""
    if previous and previous.entries == entries:
        entries, digest = previous.entries, previous.digest
    else:
        digest = blake3(canonical(entries)).digest()
    doubtful = has_doubts(folder.state, entries)
    return replace(folder, entries=entries, digest=digest, doubtful=doubtful)


def _one_of(previous: Folder | None, folder: Folder) -> Folder:
    """The same object as before, if nothing is different."""
    if previous and previous.entries is folder.entries and _facts(previous) == _facts(folder):
        return previous
    return folder


def _facts(folder: Folder) -> tuple[object, ...]:
    names = folder.folders, folder.ignored
    return (folder.state, folder.key, *names, folder.count, folder.rules)


def _why(error: OSError | PathRefused) -> UnknownState:
    if isinstance(error, PathRefused) or error.errno in _EXCHANGED:
        return UNSTABLE
    return unknown(error)
