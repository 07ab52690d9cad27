import asyncio
from datetime import timedelta

import pytest

from vespera import Container
from vespera.application.ports.clock import Clock
from vespera.testing import VirtualClock
from vespera.testing.faults import FaultNeverHit, FaultRefused, Faults


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def container(clock):
    container = Container(workspace="/nonexistent/vespera")
    container.override(Clock, clock)
    return container


async def test_the_wall_clock_jumps_and_those_who_wait_wait_as_before(container, clock):
    began = clock.now()
    with Faults(container) as faults:
        seen = container.get(Clock)
        sleeping = asyncio.create_task(seen.sleep(60))
        await clock.advance(seconds=30)
        with faults.clock.jumps(hours=-2) as jump:
            assert seen.now() == began + timedelta(seconds=30, hours=-2)
            await clock.advance(seconds=29)
            assert not sleeping.done()
            await clock.advance(seconds=1)
            assert sleeping.done()
        assert seen.now() == began + timedelta(seconds=60)
        assert jump.hits > 0


async def test_a_time_limit_goes_by_the_time_that_passes(container, clock):
    with Faults(container) as faults:
        faults.clock.jumps(days=3)
        began = clock.now()
        async with clock.running():
            with pytest.raises(TimeoutError):
                async with container.get(Clock).timeout(5):
                    await asyncio.Event().wait()
        assert clock.now() - began == timedelta(seconds=5)
        container.get(Clock).now()


def test_jumps_add_up_and_each_is_undone_alone(container, clock):
    with Faults(container) as faults:
        seen, began = container.get(Clock), clock.now()
        first = faults.clock.jumps(minutes=5)
        faults.clock.jumps(days=-1, seconds=1)
        assert seen.now() - began == timedelta(days=-1, minutes=5, seconds=1)
        first.undo()
        first.undo()
        assert seen.now() - began == timedelta(days=-1, seconds=1)
    assert container.get(Clock) is clock


def test_a_jump_that_nobody_saw_fails(container):
    faults = Faults(container)
    with pytest.raises(FaultNeverHit, match="nobody asked"), faults.clock.jumps(hours=1):
        pass
    faults.clock.jumps(hours=2)
    with pytest.raises(FaultNeverHit, match="2:00:00"):
        faults.close()


def test_a_jump_that_nobody_needs_to_see_is_optional(container):
    with Faults(container) as faults:
        faults.clock.jumps(hours=1, optional=True)


def test_an_error_is_not_hidden_by_a_jump_that_nobody_saw(container):
    with pytest.raises(ZeroDivisionError), Faults(container) as faults, faults.clock.jumps(days=1):
        raise ZeroDivisionError


def test_a_jump_by_nothing_is_refused(container):
    with Faults(container) as faults, pytest.raises(FaultRefused, match="by nothing"):
        faults.clock.jumps()


async def test_what_else_the_clock_can_do_it_can_still_do(container, clock):
    with Faults(container):
        await container.get(Clock).advance(seconds=5)
        assert container.get(Clock).sleepers == ()
