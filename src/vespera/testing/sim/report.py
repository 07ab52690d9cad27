"""What an exploration found, for people."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from vespera.testing.origins import is_library
from vespera.testing.sim import pytest_options
from vespera.testing.sim.errors import ExplorationFailed
from vespera.testing.sim.points import Point
from vespera.testing.sim.witness import Diary

ANOTHER_IS_REPLAYED = "not explored: another exploration of the test is replayed"
_MOST_LINES = 40
_MOST_FAILURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A run after which an invariant did not hold.

    Attributes:
        code: what to replay; see ``replay``.
        title: where the process died, or in which order things came.
        error: what was wrong.
        lives: what each life did.
        place: in which exploration of the test it was found, from 1.
    """

    code: str
    title: str
    error: BaseException
    lives: Sequence[Diary]
    place: int = 1

    @property
    def replay(self) -> str:
        """The command that runs this, and nothing else, again."""
        which = f" --vespera-replay={pytest_options.code_of(self.code, self.place)}"
        return f"pytest {pytest_options.test_in_shell()}{which if self.code else ''}"

    def __str__(self) -> str:
        return "\n".join(
            [
                self.title,
                *(line for diary in self.lives for line in _told(diary)),
                f"  {type(self.error).__name__}: {self.error}".rstrip().replace("\n", "\n    "),
                *_place_of(self.error),
                *(f"  {note}" for note in getattr(self.error, "__notes__", ())),
                f"  replay: {self.replay}",
            ]
        )


@dataclass(slots=True, kw_only=True)
class _Findings:
    """What both kinds of exploration tell.

    Attributes:
        runs: how many times the scenario was run.
        failures: the runs after which an invariant did not hold.
        complete: nothing of what was asked for was left out.
        notes: what else is to be known.
    """

    runs: int = 0
    failures: list[Violation] = field(default_factory=list)
    complete: bool = True
    notes: list[str] = field(default_factory=list)

    def raise_for_failures(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            ExplorationFailed: with the first failures, what each life did, and how to see it again.
        """
        if self.failures:
            raise ExplorationFailed(str(self))

    def _text(self, head: str) -> str:
        shown = [str(failure) for failure in self.failures[:_MOST_FAILURES]]
        more = len(self.failures) - len(shown)
        shown += [f"... and {more} more"] if more else []
        return "\n\n".join(["\n".join([head, *self.notes]), *shown])


@dataclass(slots=True, kw_only=True)
class CrashReport(_Findings):
    """What ``explore_crashes`` found.

    Attributes:
        points: at how many points the process was made to die. Points at which the same would
            outlive it are judged by one run.
        kinds: how many of them were of each kind.
        recoveries: how many lives after a death came to their end.
    """

    points: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    recoveries: int = 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        verdict = "all hold" if not self.failures else f"{len(self.failures)} violations"
        complete = "" if self.complete else "; not complete"
        of_kinds = f" ({kinds})" if kinds else ""
        return self._text(
            f"{self.points} crash points{of_kinds}, {self.runs} runs: {verdict}{complete}"
        )


@dataclass(slots=True, kw_only=True)
class ScheduleReport(_Findings):
    """What ``explore_schedules`` found.

    Attributes:
        schedules: how many different orders were run.
        choices: the most choices that one of them met.
        bounded: some orders were left out because they deviate more often than ``bound``.
    """

    schedules: int = 0
    choices: int = 0
    bounded: bool = False

    def __str__(self) -> str:
        verdict = "all hold" if not self.failures else f"{len(self.failures)} violations"
        complete = "complete" if self.complete else "not complete"
        bound = " within the bound" if self.bounded else ""
        return self._text(
            f"{self.runs} schedules, at most {self.choices} choices: {verdict}; {complete}{bound}"
        )


def _place_of(error: BaseException) -> list[str]:
    """Where it was raised, by the innermost line that is no library's, if there is one."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_library(f.filename)]
    if not frames:
        return []
    return [
        f"    at {frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name}: {frames[-1].line}"
    ]


def _told(diary: Diary) -> list[str]:
    lines = diary.lines
    if len(lines) > _MOST_LINES:
        hidden = len(lines) - _MOST_LINES
        lines = [f"... {hidden} earlier lines", *lines[-_MOST_LINES:]]
    end = f"killed {diary.death}" if diary.death else "came to its end"
    return [f"  life {diary.number}:", *(f"    {line}" for line in lines), f"    {end}"]


def titled(deaths: Sequence[Point]) -> str:
    """Where the lives of a run ended."""
    return ", then ".join(f"crash {death}" for death in deaths) or "without any crash"
