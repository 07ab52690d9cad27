"""One run of a scenario: its lives, one after the other, and the verdict."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from vespera.testing.sim.app import App
from vespera.testing.sim.errors import NonDeterministicScenario
from vespera.testing.sim.invariants import Invariant, check, engine_integrity
from vespera.testing.sim.life import Act, Build, Life, called
from vespera.testing.sim.points import Point
from vespera.testing.sim.witness import Diary, Witness
from vespera.testing.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What to run.

    Attributes:
        builds: one for each worker.
        scenarios: one for each worker.
        invariants: what to check at the end.
        recover: how to recover, if not in the usual way.
    """

    builds: Sequence[Build]
    scenarios: Sequence[Act]
    invariants: Sequence[Invariant]
    recover: Act | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """What became of a run.

    Attributes:
        lives: what each life did.
        error: what was wrong in the end.
        flushed: every commit was on the disk before anybody heard of it.
    """

    lives: list[Diary] = field(default_factory=list)
    error: BaseException | None = None
    flushed: bool = True

    def loseable(self, *, lying: bool) -> int:
        """How many commits a power cut could take, for all that is known; in later lives too."""
        commits = {p.number for p in self.lives[-1].points if p.kind == "commit"}
        return len(commits) if lying or not self.flushed else 0


class Runner(Protocol):
    """Runs the plan, dying where it is told to.

    Attributes:
        copies: how many commits a power cut may take at most.
        every_event: events are points, too.
        again: recovery asks for the scenario again.
        runs: how many runs there were.
        recovered: a life after a death did something outside.
        loses: commits could be lost in a power cut.
        unmet: how many points were not met again.
    """

    copies: int
    every_event: bool
    again: bool
    runs: int
    recovered: bool
    loses: bool
    unmet: int

    def run(self, deaths: Sequence[Point]) -> Run:
        """A run in a new world, with one life for each death and one that comes to its end."""
        ...

    def twice(self) -> Run:
        """A run without deaths, whose second life is asked for the same again, in one world."""
        ...


class Simulation:
    """Runs everything in this process, on simulated loops; see ``Runner``."""

    def __init__(self, plan: Play, world: World) -> None:
        self._plan = plan
        self._world = world
        self.copies = 0
        self.every_event = False
        self.again = False
        self.runs = 0
        self.recovered = False
        self.loses = False
        self.unmet = 0

    def run(self, deaths: Sequence[Point]) -> Run:
        """See ``Runner.run``."""
        self._world.begin_anew()
        self.runs += 1
        run = Run()
        lives: list[Life] = []
        try:
            for death in (*deaths, None):
                self._live(run, lives, death)
                if run.error is not None:
                    break
        finally:
            for life in lives:
                life.bury()
        return run

    def twice(self) -> Run:
        """See ``Runner.twice``."""
        self._world.begin_anew()
        self.runs += 1
        run = Run()
        lives: list[Life] = []
        try:
            for _ in range(2):
                witness = self._witness(run, None)
                life = self._life(lives, witness)
                run.error = self._end(life, witness, self._act_out, tidy=True)
                run.lives.append(witness.diary)
                if run.error is not None:
                    break
        finally:
            for life in lives:
                life.bury()
        return run

    def _live(self, run: Run, lives: list[Life], death: Point | None) -> None:
        """One life more; the last one is judged."""
        is_first = not run.lives
        was_there = self._something_is_there()
        witness = self._witness(run, death)
        life = self._life(lives, witness)
        act = self._act_out if is_first else partial(self._recover, was_there)
        error = self._end(life, witness, act, check=death is None)
        run.lives.append(witness.diary)
        self.recovered = self.recovered or (not is_first and bool(witness.diary.operations))
        if life.died and death is not None:
            life.kill()
            self._cut_power(witness, death)
        elif death is not None:
            raise error or _not_met(death, run)
        else:
            run.error = error
            run.flushed = self._flushes
            self.loses = self.loses or not run.flushed

    def _witness(self, run: Run, death: Point | None) -> Witness:
        number = len(run.lives) + 1
        return Witness(self._world, number, death, copies=self.copies, every_event=self.every_event)

    def _life(self, lives: list[Life], witness: Witness) -> Life:
        life = Life(self._world, self._plan.builds, witness, witness.diary.number)
        lives.append(life)
        return life

    def _end(
        self,
        life: Life,
        witness: Witness,
        act: Callable[[Life], Awaitable[None]],
        *,
        check: bool = False,
        tidy: bool = False,
    ) -> BaseException | None:
        """Let it live; gives what it raised, if anything."""

        async def live() -> None:
            await act(life)
            witness.close()
            if check:
                witness.diary.judged = True
                await self._judge(life)
            self._flushes = _flushes(life)
            if tidy:
                await life.clean_up()

        try:
            life.run(live)
        except Exception as error:  # noqa: BLE001  # told in the report
            return error
        return None

    async def _act_out(self, life: Life) -> None:
        """One worker plays its scenario alone; several play theirs at once, and are idle then."""
        casts = list(zip(self._plan.scenarios, life.apps, strict=True))
        if len(casts) == 1:
            await self._play(*casts[0])
        else:
            await asyncio.gather(*(self._play(*cast) for cast in casts))
            await asyncio.gather(*(app.run_until_idle() for app in life.apps))
        self._world.refuse_strays()

    async def _play(self, scenario: Act, app: App) -> None:
        await _awaited(called(scenario, app, self._world))

    async def _recover(self, was_there: bool, life: Life) -> None:
        app = life.apps[0]
        if self._plan.recover is not None:
            await _awaited(called(self._plan.recover, app, self._world))
            return
        await app.run_until_idle()
        if engine_integrity in self._plan.invariants:
            engine_integrity(app, self._world)  # before asking again could hide what was lost
        if self.again or not was_there:
            await self._act_out(life)
            await app.run_until_idle()

    async def _judge(self, life: Life) -> None:
        await check(self._plan.invariants, life.apps[0], self._world)

    def _something_is_there(self) -> bool:
        """Whether a life before this one has left anything outside."""
        world = self._world
        return bool(world.calls or any(world.workspace.iterdir()) or not world.database.is_new)

    def _cut_power(self, witness: Witness, death: Point) -> None:
        if death.lost:
            copies = list(witness.copies)
            self._world.database.put_back(copies[max(-1 - death.lost, -len(copies))])

    _flushes = True


def _flushes(life: Life) -> bool:
    return all(getattr(app.get("database"), "durability", "full") == "full" for app in life.apps)


def _not_met(death: Point, run: Run) -> BaseException:
    return NonDeterministicScenario(
        f"Life {len(run.lives)} was to die {death}, which it did before, and did not come to it"
        " now."
    )


async def _awaited(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
