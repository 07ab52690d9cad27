"""The pytest option by which a failure of an exploration is seen again.

pytest loads this as a plugin. ``pytest --vespera-replay=c3a tests/test_shop.py::test_it`` runs, in
the explorations of the test, nothing but the crash after commit 3.
"""

import shlex
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Asked:
    code: str = ""
    test: str = ""


_asked = _Asked()


def pytest_addoption(parser: Any) -> None:
    """Add ``--vespera-replay``."""
    group = parser.getgroup("vespera")
    group.addoption(
        "--vespera-replay",
        metavar="CODE",
        default="",
        help="run only what CODE stands for in explore_crashes and explore_schedules",
    )


def pytest_configure(config: Any) -> None:
    """Remember the code."""
    _asked.code = config.getoption("--vespera-replay", default="") or ""


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember which test runs."""
    _asked.test = nodeid


def replay_code() -> str:
    """What to replay; empty: explore."""
    return _asked.code


def test_in_shell() -> str:
    """The running test as an argument of a command."""
    return shlex.quote(_asked.test) if _asked.test else "<the test>"


test_in_shell.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test
