"""The scenario without deaths: whether it works, and whether it does the same each time."""

import re
from collections.abc import Sequence
from itertools import zip_longest

from vespera.testing.sim.errors import NonDeterministicScenario, ScenarioFailed
from vespera.testing.sim.runs import Run, Runner

_UUID = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE
)
_BLOB = re.compile(r"[Xx]'([0-9A-Fa-f]*)'")
_CLOCK = re.compile(r"\d{9,}|\d{4}-\d\d-\d\d|\d+\.\d{3,}")


_Operations = Sequence[tuple[str, str]]
_NONE = ("(none: it had ended)", "")
_AROUND = 30


def tried(runner: Runner) -> Run:
    """A run without deaths, after which it is known whether the scenario may be asked for again.

    Raises:
        ScenarioFailed: it raised.
        NonDeterministicScenario: it went another way at the second time.
    """
    run = tried_once(runner)
    if run.error is None:
        again = runner.twice()
        runner.again = again.error is None and not again.lives[-1].points_outside
    return run


def tried_once(runner: Runner) -> Run:
    """A run without deaths.

    Raises:
        ScenarioFailed, NonDeterministicScenario: as for ``tried``.
    """
    first = runner.run(())
    _refuse_failure(first)
    second = runner.run(())
    _refuse_difference(first.lives[0].operations, second.lives[0].operations)
    return second


def _refuse_failure(run: Run) -> None:
    if run.error is not None and not run.lives[0].judged:
        raise ScenarioFailed(
            f"The scenario fails although nobody dies: {type(run.error).__name__}: {run.error}"
        ) from run.error


def _refuse_difference(first: _Operations, second: _Operations) -> None:
    for number, (one, other) in enumerate(zip_longest(first, second, fillvalue=_NONE), start=1):
        if one != other:
            one, other = ((label, _readable(full)) for label, full in (one, other))  # noqa: PLW2901
            was, now = (_excerpt(pair, one, other) for pair in (one, other))
            raise NonDeterministicScenario(
                f"The scenario does not do the same twice. Operation {number} was\n  {was}\n"
                f"and, in a new world, it is\n  {now}\n"
                f"{_likely_cause(''.join(one), ''.join(other))}"
            )


def _readable(sql: str) -> str:
    """With the stored values as text."""
    return _BLOB.sub(lambda blob: repr(bytes.fromhex(blob[1]).decode(errors="replace")), sql)


def _excerpt(shown: tuple[str, str], one: tuple[str, str], other: tuple[str, str]) -> str:
    """The operation, and where it differs if its line does not tell."""
    label, full = shown
    if one[0] != other[0]:
        return label
    pairs = enumerate(zip_longest(one[1], other[1]))
    same = next((place for place, (a, b) in pairs if a != b), 0)
    return f"{label}: ...{full[max(same - _AROUND, 0) : same + 2 * _AROUND]}..."


def _likely_cause(one: str, other: str) -> str:
    if _UUID.search(one) and _UUID.sub("", one) == _UUID.sub("", other):
        return (
            "It looks like an id made by uuid4() or secrets; give a fixed one, or ask the"
            " container's new_id."
        )
    if _CLOCK.search(one) and _CLOCK.sub("", one) == _CLOCK.sub("", other):
        return (
            "It looks like a time asked of the system (time.time(), datetime.now()); ask the"
            " container's clock."
        )
    return (
        "Likely causes: chance or time that is asked of the system, not of the container; something"
        " kept in a module, or in build's surroundings, from one life to the next; the order of a"
        " set; a thread of your own."
    )
