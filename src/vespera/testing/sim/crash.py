"""Dying at every point of a scenario, and recovering."""

from collections.abc import Iterator, Sequence

from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import whole_number_of
from vespera.testing.sim import pytest_options
from vespera.testing.sim.codes import is_crash_code
from vespera.testing.sim.errors import UnknownReplay, VacuousExploration
from vespera.testing.sim.invariants import Invariant, checked_invariants
from vespera.testing.sim.life import Act, Build
from vespera.testing.sim.points import EVENT, Point, checked_kinds
from vespera.testing.sim.report import ANOTHER_IS_REPLAYED, CrashReport, Violation, titled
from vespera.testing.sim.runs import Play, Run, Runner, Simulation
from vespera.testing.sim.surroundings import in_world
from vespera.testing.sim.trial import tried
from vespera.testing.world import World

_MOST_DEATHS = 3
_MOST_LOST = 100


def explore_crashes(
    build: Build,
    scenario: Act,
    invariants: Invariant | str | Sequence[Invariant | str] | None = None,
    *,
    world: World | None = None,
    at: str | Sequence[str] = ("commit", "effect", "file"),
    every: str | None = None,
    depth: int = 1,
    power_loss: int = 0,
    disk: str = "honest",
    recover: Act | None = None,
    isolation: str = "inline",
    max_runs: int | None = None,
) -> CrashReport:
    """Let the process die at every point of the scenario, recover, and check what became of it.

    The scenario is run to its end twice, which must go the same way; then once for each point, up
    to the point. There the process dies as under SIGKILL: no ``except``, ``finally`` or
    ``__aexit__`` of it runs any more. A new container on what outlived it recovers: it runs until
    it is idle. If the scenario can be asked for again without doing anything twice (it was tried),
    or if nothing at all had become durable, it is asked for again, too, as a caller would who got
    no answer. Then the invariants are checked. All time is virtual.

    Args:
        build: makes the container of one life, a new one at each call; it may take the world. Its
            database, workspace, time, ids, chance and threads become the world's.
        scenario: ``scenario(app)`` or ``scenario(app, world)``, sync or async: what the program
            does; see ``App``.
        invariants: ``invariants(app, world)``, sync or async: raises, or gives False, if something
            is wrong. Several in a list; "engine" and "database" are those of
            ``engine_integrity`` and ``database_integrity``, which are the default.
        world: what outlives the deaths; by default the one that ``build`` and the others hold, or
            else an empty one.
        at: the kinds of points: before and after each "commit" that changes the database, before
            and after each "effect" (a call of a ``World.Service``), before, after and in the
            middle of each change of a "file".
        every: "event": after every event of the loop as well.
        depth: how many times a process dies in one run; with 2, during the recovery, too.
        power_loss: power is cut at the points, too, and takes the last commits, up to so many,
            that were not flushed to the disk: none with ``durability="full"``.
        disk: "lying": the disk says that it flushed what it did not, whatever the durability.
        recover: ``recover(app)`` in place of the recovery described above.
        isolation: "fork": each life is a process of its own with real threads and a database file,
            and is really killed. The points and verdicts are the same; it takes longer.
        max_runs: give up after so many runs; the report then is not complete.

    Returns:
        What was found; ``report.raise_for_failures()`` fails the test.

    Raises:
        InvalidRequest: an argument makes no sense.
        ScenarioFailed: the scenario raises, although nobody dies.
        NonDeterministicScenario: it does not go the same way twice; the first difference is told.
        VacuousExploration: there is no point to die at, or nothing recovered.
        UnknownReplay: the code given by ``--vespera-replay`` leads nowhere.
    """
    plan = Play(
        builds=(build,),
        scenarios=(scenario,),
        invariants=checked_invariants(invariants),
        recover=recover,
    )
    search = _Search(
        kinds=checked_kinds(at, every),
        depth=max(
            whole_number_of(depth, "depth", least=1, most=_MOST_DEATHS),
            pytest_options.least_depth(),
        ),
        lost=whole_number_of(power_loss, "power_loss", least=0, most=_MOST_LOST),
        lying=one_of(disk, "disk", ("honest", "lying")) == "lying",
        max_runs=max_runs,
    )
    one_of(isolation, "isolation", ("inline", "fork"))
    if isolation == "fork" and power_loss:
        raise InvalidRequest(
            "a process that is killed loses no commit; cut the power with isolation='inline'",
            field="power_loss",
        )
    if not power_loss:
        isolation = pytest_options.isolation_asked() or isolation
    with in_world(world, (build, scenario, invariants, recover)) as surroundings:
        return search.explore(_runner(isolation, plan, surroundings))


