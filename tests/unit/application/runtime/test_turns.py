"""What came first comes first, when a handler is given again what is recorded."""

import asyncio
from datetime import timedelta

import pytest

from vespera.application.runtime.turns import AT_LAST, Turns
from vespera.domain.step import StepRecord
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import NOW, a_step


class Handler:
    """Asks for records, one by one."""

    def __init__(self, clock: VirtualClock, *seconds: int) -> None:
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

    async def news(self) -> None:
        await self.turns.of(AT_LAST)
        self.came.append("news")


async def test_what_is_asked_for_in_another_order_comes_in_that_of_recording(
    clock: VirtualClock,
) -> None:
    handler = Handler(clock, 1, 2, 3)

    await asyncio.gather(handler.news(), handler.ask(2), handler.ask(1), handler.ask(0))

    assert handler.came == ["s1", "s2", "s3", "news"]


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


async def test_where_nothing_is_recorded_nothing_is_held_up(clock: VirtualClock) -> None:
    await Handler(clock).news()
