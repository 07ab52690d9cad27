"""Two workers on one database, in every order in which things can come."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import whole_number_of
from vespera.testing.sim import pytest_options
from vespera.testing.sim.codes import TURN, is_schedule_code
from vespera.testing.sim.crash import one_of
from vespera.testing.sim.errors import UnknownReplay, VacuousExploration
from vespera.testing.sim.invariants import Invariant, checked_invariants
from vespera.testing.sim.life import Act, Build
from vespera.testing.sim.operations import Operation
from vespera.testing.sim.report import ANOTHER_IS_REPLAYED, ScheduleReport, Violation
from vespera.testing.sim.runs import Play, Run, Simulation
from vespera.testing.sim.surroundings import in_world
from vespera.testing.sim.trial import tried_once
from vespera.testing.sim.witness import Witness
from vespera.testing.world import World

_MOST_FAILURES = 5  # of one kind; what is found more often is found
_MOST_DEVIATIONS = 10
_MOST_SEEDS = 1_000_000
_CHANCE_OF_SLOWNESS = 0.05


def explore_schedules(
    builds: Build | Sequence[Build],
    scenario: Act | Sequence[Act],
    invariants: Invariant | str | Sequence[Invariant | str] | None = None,
    *,
    world: World | None = None,
    order: str = "exhaustive",
    bound: int = 2,
    slow: Sequence[float] = (1.0, 60.0),
    seeds: int = 0,
    max_runs: int = 10_000,
) -> ScheduleReport:
    """Run several workers on one database in every order in which their operations can come.

    Callbacks run in asyncio's order always; what is left open is when the outside does what it was
    asked for. Three ways are tried: other orders of what is pending at the same time, up to
    ``bound`` deviations from first come, first served; each operation on its own slow, by virtual
    seconds, in being done and in being answered; and chance. Reads do not count for the order:
    they are done at once, and may be answered late.

    Args:
        builds: makes the container of a worker; one for each worker, or one function for two. See
            ``explore_crashes``.
        scenario: ``scenario(app)``, for each worker at the same time; or one for each worker.
            When all have ended, the workers run until they are idle.
        invariants: as for ``explore_crashes``; they get the app of the first worker.
        world: what is around the workers; by default the one that ``builds`` and the others hold,
            or else an empty one.
        order: "exhaustive", or "fifo" to try no other orders.
        bound: how many deviations an order has at most.
        slow: by how many virtual seconds operations are late, each value on its own.
        seeds: how many random orders to try.
        max_runs: give up after so many runs; the report then is not complete.

    Returns:
        What was found; ``complete`` tells whether nothing was left out within the bound.

    Raises:
        InvalidRequest: an argument makes no sense.
        ScenarioFailed: the scenario raises in the usual order.
        NonDeterministicScenario: it does not go the same way twice; the first difference is told.
        VacuousExploration: there is nothing whose order could be another.
        UnknownReplay: the code given by ``--vespera-replay`` cannot be read.
    """
    workers = (builds, builds) if callable(builds) else tuple(builds)
    scenarios = (scenario,) * len(workers) if callable(scenario) else tuple(scenario)
    if not workers or len(scenarios) != len(workers):
        raise InvalidRequest(
            f"{len(scenarios)} scenarios for {len(workers)} workers; give one for each, or one"
            " function for all",
            field="scenario",
        )
    plan = Play(
        builds=workers,
        scenarios=scenarios,
        invariants=checked_invariants(invariants),
    )
    bound = whole_number_of(bound, "bound", least=0, most=_MOST_DEVIATIONS)
    search = _ScheduleSearch(
        bound=bound if one_of(order, "order", ("exhaustive", "fifo")) == "exhaustive" else 0,
        slow=[_seconds(each) for each in slow],
        seeds=whole_number_of(seeds, "seeds", least=0, most=_MOST_SEEDS),
        max_runs=max_runs,
    )
    with in_world(world, (*workers, *scenarios, invariants)) as surroundings:
        return search.explore(plan, surroundings)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How one run deviates from first come, first served.

    Attributes:
        turns: at the n-th choice, which of the pending operations comes first (0: the oldest).
        delays: by operation, seconds by which it is done late.
        lateness: by operation, seconds by which it is answered late.
        seed: all of that by chance.
    """

    turns: Mapping[int, int] = field(default_factory=dict)
    delays: Mapping[int, float] = field(default_factory=dict)
    lateness: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None

    @property
    def code(self) -> str:
        """Its name in a command: ``o3x1-o5x2``, ``d7x60``, ``l7x60``, ``r42``."""
        parts = [f"o{choice}x{turn}" for choice, turn in self.turns.items()]
        parts += [f"d{number}x{seconds:g}" for number, seconds in self.delays.items()]
        parts += [f"l{number}x{seconds:g}" for number, seconds in self.lateness.items()]
        parts += [] if self.seed is None else [f"r{self.seed}"]
        return "-".join(parts) or "o1x0"

    @classmethod
    def of(cls, code: str) -> "Schedule":
        """The schedule of this name.

        Raises:
            UnknownReplay: it is none.
        """
        turns: dict[int, int] = {}
        late: dict[str, dict[int, float]] = {"d": {}, "l": {}}
        seed = None
        for part in code.split("-"):
            found = TURN.fullmatch(part)
            if found is None:
                raise UnknownReplay(f"--vespera-replay={code}: {part!r} is no part of a schedule")
            choice, turn, way, number, seconds, given = found.groups()
            if given is not None:
                seed = int(given)
            elif way is not None:
                late[way][int(number)] = float(seconds)
            else:
                turns[int(choice)] = int(turn)
        return cls(turns, late["d"], late["l"], seed)

    def __str__(self) -> str:
        if self.seed is not None:
            return f"order by chance, seed {self.seed}"
        told = [f"choice {n}: pending operation {turn + 1} first" for n, turn in self.turns.items()]
        told += [f"operation {n} is done {s:g} s late" for n, s in self.delays.items()]
        told += [f"operation {n} is answered {s:g} s late" for n, s in self.lateness.items()]
        return "order: " + (", ".join(told) or "first come, first served")


