"""The power goes at any operation on the disk; what is left of the files, and who goes on there.

A stage is lived once, and all that went to the disk is remembered. So every moment of it can be
gone back to, and for every moment several fates be tried of what had not been synced.
"""

import asyncio
import pickle
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from chaoskit import beside, children, judge, vfs
from chaoskit.disk import (
    Disk,
    Event,
    Fate,
    Recorder,
    dropped,
    files_after,
    kept,
    only,
    placed_after,
    torn,
)
from chaoskit.life import ENGINES, Place
from chaoskit.stages import EXPECTED, STAGES, live, prepare

MOST_MOMENTS = 20
REMEMBERING = {"schedule", "purge"}
"""Stages that note in files of their own how far they are, which is not what the disk had then."""
BEFORE = 3
"""Events that stand for what is on the disk before the stage: made, written, synced."""
LATER = 7200.0
"""Seconds until the machine is up again: leases are over, owners of before are strangers."""
FATES = ("dropped", "kept", "log first", "log last", "torn", "torn anew")
FATES_OF_VALUES = ("values first", "values last")
_FRAME, _FRAME_HEADER, _LOG_HEADER = 24 + 4096, 24, 32


def sweep(
    directory: str,
    *,
    moments: int = MOST_MOMENTS,
    durability: str = "full",
    promised: str = "full",
    engine: str = "right",
    stages: Sequence[str] = tuple(stage for stage in STAGES if stage not in REMEMBERING),
    of: str = "",
) -> dict[str, Any]:
    """Cut the power at up to ``moments`` operations of each stage.

    ``durability`` is what the database is opened with, ``promised`` by what it is judged. ``of``:
    only operations on paths that hold this.
    """
    cases: dict[str, int] = {}
    complaints: list[str] = []
    for stage in stages:
        film = _Film(Path(directory) / stage, stage, durability, engine)
        cases[stage] = 0
        for moment in film.moments(moments, of):
            for fate in film.fates():
                case = _Case(film, moment, fate)
                said = case.complaints(promised)
                complaints += [f"{stage}, power cut at {moment}, {fate}: {what}" for what in said]
                cases[stage] += 1
    return {"points": sum(cases.values()), "stages": cases, "complaints": complaints}


def _fate(name: str, moment: int) -> Fate:
    fates: Mapping[str, Fate] = {
        "dropped": dropped,
        "kept": kept,
        "log first": only("-wal"),
        "log last": only(".db"),
        "values first": _values_only,
        "values last": lambda event: [] if _values_only(event) else [event],
    }
    return fates.get(name) or torn(f"{name} {moment}")


def _values_only(event: Event) -> list[Event]:
    return [event] if beside.SUFFIX in event.path else []


def disk_after(events: Sequence[Event], until: int, fate: Fate) -> Disk:
    """The disk after a power cut before ``events[until]``."""
    seen = events[:until]
    values = beside.values_after(seen, fate)
    return Disk(files_after(seen, fate), dict(placed_after(seen, fate)), values)


class _Film:
    """A stage, and all that went to the disk meanwhile."""

    def __init__(self, root: Path, stage: str, durability: str, engine: str) -> None:
        self.root, self.stage, self.durability = root, stage, durability
        self._kind, self.is_right = ENGINES[engine], engine == "right"
        place = Place(root / "lived")
        assert children.do(partial(prepare, stage, place)) == 0
        self._is_prepared = place.database.exists()
        assert children.do(partial(self._record, place.directory)) == 0
        self.events: list[Event] = pickle.loads((root / "film").read_bytes())
        self.states = set(self._states())

    def moments(self, most: int, of: str = "") -> Sequence[int]:
        """Moments at which to cut the power: all, or ``most`` of them, evenly; if they are to be
        ``of`` some files, right before something is done to one.
        """
        first = BEFORE if self._is_prepared else 0
        events = list(enumerate(self.events))[first:]
        at = [n for n, event in events if event.kind != "told" and of in event.path]
        at.append(len(self.events))
        most = min(most, len(at))
        return [at[number * (len(at) - 1) // max(most - 1, 1)] for number in range(most)]

    def fates(self) -> Sequence[str]:
        """What may have become of what was not synced."""
        has_values = any(_values_only(event) for event in self.events)
        return (*FATES, *FATES_OF_VALUES) if has_values else FATES

    def facts(self, moment: int) -> list[judge.Fact]:
        """What the engine had said by then."""
        return [event.fact for event in self.events[:moment] if event.kind == "told"]

    def _record(self, directory: Path) -> None:
        recorder = Recorder()
        database = directory / "work.db"
        if self._is_prepared:
            path = str(database.resolve())
            recorder.after("open", path)
            recorder.after("write", path, 0, database.read_bytes())
            recorder.after("sync", path)
        vfs.install(recorder)
        beside.watch(recorder, database)
        place = Place(
            directory, tell=recorder.tell, file=recorder.workspace, durability=self.durability
        )
        asyncio.run(live(self.stage, place, self._kind))
        (self.root / "film").write_bytes(pickle.dumps(recorder.events))

    def _states(self) -> Iterator[str]:
        """All states of the database that a reader could have seen, from commit to commit."""
        for moment in self._commits():
            with tempfile.TemporaryDirectory() as directory:
                disk_after(self.events, moment, kept).put(Path(directory) / "then")
                yield state_in(Path(directory) / "then")

    def _commits(self) -> Iterator[int]:
        yield 0
        ends_a_commit = False
        for number, event in enumerate(self.events):
            if ends_a_commit or event.kind in {"delete", "sync"}:
                yield number + 1
            ends_a_commit = _is_commit(event)
        yield len(self.events)


def _is_commit(event: Event) -> bool:
    """Whether this is the header of a frame with which a commit is in the log; its page follows."""
    if event.kind != "write" or not event.path.endswith("-wal"):
        return False
    is_header = len(event.data) == _FRAME_HEADER and event.place >= _LOG_HEADER
    return is_header and any(event.data[4:8]) and (event.place - _LOG_HEADER) % _FRAME == 0


def state_in(directory: Path) -> str:
    """What the database in the directory holds, in short. Nothing in the directory is changed."""
    with tempfile.TemporaryDirectory() as copy:
        for path in filter(Path.is_file, directory.glob("work.db*")):
            shutil.copy(path, copy)
        with closing(sqlite3.connect(f"{copy}/work.db")) as connection:
            return sha256(judge.state_of(connection).encode()).hexdigest()


class _Case:
    """One power cut, and what the disk made of it."""

    def __init__(self, film: _Film, moment: int, fate: str) -> None:
        self._film, self._moment = film, moment
        self._disk: Disk = disk_after(film.events, moment, _fate(fate, moment))

    def complaints(self, promised: str) -> list[str]:
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory) / "after"
            self._disk.put(place)
            facts = self._film.facts(self._moment) if promised == "full" else []
            said = judge.broken_promises(place, facts)
            if not said and state_in(place) not in self._film.states:
                said = ["the database is in a state in which it never was"]
            return said or (self._going_on(place, facts) if self._film.is_right else [])

    def _going_on(self, directory: Path, facts: list[judge.Fact]) -> list[str]:
        """The engine is started there again, and lives the stage to its end."""
        said = list(facts)
        place = Place(
            directory,
            tell=lambda **fact: said.append(fact),
            durability=self._film.durability,
            ahead=LATER,
        )
        asyncio.run(live(self._film.stage, place))
        return [
            *judge.broken_promises(directory, said),
            *judge.unfinished(directory, EXPECTED[self._film.stage]),
        ]
