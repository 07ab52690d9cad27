"""Another object in the place of a part: how it is put there, and how exactly it goes away."""

from typing import Protocol
from unittest.mock import AsyncMock

import pytest

from vespera.domain.errors import OverrideRefused, UnknownPart
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers


class Clock(Protocol):
    def now(self) -> int: ...


class SystemClock:
    def now(self) -> int:
        return 1


class FixedClock:
    def __init__(self, moment: int) -> None:
        self.moment = moment

    def now(self) -> int:
        return self.moment


class Holder:
    def __init__(self, part: object) -> None:
        self.part = part


class Worker(Holder):
    """Starts itself on first use, as services may."""

    started = False
    stopped = 0

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.started = False
        self.stopped += 1


class House(BaseContainer):
    clock: Provider[Clock] = providers.Singleton(SystemClock)
    middle = providers.Singleton(Holder, clock)
    user = providers.Factory(Holder, middle)
    worker = Service(Worker, middle)
    other = Service(Worker, 1)
    late = providers.Singleton(Holder, clock.provider)
    kind = providers.Object(SystemClock)
    specialists = providers.Aggregate(
        coder=providers.Factory(Holder, clock), writer=providers.Singleton(Holder, middle)
    )


# ------------------------------------------------------------------------------ how it is put there


def test_an_override_by_type_reaches_everything_that_uses_the_part():
    container, fake = House(), FixedClock(2)

    container.override(Clock, fake)

    assert container.get(Clock) is fake
    assert container.get("user").part.part is fake
    assert container.get("specialists.coder").part is fake


def test_an_override_by_name_and_by_dotted_name():
    container = House()

    container.override("clock", FixedClock(2))
    container.override("specialists.coder", "my coder")

    assert container.get(Clock).now() == 2
    assert container.get("specialists.coder") == "my coder"
    assert container.specialists("coder") == "my coder"


def test_with_gives_the_object_and_undoes_it_at_the_end():
    container = House()

    with container.override(Clock, FixedClock(2)) as clock:
        assert clock.moment == 2
        assert container.get(Clock) is clock
    assert container.get(Clock).now() == 1


async def test_async_with_gives_the_object_and_undoes_it_at_the_end():
    container = House()

    async with container.override(Clock, FixedClock(2)) as clock:
        assert container.get(Clock) is clock
    assert container.get(Clock).now() == 1


def test_the_block_undoes_it_also_when_it_fails():
    container = House()

    with pytest.raises(ZeroDivisionError), container.override(Clock, FixedClock(2)):
        raise ZeroDivisionError
    assert container.get(Clock).now() == 1


def test_a_spec_mock_is_seen_by_the_user_of_the_part():
    container = House()

    with container.override(Clock, AsyncMock(spec=Clock)) as clock:
        assert container.get("user").part.part is clock


def test_a_provider_in_place_of_an_object_is_asked_each_time():
    container = House()

    container.override(Clock, providers.Factory(FixedClock, 3))

    assert container.get(Clock).now() == 3
    assert container.get(Clock) is not container.get(Clock)


def test_a_class_is_accepted_where_the_part_is_a_class():
    container = House()

    container.override("kind", FixedClock)

    assert container.get("kind") is FixedClock


def test_falsy_objects_are_objects():
    container = House()

    container.override("middle", 0)

    assert container.get("user").part == 0


# --------------------------------------------------------------------------------- how it goes away


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_overrides_of_one_part_are_undone_exactly_in_any_order(order: tuple[int, ...]):
    container = House()
    handles = [container.override(Clock, FixedClock(moment)) for moment in (10, 11, 12)]
    left = [10, 11, 12]

    for index in order:
        handles[index].undo()
        left.remove(10 + index)
        assert container.get(Clock).now() == (left[-1] if left else 1)


def test_blocks_left_in_another_order_remove_their_own_override():
    container = House()
    first = container.override(Clock, FixedClock(1))
    second = container.override(Clock, FixedClock(2))

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)

    assert container.get(Clock).now() == 2
    second.__exit__(None, None, None)
    assert isinstance(container.get(Clock), SystemClock)


def test_undoing_twice_is_undoing_once():
    container = House()
    lower = container.override(Clock, FixedClock(2))
    upper = container.override(Clock, FixedClock(3))

    upper.undo()
    upper.undo()

    assert container.get(Clock).now() == 2
    lower.undo()


async def test_an_override_that_is_over_cannot_be_entered_again():
    override = House().override(Clock, FixedClock(2))
    override.undo()

    with pytest.raises(OverrideRefused, match="This override of clock is over"), override:
        pass
    with pytest.raises(OverrideRefused, match="make a new one"):
        await override.__aenter__()


def test_the_same_provider_given_twice_is_undone_one_at_a_time():
    container = House()
    fake = providers.Factory(FixedClock, 2)
    first, second = container.override(Clock, fake), container.override(Clock, fake)

    first.undo()
    assert container.get(Clock).now() == 2
    second.undo()
    assert container.get(Clock).now() == 1


def test_a_native_override_in_between_stays():
    container = House()
    ours = container.override(Clock, FixedClock(2))
    container.clock.override(FixedClock(3))

    ours.undo()

    assert container.get(Clock).now() == 3
    container.clock.reset_override()
    assert container.get(Clock).now() == 1


