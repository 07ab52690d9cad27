"""A use case cancelled at its first suspension, at its second, ... and what is wrong then."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from chaoskit import judge
from chaoskit.life import ChaosContainer, Place, container_at
from chaoskit.stages import Hands
from chaoskit.suspensions import End, cancelled_at
from vespera import TaskOrchestrator
from vespera.application.runtime.engine import Engine
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

TURNS = 100
PATIENCE = 30
ENDED = {"completed", "failed", "cancelled", "executed", "assigned"}


class Stage:
    """A container, and use cases for whom nobody has done anything yet."""

    def __init__(self, directory: Path, kind: type[ChaosContainer] = ChaosContainer) -> None:
        self.place = Place(directory, lease_seconds=5.0)
        self.container = container_at(self.place, kind)
        self.hands = Hands(self.place, self.container)

    @property
    def orchestrator(self) -> TaskOrchestrator:
        """The present one; a container that was stopped makes its parts anew."""
        return self.container.get(TaskOrchestrator)

    def request(self, name: str, specialist_type: str = "worker", **more: Any) -> dict[str, object]:
        return self.hands.request(name, specialist_type, **more)

    async def created(self, name: str, specialist_type: str = "worker", **more: Any) -> None:
        await self.orchestrator.create_task(self.request(name, specialist_type, **more))

    def rows(self, query: str, *values: object) -> list[Any]:
        """What is in the database."""
        with closing(sqlite3.connect(self.place.database)) as connection:
            return connection.execute(query, values).fetchall()

    def stands(self) -> dict[str, str]:
        """Every task and its status."""
        return dict(self.rows("SELECT id, status FROM tasks"))

    def complaints(self) -> list[str]:
        return judge.broken_promises(self.place.directory, [])

    async def settled(self) -> None:
        """When nothing is under way any more; what the worker has begun goes on by itself."""
        database, engine = self.container.get(AsyncDatabaseManager), self.container.get(Engine)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        while database.in_flight or engine.running:
            await asyncio.sleep(0)


UseCase = Callable[[Stage, str], Awaitable[None]]
Effect = Callable[[Stage, str], bool]
"""Whether what the use case was to store is there."""


async def swept(
    stage: Stage,
    use_case: UseCase,
    prepare: UseCase,
    again: Collection[int] = (0,),
    *,
    late: bool = False,
    telling: Effect | None = None,
    reads_on: bool = False,
    together: int | None = None,
    after: UseCase | None = None,
) -> tuple[int, list[str]]:
    """Cancel at the first suspension, at the second, ... until it ends before that; the number of
    suspensions, and the complaints.

    Args:
        again: how many suspensions behind the first one it is cancelled, again and again.
        late: cancel when what it waits for has come.
        telling: if it is one commit, whose outcome a cancellation tells: whether it was done.
        reads_on: it goes on to read behind its commit, and is told nothing if cancelled there.
        together: how many tasks are stored in one transaction, or none of them is.
        after: what a caller who gave up has to do, before nothing is under way any more.
    """
    points, complaints = 0, []
    before = asyncio.all_tasks()
    while True:
        name = f"{use_case.__name__} {points + 1}"
        await prepare(stage, name)
        at = {points + 1 + n for n in again}
        end = await cancelled_at(use_case(stage, name), at, late=late)
        if after is not None:
            await after(stage, name)
        await stage.settled()
        if end.suspensions <= points:
            assert end.error is None, end
            break
        points += 1
        said = verdict(stage, name, end, together)
        if telling is not None and not (reads_on and end.outcome is None):
            said = [*said, *lies(end, is_there=telling(stage, name))]
        complaints += [f"{name}: {what}" for what in said]
        left = asyncio.all_tasks() - before
        if left:  # on their way out, unless they are left for good
            _, left = await asyncio.wait(left, timeout=PATIENCE)
        complaints += [f"{name}: {task} is left" for task in left]
    print(f"\n{use_case.__name__}: {points} suspensions")
    return points, complaints


def verdict(stage: Stage, name: str, end: End, together: int | None) -> Iterator[str]:
    """What is wrong after one cancellation."""
    if not end.cancelled:
        yield f"the cancellation was swallowed: {end}"
    yield from stage.complaints()
    mine = [task for task in stage.stands() if task == name or task.startswith(f"{name} ")]
    if len(mine) not in {0, len(mine) if together is None else together}:
        yield f"half-written: {mine}"


def lies(end: End, *, is_there: bool) -> Iterator[str]:
    """What a cancellation says of a commit that is not so. Without an outcome there was none."""
    if end.outcome != "unknown" and is_there != (end.outcome == "committed"):
        yield f"said {end.outcome}, and it is {'' if is_there else 'not '}there"


async def unfinished(stage: Stage) -> Mapping[str, str]:
    """The tasks that are not over when the engine has done all that it can."""
    await stage.orchestrator.run_until_idle()
    return {task: status for task, status in stage.stands().items() if status not in ENDED}
