"""What guards are given is checked when they are made."""

from unittest.mock import AsyncMock, Mock

import pytest

from vespera import (
    AsyncService,
    Budget,
    Bulkhead,
    CircuitBreaker,
    Clock,
    CostTracker,
    ModelSwitcherOrchestrator,
    RateLimit,
    RetryPolicy,
    ServiceGuard,
    Timeout,
)
from vespera.application.ports.breakers import Breakers
from vespera.domain.errors import BudgetExceeded, InvalidRequest
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


@pytest.mark.parametrize("given", [None, 3, "ask"])
async def test_what_is_no_function_is_refused_and_says_nothing_of_the_service(given):
    breaker = CircuitBreaker(failure_threshold=1)
    for guard in (breaker, ServiceGuard(breaker=breaker)):
        with pytest.raises(InvalidRequest, match=r"^function: must be what is called"):
            await guard.call(given)
    with pytest.raises(InvalidRequest, match=r"^function: "):
        ServiceGuard()(given)

    assert (await breaker.status()).state == "closed"


def test_an_async_generator_is_no_call_that_could_be_guarded():
    async def pieces():
        yield 1

    with pytest.raises(InvalidRequest, match="not an async generator"):
        ServiceGuard()(pieces)


async def test_a_budget_that_refuses_a_call_is_neither_tried_again_nor_a_failure():
    tracker, tries = CostTracker(budget=Budget(calls=1)), []

    async def ask():
        tries.append(1)
        async with tracker.track_operation("ask"):
            return "asked"

    breaker = CircuitBreaker(failure_threshold=1)
    guard = ServiceGuard(breaker=breaker, retry=RetryPolicy(max_attempts=3, delay=0))
    assert await guard.call(ask) == "asked"
    with pytest.raises(BudgetExceeded):
        await guard.call(ask)

    assert len(tries) == 2
    assert (await breaker.status()).state == "closed"


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
    CircuitBreaker(name="a", store=AsyncMock(spec=["get", "save"]))
