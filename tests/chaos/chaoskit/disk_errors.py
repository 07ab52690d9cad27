"""The disk refuses any one operation, or is full for a while; the engine says so, and goes on when
the disk is well again: the same container, in the same process.
"""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chaoskit import children, judge, vfs
from chaoskit.life import ENGINES, ChaosContainer, Place, into_file
from chaoskit.stages import EXPECTED, STAGES, Hands, prepare, stage_set
from chaoskit.trouble import Trouble
from vespera import TaskOrchestrator
from vespera.application.ports.persistence import TaskRepository
from vespera.domain.errors import DatabaseFull, StorageError
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

KINDS = {"error": 1, "full": float("inf"), "short": float("inf")}
"""Each kind of trouble, and for how many operations it lasts unless the disk gets well."""
MOST_IN_STAGE = 20
AT_A_TIME = 5
LONGEST = 120
UNTIL_WELL = 0.25
"""Seconds for which a full disk is waited out, if nothing was raised before."""


def sweep(
    directory: str,
    *,
    operations: int = MOST_IN_STAGE,
    stages: Sequence[str] = tuple(STAGES),
    kinds: Sequence[str] = tuple(KINDS),
    engine: str = "right",
) -> dict[str, Any]:
    """Fail at up to ``operations`` of the operations on the disk, for each stage and kind."""
    cases: Counter[str] = Counter()
    raised: Counter[str] = Counter()
    complaints: list[str] = []
    for stage in stages:
        for kind in kinds:
            ordeal = _Ordeal(Path(directory) / stage / kind, stage, kind, engine)
            for first, said in ordeal.results(ordeal.operations(operations), raised):
                complaints += [f"{stage}, {kind} at {ordeal.named(first)}: {what}" for what in said]
                cases[stage] += 1
    return {
        "points": cases.total(),
        "stages": cases,
        "raised": raised,
        "complaints": complaints,
    }


class _Ordeal:
    def __init__(self, root: Path, stage: str, kind: str, engine: str) -> None:
        self._root, self._stage, self._kind = root, stage, kind
        self._engine = ENGINES[engine]
        assert children.do(partial(prepare, stage, Place(root / "before"))) == 0
        rehearsal = self._fresh("rehearsal")
        assert children.do(partial(self._live, rehearsal, 0)) == 0
        self._names: list[str] = json.loads((rehearsal / "names").read_text())

    def operations(self, most: int) -> Sequence[int]:
        count = len(self._names)
        most = min(most, count)
        return [1 + number * count // most for number in range(most)]

    def named(self, number: int) -> str:
        return f"{number} ({self._names[number - 1]})"

    def results(
        self, operations: Sequence[int], raised: "Counter[str]"
    ) -> Iterator[tuple[int, list[str]]]:
        """What is to be complained of, if the disk fails at each of these operations.

        Several processes at a time: they wait most of the time, for leases and for the disk.
        """
        for start in range(0, len(operations), AT_A_TIME):
            crowd = {
                first: children.begin(
                    partial(self._live, self._fresh(str(first)), first), seconds=LONGEST
                )
                for first in operations[start : start + AT_A_TIME]
            }
            for first, child in crowd.items():
                yield first, self._verdict(self._root / str(first), children.ended(child), raised)

    def _verdict(self, directory: Path, survived: int, raised: "Counter[str]") -> list[str]:
        report = directory / "raised"
        if survived != 0 or not report.exists():
            return [f"the process ended with {survived}"]
        errors = json.loads(report.read_text())
        raised.update(error["kind"] for error in errors)
        said = [
            *(f"raised {error}" for error in errors if not error["expected"]),
            *judge.broken_promises(directory, judge.facts_of(directory)),
            *judge.unfinished(directory, EXPECTED[self._stage]),
            *judge.unaccounted(directory),
        ]
        if not said:
            shutil.rmtree(directory)
        return said

    def _fresh(self, name: str) -> Path:
        directory = self._root / name
        shutil.copytree(self._root / "before", directory)
        return directory

    def _live(self, directory: Path, first: int) -> None:
        trouble = Trouble(kind=self._kind, first=first, lasting=KINDS[self._kind])
        vfs.install(trouble)
        place = Place(directory, tell=into_file(directory / "facts"), lease_seconds=10.0)
        errors = asyncio.run(self._through(place, trouble))
        (directory / "names").write_text(json.dumps(trouble.names))
        told = [
            {"kind": type(e).__name__, "said": str(e), "expected": self._is_expected(e)}
            for e in errors
        ]
        (directory / "raised").write_text(json.dumps(told))

    def _is_expected(self, error: BaseException) -> bool:
        return isinstance(error, StorageError if self._kind == "error" else DatabaseFull)

    async def _through(self, place: Place, trouble: Trouble) -> list[BaseException]:
        """All errors that came to a caller, while the disk was ill and afterwards."""
        container = stage_set(self._stage, place, self._engine)
        hands = Hands(place, container)
        life = asyncio.create_task(self._stage_once(container, hands))
        while not (trouble.hits or life.done()):  # however slow the machine is
            await asyncio.wait([life], timeout=0.01)
        await asyncio.wait([life], timeout=UNTIL_WELL)
        errors: list[BaseException] = await self._reading(container) if trouble.hits else []
        trouble.heal()
        if error := await _outcome(life):
            errors.append(error)
            if error := await _outcome(asyncio.create_task(self._stage_once(container, hands))):
                errors.append(AssertionError(f"the disk was well again: {error!r}"))
        await container.cleanup_async_services()
        return errors

    async def _stage_once(self, container: ChaosContainer, hands: Hands) -> None:
        await container.initialize_async_services()
        hands.offer_to(container)
        await STAGES[self._stage](hands, container.get(TaskOrchestrator))

    async def _reading(self, container: ChaosContainer) -> list[BaseException]:
        """Reads go on where the disk is full."""
        if self._kind == "error" or not container.get(AsyncDatabaseManager).started:
            return []
        reading = asyncio.create_task(container.get(TaskRepository).count_by_status())
        error = await _outcome(reading)
        return [AssertionError(f"cannot be read: {error!r}")] if error else []


async def _outcome(task: "asyncio.Task[Any]") -> BaseException | None:
    await asyncio.wait([task])
    return task.exception()
