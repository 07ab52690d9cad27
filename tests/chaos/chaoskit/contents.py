"""The store of contents, killed before each operation on the disk; and power cuts at each of them.

The operating system's calls are watched in a process that does nothing else. What the store has
told by then is held against what the next process finds.
"""

import asyncio
import json
import os
import pickle
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from blake3 import blake3

from chaoskit import children
from vespera.domain.content import ContentSource
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.threads import Threads

MIB = 1024 * 1024
FATES = ("dropped", "kept", "torn", "torn anew")
CALLS = ("open", "write", "fsync", "rename", "unlink", "mkdir")
_SECTOR = 512


def noise(number: int, size: int) -> bytes:
    return blake3(b"%d" % number).digest(length=size)


def name_of(data: bytes) -> str:
    return f"b3:{blake3(data).hexdigest()}"


SMALL = [noise(number, 2000) for number in range(4)]
LARGE = [noise(10, MIB + 1000), noise(11, MIB)]
LATER = [noise(20, 3000), noise(21, MIB + 5)]
ALL = {name_of(data): data for data in (*SMALL, *LARGE, *LATER)}

Tell = Callable[..., None]


class PlainStore(PackedContents):
    """As it is."""


class Hasty(PackedContents):
    """Believes that the disk has what it was told: forgets to flush the names."""

    def _put(self, sources: Any, stop: Any) -> Any:
        self._directory.sync = lambda: None  # type: ignore[method-assign]
        return super()._put(sources, stop)


STORES: Mapping[str, type[PackedContents]] = {"right": PlainStore, "hasty": Hasty}


async def live(directory: Path, tell: Tell, kind: str = "right") -> None:
    """Put, put again, collect, purge, put; a new process for each but the second."""
    live_now = set(ALL)
    make = partial(_store, directory, live_now, kind)
    async with make() as store:
        await _put(store, tell, SMALL[:3] + LARGE)
        await _put(store, tell, [*SMALL[:1], *LATER])
    live_now -= {name_of(SMALL[1]), name_of(LARGE[0]), name_of(LATER[0])}
    async with make() as store:
        tell(what="goes", digests=sorted(set(ALL) - live_now))
        await store.gc()
        tell(what="gone", digests=sorted(set(ALL) - live_now))
    async with make() as store:
        doomed = [name_of(SMALL[0]), name_of(LARGE[1])]
        tell(what="goes", digests=doomed)
        await store.purge(doomed)
        tell(what="gone", digests=doomed)
        await _put(store, tell, [SMALL[3], SMALL[1]])


class _store:  # noqa: N801 -- used as a function
    def __init__(self, directory: Path, live_now: set[str], kind: str) -> None:
        self._threads = Threads()
        self._made = STORES[kind](
            directory / "contents",
            directory,
            self._threads,
            references=_References(live_now),
            clock=SystemClock(),
        )

    async def __aenter__(self) -> PackedContents:
        return self._made

    async def __aexit__(self, *error: object) -> None:
        await self._made.stop()
        self._threads.close()


class _References:
    def __init__(self, live_now: set[str]) -> None:
        self._live = live_now

    async def digests(self, since: object) -> set[str]:
        return self._live

    async def digests_by_path(self) -> list[tuple[str, str]]:
        return []


async def _put(store: PackedContents, tell: Tell, contents: Sequence[bytes]) -> None:
    tell(what="puts", digests=[name_of(data) for data in contents])
    results = await store.put([ContentSource("", data=data) for data in contents])
    assert all(result.kept for result in results)
    tell(what="put", digests=[result.digest for result in results])


