"""The errors of the testing kit.

VesperaError
`-- TestingError
    |-- Deadlock            all wait, and nothing can happen any more
    `-- VirtualTimeOff      a test asked for virtual time, and its loop has none
"""

from vespera.domain.errors import VesperaError


class TestingError(VesperaError):
    """A test uses the testing kit wrongly, or the kit found something wrong with it."""

    __test__ = False  # pytest takes classes of this name for tests


class Deadlock(TestingError):
    """All wait, and nothing can happen any more."""


class VirtualTimeOff(TestingError):
    """A test asked for virtual time, and its event loop has none."""
