"""The pytest options of explorations: to see a failure again, and to look deeper.

``pytest --vespera-replay=c3a tests/test_shop.py::test_it`` runs, in the first exploration of the
test, nothing but the crash after commit 3; ``2:c3a`` is for the second one. ``pytest
--vespera-depth=2`` lets processes die once more while they recover, in all explorations, and
``--vespera-isolation=fork`` makes real processes of their lives: for the nightly run.
"""

import shlex
from dataclasses import dataclass
from typing import Any

import pytest

from vespera.testing.sim.codes import is_code


@dataclass(slots=True)
class _Asked:
    code: str = ""
    depth: int = 1
    isolation: str = ""
    test: str = ""
    explorations: int = 0


_asked = _Asked()
_before: list[tuple[str, int, str]] = []


def pytest_addoption(parser: Any) -> None:
    """Add the options."""
    group = parser.getgroup("vespera")
    group.addoption(
        "--vespera-replay",
        metavar="CODE",
        default="",
        help="run only what CODE stands for in explore_crashes and explore_schedules",
    )
    group.addoption(
        "--vespera-depth",
        metavar="N",
        type=int,
        default=1,
        help="let explore_crashes kill at least N times in a run",
    )
    group.addoption(
        "--vespera-isolation",
        choices=("inline", "fork"),
        default="",
        help="the isolation of every explore_crashes that cuts no power: fork, or inline",
    )


def pytest_configure(config: Any) -> None:
    """Remember what was asked for, until this run of pytest is over."""
    _before.append((_asked.code, _asked.depth, _asked.isolation))
    _asked.code = _readable(config.getoption("--vespera-replay", default="") or "")
    _asked.depth = config.getoption("--vespera-depth", default=1) or 1
    _asked.isolation = config.getoption("--vespera-isolation", default="") or ""


def _readable(code: str) -> str:
    if code and not is_code(code):
        raise pytest.UsageError(
            f"--vespera-replay={code}: no code of an exploration, such as c3a, e1b.c2a or 2:l11x60"
        )
    return code


def pytest_unconfigure() -> None:
    """What a run of pytest around this one was asked for holds again."""
    if _before:
        _asked.code, _asked.depth, _asked.isolation = _before.pop()


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember which test runs."""
    _asked.test = nodeid
    _asked.explorations = 0


def begin_exploration() -> int:
    """The place of the exploration that begins, among those of the test; outside of tests, 1."""
    _asked.explorations = _asked.explorations + 1 if _asked.test else 1
    return _asked.explorations


def code_of(code: str, place: int) -> str:
    """What to give to ``--vespera-replay`` for this code of that exploration."""
    return code if place == 1 else f"{place}:{code}"


def replay_code(place: int) -> str | None:
    """What to replay in this exploration; empty: explore; None: another one is replayed."""
    before, _, code = _asked.code.rpartition(":")
    return code if not _asked.code or (before or "1") == str(place) else None


def least_depth() -> int:
    """How many times a process dies in a run at least."""
    return _asked.depth


def isolation_asked() -> str:
    """What isolation all explorations are to have; empty: each its own."""
    return _asked.isolation


def test_in_shell() -> str:
    """The running test as an argument of a command."""
    return shlex.quote(_asked.test) if _asked.test else "<the test>"


test_in_shell.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test
