"""The parts of a simulated process do all that the real ones do."""

import inspect

import pytest

from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.threads import Threads
from vespera.testing.sim.killing import KillingLane, KillingThreads
from vespera.testing.sim.lanes import SimulatedLane
from vespera.testing.sim.threads import SimulatedThreads


def public(cls):
    return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if name[0] != "_"}


def parameters(method):
    return [(p.name, p.kind) for p in inspect.signature(method).parameters.values()]


def test_whatever_a_lane_does_a_simulated_one_does_otherwise():
    assert public(Lane) <= vars(SimulatedLane).keys()


def test_whatever_threads_do_simulated_ones_do_otherwise():
    assert public(Threads) - {"close", "stop"} <= vars(SimulatedThreads).keys()


@pytest.mark.parametrize("cls", [SimulatedLane, KillingLane])
def test_a_lane_is_made_and_given_work_in_the_same_way(cls):
    names = [name for name, _ in parameters(Lane.__init__)]

    assert set(names) <= {name for name, _ in parameters(cls.__init__)}
    assert parameters(cls.submit) == parameters(Lane.submit)


@pytest.mark.parametrize("cls", [SimulatedThreads, KillingThreads])
def test_threads_are_given_work_in_the_same_way(cls):
    assert parameters(cls.run) == parameters(Threads.run)
    assert parameters(cls.run_stoppable) == parameters(Threads.run_stoppable)
    assert parameters(cls.call) == parameters(Threads.call)