class _Timetable(Witness):
    """Follows a schedule, and writes down where there was a choice."""

    def __init__(self, world: World, schedule: Schedule, slow: Sequence[float]) -> None:
        super().__init__(world, 1, None)
        self._schedule = schedule
        self._chance = None if schedule.seed is None else random.Random(schedule.seed)  # noqa: S311
        self._slow = slow
        self.widths: list[int] = []
        self.numbers: list[tuple[int, bool]] = []

    def choose(self, candidates: Sequence[Operation]) -> int:
        """See ``Director.choose``."""
        self.widths.append(len(candidates))
        if self._chance is not None:
            turn = self._chance.randrange(len(candidates))
        else:
            turn = min(self._schedule.turns.get(len(self.widths), 0), len(candidates) - 1)
        if turn:
            self.diary.lines.append(
                f"choice {len(self.widths)}: {candidates[turn].label or '?'} before"
                f" {candidates[0].label or '?'}"
            )
        return turn

    def delay(self, operation: Operation) -> float:
        """See ``Director.delay``."""
        self.numbers.append((operation.number, operation.shared))
        return self._seconds(self._schedule.delays, operation, "done")

    def lateness(self, operation: Operation) -> float:
        """See ``Director.lateness``."""
        return self._seconds(self._schedule.lateness, operation, "answered")

    def _seconds(self, given: Mapping[int, float], operation: Operation, what: str) -> float:
        seconds = given.get(operation.number, 0.0)
        if self._chance is not None and self._slow and self._chance.random() < _CHANCE_OF_SLOWNESS:
            seconds = self._chance.choice(self._slow)
        if seconds:
            self.diary.lines.append(f"late    {operation.label}: {what} {seconds:g} s late")
        return seconds


