"""Files of values beside a database: who watches them, and what a power cut makes of them.

``watch`` stands between the process and the disk, at the functions of ``os``, as ``vfs`` does for
SQLite; it cannot be taken out again. The files' events go into the film of the database's, so that
both are cut at the same moment.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaoskit.disk import Event, Fate, Recorder, content_of

SUFFIX = "-values"


def watch(recorder: Recorder, database: Path) -> None:
    """From now on, what this process does to the files of the database's values is recorded."""
    _Watch(recorder, f"{database.resolve()}{SUFFIX}").begin()


class _Watch:
    def __init__(self, recorder: Recorder, directory: str) -> None:
        self._recorder, self._directory = recorder, directory
        self._inodes: dict[str, int] = {}
        self._written: dict[int, bytes] = {}

    def begin(self) -> None:
        """The module's functions are what ``pathlib`` calls, too."""
        for name, act in (
            ("open", self._open),
            ("fsync", self._sync),
            ("replace", self._rename),
            ("rename", self._rename),
            ("unlink", self._remove),
            ("mkdir", self._make_directory),
            ("rmdir", self._remove),
        ):
            setattr(os, name, self._around(getattr(os, name), act))

    def _around(self, original: Any, act: Callable[..., None]) -> Callable[..., Any]:
        """``act`` is told when the operation has succeeded."""

        def call(*args: Any, **how: Any) -> Any:
            done = original(*args, **how)
            act(*args)
            return done

        return call

    def _open(self, path: Any, flags: int, *_: int) -> None:
        if flags & os.O_CREAT and self._is_within(path := _text(path)):
            self._inodes[path] = len(self._recorder.events) + 1
            self._tell("name", path)

    def _sync(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if path in {self._directory, _directory_of(self._directory)}:
            self._tell("sync directory", path)
        elif path in self._inodes:
            self._write(path)
            self._tell("sync", path)

    def _rename(self, source: Any, target: Any) -> None:
        source, target = _text(source), _text(target)
        if self._is_within(source):
            self._inodes[target] = self._inodes.pop(source)
            self._write(target)
            self._tell("name", target)
            self._tell("unname", source)

    def _remove(self, path: Any) -> None:
        if self._is_within(path := _text(path)):
            self._tell("unname", path)
            self._inodes.pop(path, None)

    def _make_directory(self, path: Any, *_: int) -> None:
        if _text(path) == self._directory:
            self._tell("name", self._directory)

    def _write(self, path: str) -> None:
        """What was written since is seen when the file is synced, or gets its name."""
        inode, content = self._inodes[path], Path(path).read_bytes()
        if self._written.get(inode) != content:
            self._written[inode] = content
            self._tell("write", path, content)

    def _tell(self, kind: str, path: str, data: bytes = b"") -> None:
        inode = self._inodes.get(path, 0)
        self._recorder.events.append(Event(kind, path, inode, 0, data))

    def _is_within(self, path: str) -> bool:
        return self._directory in {path, _directory_of(path)}


def _text(path: Any) -> str:
    """Links are followed in the directory only."""
    told = Path(os.fsdecode(path))
    return str(told.parent.resolve() / told.name)


def _directory_of(path: str) -> str:
    return str(Path(path).parent)


def values_after(events: Sequence[Event], fate: Fate) -> Mapping[str, bytes]:
    """The files of values after a power cut behind these events, by path.

    A name is on the disk once its directory was synced behind the change of it. All later changes
    of a name come in their order or not at all, and those of other names know nothing of them. No
    sync of a file tells anything of its name.
    """
    changes: dict[str, list[tuple[int, Event]]] = {}
    for at, event in enumerate(events):
        if event.kind in {"name", "unname"}:
            changes.setdefault(event.path, []).append((at, event))
    synced_at = {e.path: at for at, e in enumerate(events) if e.kind == "sync directory"}
    named = {
        path: last
        for path, chain in changes.items()
        if (last := _last(chain, synced_at.get(_directory_of(path), -1), fate))
    }
    return {
        path: content_of(event.inode, events, fate)
        for path, event in named.items()
        if event.inode and _directory_of(path) in named
    }


def _last(chain: Sequence[tuple[int, Event]], synced_at: int, fate: Fate) -> Event | None:
    """The change of a name that is the last on the disk; None if that was its end, or none is."""
    last: Event | None = None
    for at, event in chain:
        if at > synced_at and not fate(event):
            break
        last = event if event.kind == "name" else None
    return last
