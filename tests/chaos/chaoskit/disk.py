"""What a disk would hold after a power cut.

``Recorder`` remembers, in their order, all operations on the database's files, and what the
engine said meanwhile (``tell``). If the power goes behind some of these events, what was synced is
there; of the rest, a ``Fate`` decides.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Event:
    """``kind``: create, write, truncate, sync, delete; told; placing and placed, of a file in the
    workspace; name, unname and sync directory, of what lies beside the database. ``inode`` tells a
    file from another that had the same name before it.
    """

    kind: str
    path: str
    inode: int = 0
    place: int = 0
    data: bytes = b""
    fact: Mapping[str, object] = field(default_factory=dict)


class Recorder:
    """Watches a VFS; see ``vfs.Watcher``."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._inodes: dict[str, int] = {}

    def before(self, operation: str, path: str, data: bytes = b"") -> int:
        return 0

    def after(self, operation: str, path: str, place: int = 0, data: bytes = b"") -> None:
        if operation == "open" and path not in self._inodes:
            self._inodes[path] = len(self.events) + 1
            self.events.append(Event("create", path, self._inodes[path]))
        elif operation == "delete":
            self.events.append(Event("delete", path, self._inodes.pop(path), place))
        elif operation in {"write", "truncate", "sync"}:
            self.events.append(Event(operation, path, self._inodes[path], place, data))

    def tell(self, **fact: object) -> None:
        """The engine has said so to its caller: from now on it is a promise."""
        self.events.append(Event("told", "", fact=fact))

    def workspace(self, kind: str, path: str, data: bytes | None) -> None:
        """A file of the workspace is about to be put there ("placing"), or has been ("placed").

        ``data`` None: removed.
        """
        self.events.append(Event(kind, path, place=data is None, data=data or b""))


Fate = Callable[[Event], "list[Event]"]
"""What becomes of a write or truncation that was not synced: the parts of it that remain."""


def dropped(_event: Event) -> list[Event]:
    """Nothing that was not synced is there."""
    return []


def kept(event: Event) -> list[Event]:
    """The power cut came late: all of it is there."""
    return [event]


def only(suffix: str) -> Fate:
    """The files were written back in another order: of some all is there, of the others nothing."""

    def fate(event: Event) -> list[Event]:
        return [event] if event.path.endswith(suffix) else []

    return fate


def torn(seed: object) -> Fate:
    """Each sector for itself is there or is not."""
    chance = random.Random(str(seed))

    def fate(event: Event) -> list[Event]:
        if event.kind != "write":
            return [event] if chance.random() < 0.5 else []
        pieces = range(0, len(event.data), SECTOR)
        return [
            Event(
                "write",
                event.path,
                event.inode,
                event.place + start,
                event.data[start : start + SECTOR],
            )
            for start in pieces
            if chance.random() < 0.5
        ]

    return fate


@dataclass(frozen=True, slots=True)
class Disk:
    """The files of the database, of its values, and those of the workspace, by path."""

    files: Mapping[str, bytes]
    workspace: Mapping[str, bytes]
    values: Mapping[str, bytes]

    def put(self, directory: Path) -> None:
        """Make these files, under their names, in ``directory`` (and ``workspace`` in it)."""
        directory.mkdir(parents=True)
        for path, data in self.files.items():
            (directory / Path(path).name).write_bytes(data)
        for path, data in self.values.items():
            target = directory / Path(path).parent.name / Path(path).name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
        (directory / "workspace").mkdir()
        for path, data in self.workspace.items():
            target = directory / "workspace" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def files_after(events: Sequence[Event], fate: Fate) -> Mapping[str, bytes]:
    """The files of the database after a power cut behind these events, by path."""
    synced_at = {event.inode: at for at, event in enumerate(events) if event.kind == "sync"}
    names = _names(events, synced_at, fate)
    return {path: content_of(inode, events, fate) for path, inode in names.items()}


def content_of(inode: int, events: Sequence[Event], fate: Fate) -> bytes:
    """What is in the file: what was synced, and of the rest what ``fate`` has left."""
    own = [event for event in events if event.inode == inode]
    synced = max((at for at, event in enumerate(own) if event.kind == "sync"), default=-1)
    content = bytearray()
    for at, event in enumerate(own):
        for part in _remaining(event, at < synced, fate):
            _apply(content, part)
    return bytes(content)


def _remaining(event: Event, is_synced: bool, fate: Fate) -> list[Event]:
    if event.kind not in {"write", "truncate"}:
        return []
    return [event] if is_synced else fate(event)


def _apply(content: bytearray, event: Event) -> None:
    if event.kind == "truncate":
        del content[event.place :]
        return
    content.extend(bytes(max(event.place - len(content), 0)))
    content[event.place : event.place + len(event.data)] = event.data


def _names(events: Sequence[Event], synced_at: Mapping[int, int], fate: Fate) -> Mapping[str, int]:
    """Which names there are. A directory keeps the order of what is done to it: if a change is
    there, all before it are; a file that was synced has its name, as SQLite sees to.
    """
    changes = [(at, e) for at, e in enumerate(events) if e.kind in {"create", "delete"}]
    durable = max((at for at, event in changes if _is_durable(event, synced_at)), default=-1)
    names: dict[str, int] = {}
    for at, event in changes:
        if at > durable and not fate(event):
            break
        if event.kind == "create":
            names[event.path] = event.inode
        else:
            names.pop(event.path, None)
    return names


def _is_durable(event: Event, synced_at: Mapping[int, int]) -> bool:
    if event.kind == "create":
        return event.inode in synced_at
    return bool(event.place)  # SQLite asked for the directory to be synced


def placed_after(events: Sequence[Event], fate: Fate) -> Iterator[tuple[str, bytes]]:
    """What the workspace holds: a file under way is there whole, or not at all."""
    files: dict[str, bytes] = {}
    for at, event in enumerate(events):
        is_done = event.kind == "placing" and any(
            later.kind == "placed" and later.path == event.path for later in events[at:]
        )
        if event.kind == "placing" and (is_done or fate(event)):
            if event.place:
                files.pop(event.path, None)
            else:
                files[event.path] = event.data
    yield from files.items()
