"""The pytest options of explorations: to see a failure again, and to look deeper.

``pytest --vespera-replay=c3a tests/test_shop.py::test_it`` runs, in the explorations of the test,
nothing but the crash after commit 3. ``pytest --vespera-depth=2`` lets processes die once more
while they recover, in all explorations: for the nightly run.
"""

import shlex
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Asked:
    code: str = ""
    depth: int = 1
    test: str = ""


_asked = _Asked()
_before: list[tuple[str, int]] = []


def pytest_addoption(parser: Any) -> None:
    """Add ``--vespera-replay``."""
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


def pytest_configure(config: Any) -> None:
    """Remember what was asked for, until this run of pytest is over."""
    _before.append((_asked.code, _asked.depth))
    _asked.code = config.getoption("--vespera-replay", default="") or ""
    _asked.depth = config.getoption("--vespera-depth", default=1) or 1


def pytest_unconfigure() -> None:
    """What a run of pytest around this one was asked for holds again."""
    if _before:
        _asked.code, _asked.depth = _before.pop()


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember which test runs."""
    _asked.test = nodeid


def replay_code() -> str:
    """What to replay; empty: explore."""
    return _asked.code


def least_depth() -> int:
    """How many times a process dies in a run at least."""
    return _asked.depth


def test_in_shell() -> str:
    """The running test as an argument of a command."""
    return shlex.quote(_asked.test) if _asked.test else "<the test>"


test_in_shell.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test