async def complaints(directory: Path, facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was told and is not so."""
    there, gone = _promised(facts)
    said = []
    async with _store(directory, set(ALL), "right") as store:
        said += [f"damaged: {flaw.text}" for flaw in await store.check()]
        for digest in sorted(there):
            try:
                if await store.get(digest) != ALL[digest]:
                    said.append(f"{digest} is something else")
            except Exception as error:
                said.append(f"lost: {error}")
        for digest in sorted(gone):
            if await store.has([digest]) or _is_in_files(directory, ALL[digest]):
                said.append(f"{digest} is still there")
        await _put(store, lambda **_: None, list(ALL.values()))
        for digest, data in ALL.items():
            if await store.get(digest) != data:
                said.append(f"{digest} cannot be put again")
    left = [path.name for path in (directory / "contents").glob(".*")]
    return said + [f"left behind: {name}" for name in left]


def _promised(facts: Sequence[Mapping[str, Any]]) -> tuple[set[str], set[str]]:
    there: set[str] = set()
    gone: set[str] = set()
    for fact in facts:
        digests = set(fact["digests"])
        match fact["what"]:
            case "puts":
                gone -= digests
            case "put":
                there |= digests
            case "goes":
                there -= digests
            case _:
                gone |= digests
    return there, gone


def _is_in_files(directory: Path, data: bytes) -> bool:
    """Noise is stored as it is."""
    return any(data in path.read_bytes() for path in (directory / "contents").iterdir())


class Watch:
    """Tells ``before`` and ``after`` of each call that changes what is in a directory."""

    def __init__(self, directory: Path) -> None:
        self._root = str(directory)
        self.paths: dict[int, str] = {}
        self._real = {name: getattr(os, name) for name in (*CALLS, "close")}

    def before(self, call: str, path: str) -> None:
        """Something is about to happen."""

    def after(self, call: str, path: str, other: str, data: bytes) -> None:
        """Something has happened."""

    def install(self) -> None:
        os.open = self._open
        os.close = self._close
        for name in ("write", "fsync"):
            setattr(os, name, partial(self._on_descriptor, name))
        for name in ("rename", "unlink", "mkdir"):
            setattr(os, name, partial(self._on_path, name))

    def real(self, name: str) -> Any:
        return self._real[name]

    def _open(self, path: Any, flags: int, *more: Any, **named: Any) -> int:
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        is_ours = text.startswith(self._root)
        is_new = is_ours and bool(flags & os.O_CREAT) and not Path(text).exists()
        if is_new:
            self.before("open", text)
        descriptor: int = self._real["open"](path, flags, *more, **named)
        if is_ours:
            self.paths[descriptor] = text
        if is_new:
            self.after("open", text, "", b"")
        return descriptor

    def _close(self, descriptor: int) -> None:
        self.paths.pop(descriptor, None)
        self._real["close"](descriptor)

    def _on_descriptor(self, call: str, descriptor: int, *more: Any) -> Any:
        path = self.paths.get(descriptor)
        if path is None:
            return self._real[call](descriptor, *more)
        self.before(call, path)
        result = self._real[call](descriptor, *more)
        data = bytes(more[0])[:result] if more else b""
        self.after(call, path, "", data)
        return result

    def _on_path(self, call: str, path: Any, *more: Any, **named: Any) -> Any:
        text = os.fspath(path)
        if not text.startswith(self._root) or (call == "unlink" and not Path(text).exists()):
            return self._real[call](path, *more, **named)
        self.before(call, text)
        result = self._real[call](path, *more, **named)
        self.after(call, text, os.fspath(more[0]) if call == "rename" else "", b"")
        return result


class _Fatal(Watch):
    """Ends the process at the ``fatal``-th call (0: never)."""

    def __init__(self, directory: Path, fatal: int) -> None:
        super().__init__(directory)
        self._fatal = fatal
        self.names: list[str] = []

    def before(self, call: str, path: str) -> None:
        self.names.append(f"{call} {Path(path).suffix or Path(path).name[:5]}")
        if len(self.names) == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def kills(directory: str, *, points: int | None = None) -> dict[str, Any]:
    """Kill before all calls, or before ``points`` of them, evenly; look at what is left."""
    root = Path(directory)
    assert children.do(partial(_lived, root / "rehearsal", 0)) == 0
    names = json.loads((root / "rehearsal" / "names").read_text())
    wanted = min(len(names), points or len(names))
    said: list[str] = []
    hits = 0
    for number in range(wanted):
        fatal = 1 + number * len(names) // wanted
        place = root / str(fatal)
        hits += children.do(partial(_lived, place, fatal)) == -signal.SIGKILL
        said += [f"killed at {fatal} ({names[fatal - 1]}): {c}" for c in _judged(place)]
        shutil.rmtree(place)
    return {"points": hits, "calls": len(names), "complaints": said}


def _lived(place: Path, fatal: int) -> None:
    place.mkdir(parents=True)
    watch = _Fatal(place, fatal)
    facts = os.open(place / "facts", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def tell(**fact: object) -> None:
        watch.real("write")(facts, json.dumps(fact).encode() + b"\n")

    watch.install()
    asyncio.run(live(place, tell))
    (place / "names").write_text(json.dumps(watch.names))


def _judged(place: Path) -> list[str]:
    """The complaints, by another process: this one must stay without threads."""

    def judge() -> None:
        lines = (place / "facts").read_text().splitlines() if (place / "facts").exists() else []
        found = asyncio.run(complaints(place, [json.loads(line) for line in lines]))
        (place / "said").write_text(json.dumps(found))

    if children.do(judge) != 0:
        return ["the next process failed"]
    said: list[str] = json.loads((place / "said").read_text())
    return said


@dataclass(frozen=True, slots=True)
class Event:
    """A call, or (``told``) what the store has said."""

    call: str
    path: str = ""
    other: str = ""
    data: bytes = b""
    fact: Mapping[str, Any] = field(default_factory=dict)


class _Film(Watch):
    """Remembers everything."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.events: list[Event] = []

    def after(self, call: str, path: str, other: str, data: bytes) -> None:
        self.events.append(Event(call, path, other, data))


def power_cuts(
    directory: str, *, moments: int | None = None, kind: str = "right"
) -> dict[str, Any]:
    """Cut the power before all calls, or ``moments`` of them; try several fates of what was not
    flushed.
    """
    root = Path(directory)
    assert children.do(partial(_filmed, root / "film", kind)) == 0
    events: list[Event] = pickle.loads((root / "film" / "events").read_bytes())
    wanted = min(len(events) + 1, moments or len(events) + 1)
    said: list[str] = []
    for number in range(wanted):
        moment = number * len(events) // max(wanted - 1, 1)
        for fate in FATES:
            with tempfile.TemporaryDirectory() as place:
                put_disk(events[:moment], fate, root / "film", Path(place))
                facts = [e.fact for e in events[:moment] if e.call == "told"]
                (Path(place) / "facts").write_text("\n".join(map(json.dumps, facts)))
                said += [f"power cut at {moment}, {fate}: {c}" for c in _judged(Path(place))]
    return {"points": wanted * len(FATES), "events": len(events), "complaints": said}


def _filmed(place: Path, kind: str) -> None:
    place.mkdir(parents=True)
    film = _Film(place)
    film.install()
    asyncio.run(live(place, lambda **fact: film.events.append(Event("told", fact=fact)), kind))
    (place / "events").write_bytes(pickle.dumps(film.events))


def put_disk(events: Sequence[Event], fate: str, root: Path, place: Path) -> None:
    """Make the files that a disk would have after these events and a power cut."""
    chance = random.Random(f"{fate} {len(events)}")
    (place / "contents").mkdir()
    files = _contents(events, fate, chance)
    for path, number in _names(events, fate, chance, root / "contents").items():
        (place / "contents" / Path(path).name).write_bytes(files.get(number, b""))


def _contents(events: Sequence[Event], fate: str, chance: random.Random) -> dict[int, bytes]:
    """By the event that made the file: what was flushed, and of the rest what ``fate`` leaves."""
    made: dict[str, int] = {}
    whole: dict[int, bytearray] = {}
    safe: dict[int, int] = {}
    for at, event in enumerate(events):
        match event.call:
            case "open":
                made[event.path] = at
                whole[at] = bytearray()
            case "write":
                whole[made[event.path]] += event.data
            case "fsync" if event.path in made:
                safe[made[event.path]] = len(whole[made[event.path]])
            case "rename":
                made[event.other] = made.pop(event.path)
            case "unlink":
                made.pop(event.path)
    return {at: _left(data, safe.get(at, 0), fate, chance) for at, data in whole.items()}


def _left(data: bytearray, safe: int, fate: str, chance: random.Random) -> bytes:
    if fate == "kept":
        return bytes(data)
    if fate == "dropped":
        return bytes(data[:safe])
    for start in range(safe, len(data), _SECTOR):
        if chance.random() < 0.5:
            end = min(start + _SECTOR, len(data))
            data[start:end] = bytes(end - start)
    return bytes(data)


def _names(
    events: Sequence[Event], fate: str, chance: random.Random, directory: Path
) -> dict[str, int]:
    """Names are made durable by flushing their directory; others are there up to some moment."""
    changes = [(at, e) for at, e in enumerate(events) if e.call in {"open", "rename", "unlink"}]
    flushed = max(
        (at for at, e in enumerate(events) if e.call == "fsync" and e.path == str(directory)),
        default=-1,
    )
    later = [at for at, _ in changes if at > flushed]
    until = {"kept": len(events), "dropped": flushed}.get(fate)
    if until is None:
        until = chance.choice([flushed, *later])
    names: dict[str, int] = {}
    for at, event in _until(changes, until):
        match event.call:
            case "open":
                names[event.path] = at
            case "rename":
                names[event.other] = names.pop(event.path)
            case _:
                names.pop(event.path, None)
    return names


def _until(changes: Sequence[tuple[int, Event]], last: int) -> Iterator[tuple[int, Event]]:
    return ((at, event) for at, event in changes if at <= last)
