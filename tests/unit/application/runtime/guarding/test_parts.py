"""What guards are given is checked when they are made."""

from unittest.mock import AsyncMock, Mock

import pytest

from vespera import (
    AsyncService,
    Bulkhead,
    CircuitBreaker,
    Clock,
    ModelSwitcherOrchestrator,
    RateLimit,
    ServiceGuard,
    Timeout,
)
from vespera.application.ports.breakers import Breakers
from vespera.domain.errors import InvalidRequest
from vespera.testing import VirtualClock

MADE = {
    "timeout": lambda **parts: Timeout(1, **parts),
    "rate limit": lambda **parts: RateLimit(1, **parts),
    "breaker": CircuitBreaker,
    "guard": ServiceGuard,
    "service": AsyncService,
    "switcher": lambda **parts: ModelSwitcherOrchestrator(["a"], **parts),
}


@pytest.fixture(params=MADE, ids=str)
def make(request):
    return MADE[request.param]


@pytest.mark.parametrize("clock", [3, "noon", object(), VirtualClock, lambda: 0.0])
def test_what_is_no_clock_is_refused(make, clock):
    with pytest.raises(
        InvalidRequest, match=r"^clock: must be a Clock, as container.clock\(\), not"
    ):
        make(clock=clock)


@pytest.mark.parametrize("name", [3, None, b"model", ["model"]], ids=repr)
def test_what_is_no_name_is_refused(make, name):
    with pytest.raises(InvalidRequest, match=r"^name: must be"):
        make(name=name)


def test_a_bulkhead_s_name_is_text():
    with pytest.raises(InvalidRequest, match=r"^name: must be text"):
        Bulkhead(1, name=3)


@pytest.mark.parametrize("store", [3, {}, Breakers, VirtualClock()])
def test_what_shares_no_breakers_is_refused(store):
    told = r"^store: must be a Breakers, as container.breakers\(\), not"
    for make in (CircuitBreaker, MADE["switcher"]):
        with pytest.raises(InvalidRequest, match=told):
            make(name="model", store=store)


def test_a_class_in_the_place_of_its_object_is_named():
    with pytest.raises(InvalidRequest, match="not VirtualClock itself"):
        Timeout(1, clock=VirtualClock)


def test_a_clock_that_is_handed_on_is_checked_too():
    for guard in (Timeout(1), RateLimit(1), CircuitBreaker()):
        with pytest.raises(InvalidRequest, match="clock: must be a Clock"):
            guard.keep_time_by(3)


def test_mocks_of_the_ports_are_taken_for_what_they_stand_for(make):
    make(clock=Mock(spec=Clock))
    CircuitBreaker(name="a", store=AsyncMock(spec=Breakers), clock=AsyncMock(spec=Clock))
