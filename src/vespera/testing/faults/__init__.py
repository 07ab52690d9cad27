"""Faults on purpose: steps, calls, commits, files, the database and the clock go wrong on cue.

with Faults(container) as faults:
    with faults.at("step:charge", error=ConnectionError("down"), times=2) as fault:
        ...
    assert fault.hits == 2
"""

from vespera.testing.faults.errors import FaultNeverHit, FaultRefused, InjectedFault
from vespera.testing.faults.injection import Faults
from vespera.testing.faults.plan import ArmedFault

__all__ = ["ArmedFault", "FaultNeverHit", "FaultRefused", "Faults", "InjectedFault"]


def __getattr__(name: str) -> object:
    hint = (
        ": `faults` is a fixture, to be taken as an argument of the test; or make Faults(container)"
        if name == "at"
        else ""
    )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
