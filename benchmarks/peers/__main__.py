"""Vespera beside its peers: the same work on the same disk, in the same run.

    PYTHONPATH=benchmarks python -m peers [--rounds N] [--scale F] [--peers NAME ...] [--json FILE]

N tasks of one remembered step each, each awaited by its caller, with one caller and with a hundred.
All contestants take their turn in each round; figures are medians over the rounds, ratios are
medians of the rounds' own ratios, so that what slows a whole round down leaves them alone. A peer
that cannot be installed or fails is named as not measured, with the reason.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from machine import machine, show

from peers.contestants import BOTH, CONTESTANTS, OURS, Contestant
from peers.environments import LONGEST, NotMeasured, interpreter, last_line, versions

PATIENCE = 600
CALLERS = (1, 100)
FEWEST = 2  # that have percentiles

Figures = dict[str, float]


@dataclass
class Heat:
    """One contestant under one durability with so many callers, and how it did in each round."""

    contestant: Contestant
    durability: str
    callers: int
    rounds: list[Figures] = field(default_factory=list)
    trouble: str = ""

    def median(self, figure: str) -> float | None:
        taken = [figures[figure] for figures in self.rounds if figure in figures]
        return statistics.median(taken) if taken else None

    def ratio(self, other: "Heat", figure: str) -> float | None:
        """How many times ours is the other's, round by round, and the median of that."""
        pairs = zip(self.rounds, other.rounds, strict=False)
        ratios = [mine[figure] / its[figure] for mine, its in pairs if its.get(figure)]
        return statistics.median(ratios) if ratios and figure in self.rounds[0] else None


def main() -> None:
    given = arguments()
    given.place.mkdir(parents=True, exist_ok=True)
    heats = [heat for heat in all_heats() if heat.contestant in chosen(given.peers)]
    pythons = install(heats, given.place)
    described = machine(given.place)
    for number in range(given.rounds):
        for heat in heats:
            say(f"round {number + 1}: {heat.durability}, {heat.callers}, {heat.contestant.name}")
            take_turn(heat, pythons, given.place, given.scale)
    show(described | {"rounds": f"{given.rounds}, tasks x {given.scale:g}"} | libraries(heats))
    for durability in BOTH:
        for callers in CALLERS:
            fits = [h for h in heats if (h.durability, h.callers) == (durability, callers)]
            print_table(durability, callers, fits)
    if given.json:
        given.json.write_text(json.dumps(as_data(described, heats), indent=1), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="peers", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of tasks")
    parser.add_argument("--peers", nargs="+", metavar="NAME", help="these only, by their scripts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every round's figures")
    parser.add_argument("--place", type=Path, default=Path("build/peers"), help="for environments")
    return parser.parse_args()


def chosen(scripts: list[str] | None) -> list[Contestant]:
    unknown = set(scripts or ()) - {contestant.script for contestant in CONTESTANTS}
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    return [c for c in CONTESTANTS if not scripts or c.script in scripts or c is OURS]


def all_heats() -> Iterator[Heat]:
    for durability in BOTH:
        for callers in CALLERS:
            for contestant in CONTESTANTS:
                if callers in contestant.tasks and durability in contestant.durabilities:
                    yield Heat(contestant, durability, callers)


def install(heats: list[Heat], place: Path) -> dict[str | None, Path]:
    """The interpreter for each library, all of them made before anything is measured."""
    pythons: dict[str | None, Path] = {}
    for library in dict.fromkeys(heat.contestant.library for heat in heats):
        try:
            pythons[library] = interpreter(place, library)
        except NotMeasured as error:
            say(f"{library}: {error}")
            for heat in heats:
                if heat.contestant.library == library:
                    heat.trouble = str(error)
    return pythons


def take_turn(heat: Heat, pythons: dict[str | None, Path], place: Path, scale: float) -> None:
    """One round more, unless an earlier one failed."""
    if heat.trouble:
        return
    try:
        heat.rounds.append(measured(heat, pythons[heat.contestant.library], place, scale))
    except NotMeasured as error:
        heat.trouble = str(error)
        say(f"{heat.contestant.name}: {error}")


def measured(heat: Heat, python: Path, place: Path, scale: float) -> Figures:
    contestant = heat.contestant
    tasks = max(int(contestant.tasks[heat.callers] * scale), heat.callers, FEWEST)
    asked = {"durability": heat.durability, "callers": heat.callers, "tasks": tasks}
    options = [f"--{name}={value}" for name, value in asked.items()]
    with tempfile.TemporaryDirectory(dir=place.resolve(), prefix="run-") as directory:
        command = [python.absolute(), contestant.program, directory, *options]
        try:
            done = subprocess.run(
                [*command, f"--variant={contestant.variant}"],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotMeasured(f"took more than {PATIENCE} s") from error
    if done.returncode:
        raise NotMeasured(f"failed: {last_line(done.stderr)[:LONGEST]}")
    return json.loads(last_line(done.stdout))


def print_table(durability: str, callers: int, heats: list[Heat]) -> None:
    """Ratios say how many times Vespera is faster, or spends less."""
    who = "one caller" if callers == 1 else f"{callers} callers"
    print(f"\nsynchronous={durability.upper()}, {who}")
    print(
        f"{'':20} {'tasks/s':>9} {'x':>7} {'median ms':>10} {'x':>7} {'p99 ms':>8}"
        f" {'CPU us':>8} {'x':>7} {'KB':>7}  keeps"
    )
    ours = next(heat for heat in heats if heat.contestant is OURS)
    for heat in heats:
        print(f"{heat.contestant.name:20} {row(ours, heat)}")


def row(ours: Heat, heat: Heat) -> str:
    if heat.trouble:
        return f"not measured: {heat.trouble}"
    faster = None if heat is ours else ours.ratio(heat, "tasks_per_second")
    shorter = None if heat is ours else inverse(ours.ratio(heat, "median_ms"))
    lighter = None if heat is ours else inverse(ours.ratio(heat, "processor_us_per_task"))
    return (
        f"{shown(heat.median('tasks_per_second'), 0):>9} {shown(faster, 2):>7}"
        f" {shown(heat.median('median_ms'), 3):>10} {shown(shorter, 2):>7}"
        f" {shown(heat.median('p99_ms'), 2):>8} {shown(heat.median('processor_us_per_task'), 0):>8}"
        f" {shown(lighter, 2):>7} {shown(heat.median('kb_per_task'), 1):>7}"
        f"  {heat.contestant.keeps}"
    )


def inverse(ratio: float | None) -> float | None:
    return 1 / ratio if ratio else None


def shown(figure: float | None, digits: int) -> str:
    return "" if figure is None else f"{figure:,.{digits}f}"


def libraries(heats: list[Heat]) -> dict[str, str]:
    named = sorted({h.contestant.library for h in heats if h.contestant.library})
    return {"peers": ", ".join(versions(library) for library in named)}


def as_data(described: dict[str, str], heats: list[Heat]) -> dict[str, object]:
    return {
        "machine": described,
        "libraries": libraries(heats),
        "heats": [
            {
                "contestant": heat.contestant.name,
                "durability": heat.durability,
                "callers": heat.callers,
                "rounds": heat.rounds,
                "trouble": heat.trouble,
            }
            for heat in heats
        ],
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