class _Workers(Simulation):
    """Runs all workers at once, by a schedule."""

    def __init__(self, plan: Play, world: World, slow: Sequence[float]) -> None:
        super().__init__(plan, world)
        self._slow = slow
        self._schedule = Schedule()
        self.table: _Timetable | None = None

    def run_by(self, schedule: Schedule) -> Run:
        """A run by this schedule."""
        self._schedule = schedule
        return self.run(())

    def _witness(self, run: Run, death: object) -> Witness:
        self.table = _Timetable(self._world, self._schedule, self._slow)
        return self.table


class _ScheduleSearch:
    """Which schedules to try."""

    def __init__(self, *, bound: int, slow: Sequence[float], seeds: int, max_runs: int) -> None:
        self._bound = bound
        self._slow = slow
        self._seeds = seeds
        self._max_runs = max_runs
        self._place = pytest_options.begin_exploration()
        self._report = ScheduleReport()

    def explore(self, plan: Play, world: World) -> ScheduleReport:
        """Try all of them, or the one that is to be replayed."""
        workers = _Workers(plan, world, self._slow)
        usual = tried_once(workers)
        table = workers.table
        self._judge(usual, Schedule(), workers)
        code = pytest_options.replay_code(self._place)
        if code is None:
            self._report.notes.append(ANOTHER_IS_REPLAYED)
            self._report.complete = False
        elif is_schedule_code(code):
            schedule = Schedule.of(code)
            self._judge(workers.run_by(schedule), schedule, workers)
            self._report.notes.append(f"replayed {code}: {schedule}")
        elif usual.error is None and table is not None:
            self._refuse_vacuity(table)
            self._try(self._orders(table.widths, workers), workers)
            self._try(self._slow_ones(table.numbers), workers)
            self._try((Schedule(seed=seed) for seed in range(self._seeds)), workers)
        self._report.schedules = self._report.runs
        return self._report

    def _try(self, schedules: Iterator[Schedule], workers: _Workers) -> None:
        found = 0
        for schedule in schedules:
            if self._report.runs >= self._max_runs or found >= _MOST_FAILURES:
                self._report.complete = False
                return
            found += self._judge(workers.run_by(schedule), schedule, workers)

    def _orders(self, widths: Sequence[int], workers: _Workers) -> Iterator[Schedule]:
        """Depth first: each deviation from a schedule at a later choice than its last one."""
        stack = [self._deviations({}, widths)]
        while stack:
            turns = next(stack[-1], None)
            if turns is None:
                stack.pop()
                continue
            yield Schedule(turns)
            table = workers.table
            if table is not None:
                stack.append(self._deviations(turns, table.widths))

    def _deviations(
        self, turns: Mapping[int, int], widths: Sequence[int]
    ) -> Iterator[Mapping[int, int]]:
        last = max(turns, default=0)
        if len(turns) >= self._bound:
            self._report.bounded |= last < len(widths)
            return
        for choice in range(last + 1, len(widths) + 1):
            for turn in range(1, widths[choice - 1]):
                yield {**turns, choice: turn}

    def _slow_ones(self, numbers: Sequence[tuple[int, bool]]) -> Iterator[Schedule]:
        for seconds in self._slow:
            for number, shared in numbers:
                if shared:
                    yield Schedule(delays={number: seconds})
                yield Schedule(lateness={number: seconds})

    def _judge(self, run: Run, schedule: Schedule, workers: _Workers) -> bool:
        self._report.runs += 1
        if workers.table is not None:
            self._report.choices = max(self._report.choices, len(workers.table.widths))
        if run.error is None:
            return False
        self._report.failures.append(
            Violation(
                code=schedule.code,
                title=str(schedule),
                error=run.error,
                lives=run.lives,
                place=self._place,
            )
        )
        return True

    def _refuse_vacuity(self, table: _Timetable) -> None:
        if not table.numbers:
            raise VacuousExploration(
                "The scenario asks for nothing outside its own memory, so nothing could come in"
                " another order."
            )
        if self._bound and not table.widths and not self._slow and not self._seeds:
            raise VacuousExploration(
                "There never were two operations pending at the same time, so there is no other"
                " order; let the workers do something at the same time, or give slow=... ."
            )


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InvalidRequest(f"{value!r}: seconds above 0 are asked for", field="slow")
    return float(value)