class _Search:
    """Which deaths to try."""

    def __init__(
        self, *, kinds: Sequence[str], depth: int, lost: int, lying: bool, max_runs: int | None
    ) -> None:
        self._kinds = kinds
        self._depth = depth
        self._lost = lost
        self._lying = lying
        self._max_runs = max_runs
        self._place = pytest_options.begin_exploration()
        self._report = CrashReport()

    def explore(self, runner: Runner) -> CrashReport:
        """Try all of them, or the one that is to be replayed."""
        report = self._report
        runner.copies = self._lost
        runner.every_event = EVENT in self._kinds
        clean = tried(runner)
        report.runs += runner.runs
        if clean.error is not None:
            self._judge(clean, ())
            return report
        code = pytest_options.replay_code(self._place)
        if code is None:
            report.notes.append(ANOTHER_IS_REPLAYED)
            report.complete = False
            return report
        if is_crash_code(code):
            self._replay(runner, clean, code)
            return report
        self._die_everywhere(runner, clean, ())
        self._refuse_vacuity(runner)
        return report

    def _die_everywhere(self, runner: Runner, parent: Run, deaths: Sequence[Point]) -> None:
        """Die at each point of the parent's last life, after the same deaths before."""
        for point, is_new in self._points(runner, parent):
            if not deaths:
                self._report.points += 1
                self._report.kinds[point.kind] = self._report.kinds.get(point.kind, 0) + 1
            if not is_new:
                continue
            if self._max_runs is not None and self._report.runs >= self._max_runs:
                self._report.complete = False
                return
            run = runner.run((*deaths, point))
            self._judge(run, (*deaths, point))
            if len(deaths) + 1 < self._depth and run.error is None:
                self._die_everywhere(runner, run, (*deaths, point))

    def _points(self, runner: Runner, parent: Run) -> Iterator[tuple[Point, bool]]:
        """Each point, and whether something else outlives the process there than elsewhere."""
        seen = set()
        for point in parent.lives[-1].points:
            if point.kind not in self._kinds:
                continue
            most = min(self._lost, parent.loseable(lying=self._lying))
            for lost in range(most + 1):
                key = (point.mark, lost)
                yield (point.losing(lost) if lost else point), key not in seen
                seen.add(key)

    def _replay(self, runner: Runner, clean: Run, code: str) -> None:
        deaths: tuple[Point, ...] = ()
        run = clean
        for part in code.split("."):
            found = [p for p, _ in self._points(runner, run) if p.code == part]
            if not found:
                raise UnknownReplay(
                    f"--vespera-replay={code}: life {len(deaths) + 1} has no point {part!r}. The"
                    " scenario has changed since, or other points are explored (at, every)."
                )
            deaths = (*deaths, found[0])
            run = runner.run(deaths)
        self._report.points = 1
        self._judge(run, deaths)
        self._report.notes.append(f"replayed {code}: {titled(deaths)}")

    def _judge(self, run: Run, deaths: Sequence[Point]) -> None:
        report = self._report
        report.runs += bool(deaths)
        report.recoveries += bool(deaths) and run.lives[-1].death is None
        if run.error is not None:
            code = ".".join(point.code for point in deaths)
            title = titled(deaths)
            report.failures.append(
                Violation(
                    code=code, title=title, error=run.error, lives=run.lives, place=self._place
                )
            )

    def _refuse_vacuity(self, runner: Runner) -> None:
        report = self._report
        if not report.points:
            raise VacuousExploration(
                f"No point was met ({', '.join(self._kinds)}): the scenario commits nothing, calls"
                " no service of the world, and changes no file through the container's threads; or"
                " it does so outside of the app that it is given."
            )
        if not report.recoveries and not report.failures:
            raise VacuousExploration("Recovery never ran: no life after a death came to its end.")
        if not runner.recovered:
            raise VacuousExploration(
                "Recovery never ran: no life after a death asked the database for anything."
            )
        if runner.unmet:
            report.complete = False
            report.notes.append(f"{runner.unmet} points were not met again: threads came otherwise")
        if self._lost and not runner.loses and not self._lying:
            report.notes.append(
                "power loss: every commit was flushed before anybody heard of it"
                " (durability='full'), so none can be lost; disk='lying' loses them all the same"
            )


def _runner(isolation: str, plan: Play, world: World) -> Runner:
    if isolation == "inline":
        return Simulation(plan, world)
    from vespera.testing.sim.fork import ForkedRuns  # noqa: PLC0415  # not on every system

    return ForkedRuns(plan, world)


def one_of(value: str, field: str, allowed: Sequence[str]) -> str:
    """The value, which must be among the allowed ones.

    Raises:
        InvalidRequest: it is not.
    """
    if value not in allowed:
        raise InvalidRequest(f"{value!r}: there is {' and '.join(allowed)}", field=field)
    return value