def test_an_override_that_was_taken_away_natively_is_undone_without_harm():
    container = House()
    ours = container.override(Clock, FixedClock(2))
    container.clock.reset_override()

    ours.undo()

    assert container.get(Clock).now() == 1


async def test_overrides_last_until_cleanup_if_nobody_undoes_them():
    container = House()
    handle = container.override(Clock, FixedClock(2))

    async with container:
        assert container.get(Clock).now() == 2
    assert container.get(Clock).now() == 1
    handle.undo()


async def test_the_end_of_a_block_after_cleanup_does_no_harm():
    container = House()

    with container.override(Clock, FixedClock(2)):
        await container.cleanup_async_services()
        assert container.get(Clock).now() == 1


# ----------------------------------------------------------------------------------- cached objects


def test_cached_objects_hold_the_override_inside_and_the_real_part_after_it():
    container = House()
    before = container.get("middle")

    with container.override(Clock, FixedClock(2)) as clock:
        assert container.get("middle").part is clock
        assert container.get("specialists.writer").part.part is clock
    after = container.get("middle")

    assert isinstance(before.part, SystemClock)
    assert isinstance(after.part, SystemClock)


def test_cached_objects_that_do_not_hold_the_part_are_kept():
    container = House()
    unrelated, late = container.get("other"), container.get("late")

    with container.override(Clock, FixedClock(2)) as clock:
        assert container.get("other") is unrelated
        assert container.get("late") is late
        assert late.part() is clock


def test_a_cached_object_below_another_override_is_dropped_as_well():
    container = House()
    container.get("middle")
    with container.override("middle", "fake"):
        container.override(Clock, FixedClock(2))
    assert container.get("middle").part.now() == 2


# --------------------------------------------------------------------------------- running services


async def test_a_service_that_was_started_with_the_part_refuses_the_override():
    container = House()
    async with container:
        with pytest.raises(OverrideRefused, match="clock cannot be overridden: worker runs with"):
            container.override(Clock, FixedClock(2))
        assert container.get(Clock).now() == 1


async def test_a_service_that_was_started_cannot_be_overridden_itself():
    async with House() as container:
        with pytest.raises(OverrideRefused, match="worker runs with it; override before"):
            container.override("worker", "fake")


async def test_a_service_that_started_itself_refuses_the_override():
    container = House()
    await container.get("worker").start()

    with pytest.raises(OverrideRefused, match="worker runs with it"):
        container.override(Clock, FixedClock(2))
    await container.cleanup_async_services()


async def test_a_running_service_that_does_not_hold_the_part_is_no_hindrance():
    container = House()
    await container.get("other").start()

    container.override(Clock, FixedClock(2))

    assert container.get("other").started
    await container.cleanup_async_services()


async def test_a_service_behind_another_override_is_no_hindrance():
    container = House()
    container.override("middle", "fake")
    async with container:
        container.override(Clock, FixedClock(2))
        assert container.get(Clock).now() == 2


async def test_a_service_that_was_built_but_not_started_is_built_anew_and_stopped_at_cleanup():
    container = House()
    first = container.get("worker")

    with container.override(Clock, FixedClock(2)) as clock:
        second = container.get("worker")
        assert second.part.part is clock
    await container.cleanup_async_services()

    assert second is not first
    assert (first.stopped, second.stopped) == (1, 1)


async def test_an_override_of_what_a_started_service_holds_cannot_be_undone_before_cleanup():
    container = House()
    handle = container.override(Clock, FixedClock(2))
    async with container:
        with pytest.raises(OverrideRefused, match=r"worker was started with it.*cleanup_async"):
            handle.undo()
        assert container.get(Clock).now() == 2
    assert container.get(Clock).now() == 1


async def test_an_overridden_service_is_neither_started_nor_stopped():
    container = House()
    container.override("worker", fake := Worker(1))

    async with container:
        assert not fake.started
        assert container.get("worker") is fake
    assert fake.stopped == 0


# ------------------------------------------------------------------------------------- refused ones


def test_misspelt_names_and_unknown_types_are_refused_with_near_matches():
    with pytest.raises(UnknownPart, match="Did you mean 'clock'"):
        House().override("clok", FixedClock(2))

    class Clocks: ...

    with pytest.raises(UnknownPart, match=r"Clocks.*Did you mean 'Clock'"):
        House().override(Clocks, FixedClock(2))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("clock", FixedClock, r"FixedClock is a class, not an object; give FixedClock\(...\)"),
        ("clock", None, "None is no object"),
        ("specialists", {"coder": 1}, r"it is a group; override one of its parts, specialists\."),
        ("config", {"url": "x"}, "settings are given when the container is made"),
    ],
)
def test_what_cannot_stand_in_the_place_of_a_part_is_refused(name: str, value: object, reason: str):
    container = House()

    with pytest.raises(OverrideRefused, match=reason):
        container.override(name, value)
    assert container.get(Clock).now() == 1


def test_another_container_is_refused_because_its_misspelt_names_would_be_ignored():
    with pytest.raises(OverrideRefused, match="the object to put there is missing"):
        House().override(House())


def test_a_native_override_works_as_dependency_injector_defines_it():
    container = House()

    with container.clock.override(FixedClock(2)):
        assert container.get(Clock).now() == 2
    assert container.get(Clock).now() == 1
