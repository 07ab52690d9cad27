"""Several processes of ``vespera worker`` on one file, killed and stopped at random, until all is
done.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chaoskit import children, judge
from chaoskit.life import SPEED, HurriedClock, Place, append, into_file
from vespera import Container, TaskContext, TaskOrchestrator, providers
from vespera.domain.errors import LeaseLost
from vespera.domain.step import Fence, StepRecord
from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.statements import Write
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.tables import steps
from vespera.interfaces.cli.failures import Interrupted
from vespera.interfaces.cli.work_display import display_of
from vespera.interfaces.cli.working import WorkOrder, work

LEASE = 50.0
"""In hurried seconds."""
STEPS = ("first", "second", "third")
BATCH = 500
CONCURRENCY = 4


class FencelessSteps(SqlStepRepository):
    """A planted bug: whoever comes last has the last word, whoever holds the task."""

    async def record(self, step: StepRecord, fence: Fence, *, lease_until: Any = None) -> None:
        values = [getattr(step, name) for name in _COLUMNS]
        values[_COLUMNS.index("recorded_at")] = 0
        await self._database.commit([Write(_OVERWRITE, values)])


_COLUMNS = tuple(steps.c.keys())
_OVERWRITE = compiled(sa.insert(steps).prefix_with("OR REPLACE"), *_COLUMNS)


class WorkerContainer(Container):
    """A worker of the swarm."""

    clock = providers.Singleton(HurriedClock)


class FencelessContainer(WorkerContainer):
    """A worker with that bug in it."""

    steps = providers.Singleton(FencelessSteps, Container.database)


ENGINES = {"right": WorkerContainer, "fenceless": FencelessContainer}


def swarm(
    directory: str,
    *,
    workers: int = 2,
    tasks: int = 300,
    every: float = 0.15,
    pause: float = 0.0,
    engine: str = "right",
    durability: str = "full",
    seed: int = 1,
    seconds: float = 300,
) -> dict[str, Any]:
    """Let ``workers`` do the ``tasks``; every so many seconds kill one, or stop one for a while.

    ``pause``: for how many seconds each step waits between its effect and its record.
    """
    hive = _Hive(Path(directory), ENGINES[engine], durability, pause)
    assert children.do(partial(hive.create, tasks)) == 0
    chance = random.Random(seed)
    begun = time.monotonic()
    crowd = {hive.begin() for _ in range(workers)}
    kills = stalls = 0
    done = 0
    while done < tasks and time.monotonic() - begun < seconds:
        time.sleep(every)
        victim = chance.choice(sorted(crowd))
        if chance.random() < 0.5:
            os.kill(victim, signal.SIGKILL)
            children.ended(victim)
            crowd.remove(victim)
            crowd.add(hive.begin())
            kills += 1
        else:
            os.kill(victim, signal.SIGSTOP)
            time.sleep(chance.choice([0.1, 1.5]) * hive.lease)
            os.kill(victim, signal.SIGCONT)
            stalls += 1
        done = hive.done()
    took = time.monotonic() - begun
    ends = hive.ended(sorted(crowd))
    return {
        "points": kills + stalls,
        "kills": kills,
        "stalls": stalls,
        "done": done,
        "late": len(hive.late()),
        "doubled": judge.doubled(hive.directory),
        "seconds": took,
        "complaints": [
            *(
                [f"{tasks - done} of {tasks} tasks are not done after {took:.0f} s"]
                * (done < tasks)
            ),
            *(f"a worker ended with {end}" for end in ends if end),
            *hive.complaints(kills + stalls),
        ],
    }


def stalled(directory: str, *, engine: str = "right") -> dict[str, Any]:
    """A worker stands still in the middle of a step, and wakes when another has done its task."""
    hive = _Hive(Path(directory), ENGINES[engine], "full")
    assert children.do(partial(hive.create, 1)) == 0
    (hive.directory / "stall").touch()
    sleeper = hive.begin()
    assert os.WIFSTOPPED(os.waitpid(sleeper, os.WUNTRACED)[1])
    heir = hive.begin()
    _wait_for(lambda: hive.done() == 1)
    os.kill(sleeper, signal.SIGCONT)
    _wait_for(lambda: len(hive.late()) + hive.handlers_ended() > 1)
    ends = hive.ended([sleeper, heir])
    return {
        "points": 1,
        "late": len(hive.late()),
        "ends": ends,
        "complaints": hive.complaints(1),
    }


def _wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it does not come"
        time.sleep(0.01)


class _Hive:
    def __init__(
        self, directory: Path, kind: type[Container], durability: str, pause: float = 0.0
    ) -> None:
        self.directory, self._kind, self._durability = directory, kind, durability
        self._pause = pause
        self._place = Place(directory)
        self._place.put_in_order()
        self.lease = LEASE / SPEED

    def create(self, count: int) -> None:
        asyncio.run(self._create(count))

    def begin(self) -> int:
        """Until the worker knows what to do then, it hears nothing of being asked to stop."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            return children.begin(self._work, seconds=1200)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def ended(self, workers: Sequence[int]) -> list[int]:
        """Ask the workers to stop, in good order; gives their exit codes."""
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        return [children.ended(worker) for worker in workers]

    def done(self) -> int:
        with closing(sqlite3.connect(self._place.database, timeout=30)) as connection:
            query = "SELECT count(*) FROM tasks WHERE status = 'completed'"
            return int(connection.execute(query).fetchone()[0])

    def handlers_ended(self) -> int:
        """How often a handler has come to its end."""
        return sum(fact["what"] == "end" for fact in judge.facts_of(self.directory))

    def late(self) -> list[judge.Fact]:
        """What a worker wanted to record of a task that it had lost."""
        return [fact for fact in judge.facts_of(self.directory) if fact["what"] == "late"]

    def complaints(self, blows: int) -> list[str]:
        """What two workers may not have done together."""
        said = [fact for fact in judge.facts_of(self.directory) if fact["what"] == "step"]
        first: dict[tuple[str, str], str] = {}
        for fact in said:
            first.setdefault((fact["task"], fact["name"]), fact["token"])
        return [
            *judge.broken_promises(self.directory, said),
            *(
                f"{fact} after {first[fact['task'], fact['name']]} had been recorded"
                for fact in said
                if fact["token"] != first[fact["task"], fact["name"]]
            ),
            *judge.unaccounted(self.directory),
            *self._mixed_outcomes(),
            *self._doubled_too_often(blows),
        ]

    def _mixed_outcomes(self) -> list[str]:
        """Tasks whose outcome is not made of the results that are recorded for their steps."""
        with closing(sqlite3.connect(self._place.database)) as connection:
            query = (
                "SELECT t.id, t.outcome, s.value FROM tasks t JOIN steps s ON s.task_id = t.id"
                " WHERE t.status = 'completed'"
            )
            rows = connection.execute(query).fetchall()
        return [
            f"{task}: its outcome {outcome!r} does not have {value!r}"
            for task, outcome, value in rows
            if json.loads(value) not in outcome.decode()
        ]

    def _doubled_too_often(self, blows: int) -> list[str]:
        """A worker has so many tasks under way at a time, each with one effect in flight."""
        again, most = judge.doubled(self.directory), blows * CONCURRENCY
        return [f"{again} effects doubled by {blows} blows"] if again > most else []

    def _settings(self) -> dict[str, object]:
        return {
            "database_url": str(self._place.database),
            "workspace": str(self._place.workspace),
            "durability": self._durability,
            "lease_seconds": LEASE,
            "concurrency": CONCURRENCY,
        }

    async def _create(self, count: int) -> None:
        async with self._kind(self._settings()) as container:
            orchestrator = container.get(TaskOrchestrator)
            for start in range(0, count, BATCH):
                created = await orchestrator.create_tasks(
                    {
                        "task_id": f"task-{number:05}",
                        "title": "t",
                        "specialist_type": "bee",
                        "completion": "auto",
                    }
                    for number in range(start, min(start + BATCH, count))
                )
                assert all(result.success for result in created), created[0].error

    def _work(self) -> None:
        """What the command does, with what it says thrown away."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # asked to stop before it began
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        bee = _Bee(self.directory, self._pause)

        class Beehive(self._kind):  # type: ignore[name-defined, misc]
            specialists = providers.Aggregate(bee=providers.Object(bee.execute))

        with suppress(Interrupted):
            work(Beehive, self._settings(), WorkOrder(drain=60.0), display_of(as_json=True))


class _Bee:
    """Does a task in three steps, and tells of each when it has been recorded."""

    def __init__(self, directory: Path, pause: float) -> None:
        self._directory, self._pause = directory, pause
        self._tell = into_file(directory / "facts")
        self._serial = 0

    async def execute(self, task: TaskContext) -> str:
        tokens = []
        for name in STEPS:
            try:
                token = await task.step(name, self._effect, task.id, name)
            except LeaseLost:
                self._tell(what="late", task=task.id, name=name)
                raise
            self._tell(what="step", task=task.id, name=name, token=token)
            tokens.append(token)
        self._tell(what="end", task=task.id)
        return " ".join(tokens)

    async def _effect(self, task_id: str, name: str) -> str:
        self._serial += 1
        token = f"{os.getpid()}.{self._serial}"
        append(self._directory / "effects", f"{task_id}\t{name}\t{token}")
        if self._is_to_stall():
            os.kill(os.getpid(), signal.SIGSTOP)
        await asyncio.sleep(self._pause)
        return token

    def _is_to_stall(self) -> bool:
        """Once, if it is asked for by a file."""
        try:
            (self._directory / "stall").unlink()
        except FileNotFoundError:
            return False
        return True
