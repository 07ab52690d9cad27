"""SIGKILL at every named place of every stage; then the next life, and what came of it."""

import asyncio
import json
import random
import shutil
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from chaoskit import children, judge, vfs
from chaoskit.life import ENGINES, Place, into_file
from chaoskit.points import Points
from chaoskit.stages import EXPECTED, STAGES, live, prepare

MOST_IN_STAGE = 60


@dataclass(slots=True)
class Tally:
    """What a sweep has seen."""

    points: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    complaints: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "points": self.points,
            "stages": self.stages,
            "doubled": self.doubled,
            "complaints": self.complaints,
            "recovery_median": statistics.median(self.recoveries or [0]),
            "recovery_longest": max(self.recoveries, default=0),
        }


def sweep(
    directory: str,
    *,
    points: int | None = None,
    kills: int = 1,
    engine: str = "right",
    durability: str = "full",
    stages: Sequence[str] = tuple(STAGES),
) -> dict[str, Any]:
    """Kill at all places, or at ``points`` of them, as many in each stage.

    There are thousands of places in the stage of large payloads, one much like the other; at most
    ``MOST_IN_STAGE`` of a stage are tried.

    ``kills``: 2 kills the life after the first one, too, at a place drawn at random.
    """
    tally = Tally()
    grounds = {stage: _Ground(Path(directory), stage, engine, durability) for stage in stages}
    most = MOST_IN_STAGE if points is None else points // len(grounds)
    for stage, ground in grounds.items():
        tally.stages[stage] = 0
        for fatal in _spread(len(ground.names), most):
            if ground.kill_at(fatal, kills, tally):
                tally.stages[stage] += 1
                tally.points += 1
    return tally.as_json()


def _spread(count: int, wanted: int) -> Iterator[int]:
    """``wanted`` of the numbers from 1 to ``count``, evenly."""
    wanted = min(count, wanted)
    return (1 + number * count // wanted for number in range(wanted))


class _Ground:
    """One stage, prepared once and then lived again and again."""

    def __init__(self, directory: Path, stage: str, engine: str, durability: str) -> None:
        self._stage, self._kind = stage, ENGINES[engine]
        self._root, self._durability = directory / stage, durability
        self._before = self._root / "before"
        assert children.do(partial(prepare, stage, Place(self._before))) == 0
        rehearsal = self._fresh("rehearsal")
        assert children.do(partial(self._live, rehearsal, 0)) == 0
        self.names = json.loads((rehearsal / "names").read_text())

    def kill_at(self, fatal: int, kills: int, tally: Tally) -> bool:
        """Whether it was killed there, as often as it was to be; what then came of it goes to the
        tally.
        """
        directory = self._fresh(str(fatal))
        died = children.do(partial(self._live, directory, fatal))
        if died != -signal.SIGKILL:  # this life passed fewer places than the rehearsal did
            told = f"{self._stage}, not killed {self._named(fatal)}: it ended with {died}"
            tally.complaints += [told] if died else []
            return False
        hits = 1
        if kills > 1:
            again = random.Random(fatal).randint(1, len(self.names))
            second = children.do(partial(self._live, directory, again))
            hits += second == -signal.SIGKILL
        where = f"{self._stage}, killed {hits} x first {self._named(fatal)}"
        said = judge.broken_promises(directory, judge.facts_of(directory))
        begun = time.perf_counter()
        survived = children.do(partial(self._live, directory, 0))
        tally.recoveries.append(time.perf_counter() - begun)
        said += self._verdict(directory, survived, hits)
        tally.complaints += [f"{where}: {complaint}" for complaint in said]
        tally.doubled += judge.doubled(directory)
        if not said:
            shutil.rmtree(directory)
        return hits >= kills

    def _verdict(self, directory: Path, survived: int, hits: int) -> list[str]:
        if survived != 0:
            return [f"the next life ended with {survived}"]
        again = judge.most_doubled(directory)
        return [
            *judge.broken_promises(directory, judge.facts_of(directory)),
            *judge.unfinished(directory, EXPECTED[self._stage]),
            *judge.unaccounted(directory),
            *judge.not_undone(directory),
            *([f"{again} effects of a task doubled by {hits} kills"] if again > hits else []),
        ]

    def _named(self, fatal: int) -> str:
        return f"at {fatal} ({self.names[fatal - 1] if fatal <= len(self.names) else '?'})"

    def _fresh(self, name: str) -> Path:
        directory = self._root / name
        shutil.copytree(self._before, directory)
        return directory

    def _live(self, directory: Path, fatal: int) -> None:
        points = Points(fatal)
        vfs.install(points)
        place = Place(
            directory,
            tell=into_file(directory / "facts"),
            reach=points.reach,
            durability=self._durability,
        )
        asyncio.run(live(self._stage, place, self._kind))
        (directory / "names").write_text(json.dumps(points.names))
