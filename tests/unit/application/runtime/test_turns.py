"""What came first comes first, when a handler is given again what is recorded."""

import asyncio
from datetime import timedelta

import pytest

from vespera.application.runtime.turns import AT_LAST, QUIET, Turns
from vespera.domain.step import StepRecord
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import NOW, a_step


class Handler:
    """Asks for records, one by one."""

    def __init__(self, clock: VirtualClock, *seconds: float) -> None:
        """``seconds``: when each was recorded."""
        self.records = [
            a_step(name=f"s{n}", recorded_at=NOW + timedelta(seconds=n)) for n in seconds
        ]
        self.asked: list[StepRecord] = []
        self.came: list[str] = []
        self.turns = Turns(
            records=self.records, is_due=lambda record: record not in self.asked, clock=clock
        )

    async def ask(self, place: int) -> None:
        self.asked.append(self.records[place])
        self.turns.go_on()
        await self.turns.of(self.records[place].recorded_at)
        self.came.append(self.records[place].name)

    async def news(self, name: str = "news") -> None:
        await self.turns.of(AT_LAST)
        self.came.append(name)


async def test_what_is_asked_for_in_another_order_comes_in_that_of_recording(
    clock: VirtualClock,
) -> None:
    handler = Handler(clock, 1, 2, 3)

    await asyncio.gather(handler.news(), handler.ask(2), handler.ask(1), handler.ask(0))

    assert handler.came == ["s1", "s2", "s3", "news"]


@pytest.mark.parametrize("asked", [(1, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0)])
async def test_they_do_so_also_if_more_is_to_be_asked_for(
    clock: VirtualClock, asked: tuple[int, ...]
) -> None:
    handler = Handler(clock, 1, 2, 3, 4)

    await asyncio.gather(*map(handler.ask, asked))

    assert handler.came == ["s1", "s2", "s3"][: len(asked)]


async def test_the_order_is_that_of_the_ends_not_of_the_beginnings(clock: VirtualClock) -> None:
    handler = Handler(clock, 5, 1, 3)

    await asyncio.gather(handler.ask(2), handler.ask(1))

    assert handler.came == ["s1", "s3"]


@pytest.mark.parametrize("asked", [(0, 1), (1, 0)])
async def test_what_came_first_can_be_done_something_about_before_the_next_one_comes(
    clock: VirtualClock, asked: tuple[int, int]
) -> None:
    handler = Handler(clock, 1, 1.1)
    both = [asyncio.create_task(handler.ask(place)) for place in asked]

    done, late = await asyncio.wait(both, return_when="FIRST_COMPLETED")

    assert handler.came == ["s1"]
    assert len(done) == 1
    for _ in range(QUIET - 4):
        await asyncio.sleep(0)
    assert handler.came == ["s1"]
    await asyncio.wait(late)
    assert handler.came == ["s1", "s1.1"]


@pytest.mark.parametrize("asked", [(0, 1), (1, 0)])
async def test_what_came_together_comes_together(
    clock: VirtualClock, asked: tuple[int, int]
) -> None:
    handler = Handler(clock, 1, 1.001)
    both = [asyncio.create_task(handler.ask(place)) for place in asked]

    for _ in range(4):
        await asyncio.sleep(0)

    assert all(one.done() for one in both)
    assert handler.came == ["s1", "s1.001"]


async def test_one_thing_after_the_other_is_not_held_up_for_a_single_turn(
    clock: VirtualClock,
) -> None:
    handler = Handler(clock, 1, 2, 2, 3)

    for place in range(4):
        with pytest.raises(StopIteration):
            handler.ask(place).send(None)

    assert handler.came == ["s1", "s2", "s2", "s3"]


async def test_it_is_not_held_up_either_behind_what_was(clock: VirtualClock) -> None:
    handler = Handler(clock, 1, 2, 3, 4)
    await asyncio.gather(handler.ask(1), handler.ask(0))
    await handler.ask(2)

    with pytest.raises(StopIteration):
        handler.ask(3).send(None)


@pytest.mark.parametrize("turns", range(QUIET + 5))
async def test_nobody_overtakes_those_who_were_held_up(clock: VirtualClock, turns: int) -> None:
    handler = Handler(clock, 1)
    first = asyncio.create_task(handler.news("first"))
    await asyncio.sleep(0)
    asking = asyncio.create_task(handler.ask(0))

    for _ in range(turns):
        await asyncio.sleep(0)
    await asyncio.gather(first, asking, handler.news("second"))

    assert handler.came == ["s1", "first", "second"]


async def test_who_is_cancelled_while_being_held_up_holds_up_nobody(clock: VirtualClock) -> None:
    handler = Handler(clock, 1, 2)
    second = asyncio.create_task(handler.ask(1))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})

    await handler.ask(0)
    await handler.news()

    assert handler.came == ["s1", "news"]


async def test_nobody_waits_for_long_for_what_is_not_asked_for(clock: VirtualClock) -> None:
    handler = Handler(clock, 1, 2, 3)
    began = clock.now()

    await handler.ask(2)
    await handler.ask(1)

    assert handler.came == ["s3", "s2"]
    assert (clock.now() - began).total_seconds() == pytest.approx(1)


async def test_where_something_is_left_out_the_others_come_in_their_order(
    clock: VirtualClock,
) -> None:
    handler = Handler(clock, 1, 2, 3, 4)
    began = clock.now()

    await asyncio.gather(handler.ask(3), handler.ask(2), handler.ask(1))

    assert handler.came == ["s2", "s3", "s4"]
    assert (clock.now() - began).total_seconds() == pytest.approx(1)


async def test_who_is_cancelled_when_it_is_its_turn_holds_up_nobody(clock: VirtualClock) -> None:
    for turns in range(QUIET + 5):
        handler = Handler(clock, 1, 2, 3)
        second = asyncio.create_task(handler.ask(1))
        await asyncio.sleep(0)
        await handler.ask(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})

        began = clock.now()
        await handler.ask(2)
        await handler.news()
        assert handler.came[-2:] == ["s3", "news"]
        assert clock.now() == began


async def test_where_nothing_is_recorded_nothing_is_held_up(clock: VirtualClock) -> None:
    await Handler(clock).news()
