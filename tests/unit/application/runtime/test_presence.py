"""Whether an attempt works, waits, or rests."""

import asyncio
from datetime import timedelta

import pytest

from vespera.application.runtime.presence import Presence
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.testing import VirtualClock

FENCE = Fence(TaskId("t"), 1, OwnerId("w"))


class Ledger:
    """Hears of changes, and lets go of the task when it may."""

    def __init__(self, clock: VirtualClock) -> None:
        self.told: list[tuple[bool, bool]] = []
        self.asked: list[tuple[Fence, int]] = []
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.looked = 0
        self.presence = Presence(clock, told=self.hear, park=self.park, looked=self.look)

    def look(self) -> None:
        self.looked += 1

    def hear(self, presence: Presence) -> None:
        self.told.append((presence.awaits, presence.rests))

    async def park(self, fence: Fence, news: int) -> bool:
        self.asked.append((fence, news))
        return await self.answer


@pytest.fixture
async def ledger(clock: VirtualClock) -> Ledger:
    return Ledger(clock)


async def test_it_rests_while_it_waits_and_does_not_work(ledger: Ledger) -> None:
    presence = ledger.presence
    assert (presence.awaits, presence.rests) == (False, False)

    presence.begin_wait("a", None)
    assert presence.rests
    await presence.begin_work()
    assert (presence.awaits, presence.rests) == (True, False)
    presence.end_work()
    assert presence.rests
    presence.end_wait("a")
    assert (presence.awaits, presence.rests) == (False, False)


async def test_each_change_is_told_once(ledger: Ledger) -> None:
    presence = ledger.presence
    await presence.begin_work()
    presence.end_work()
    presence.begin_wait("a", None)
    presence.begin_wait("b", None)
    await presence.begin_work()
    presence.end_work()
    presence.end_wait("a")
    presence.end_wait("b")
    presence.end_wait("b")

    assert ledger.told == [(True, True), (True, False), (True, True), (False, False)]


async def test_a_wait_that_begins_while_a_step_is_under_way_is_told(ledger: Ledger) -> None:
    await ledger.presence.begin_work()
    ledger.presence.begin_wait("a", None)

    assert ledger.told == [(True, False)]


async def test_it_wakes_when_the_first_of_its_waits_ends(
    ledger: Ledger, clock: VirtualClock
) -> None:
    presence, now = ledger.presence, clock.now()
    assert presence.wake_at is None
    presence.begin_wait("for ever", None)
    assert presence.wake_at is None
    presence.begin_wait("late", now + timedelta(days=2))
    presence.begin_wait("soon", now + timedelta(days=1))
    assert presence.wake_at == now + timedelta(days=1)
    presence.end_wait("soon")
    assert presence.wake_at == now + timedelta(days=2)


async def test_rest_adds_up_and_counts_while_it_lasts(ledger: Ledger, clock: VirtualClock) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    await clock.sleep(5)
    await presence.begin_work()
    await clock.sleep(100)
    presence.end_work()
    await clock.sleep(2)

    assert presence.rested() == timedelta(seconds=7)
    presence.end_wait("a")
    await clock.sleep(100)
    assert presence.rested() == timedelta(seconds=7)


async def test_only_who_rests_is_let_go_of(ledger: Ledger) -> None:
    presence = ledger.presence
    ledger.answer.set_result(True)
    assert not await presence.parked(FENCE, 3)
    presence.begin_wait("a", None)
    await presence.begin_work()
    assert not await presence.parked(FENCE, 3)
    presence.end_work()

    assert await presence.parked(FENCE, 3)
    assert ledger.asked == [(FENCE, 3)]


async def test_who_is_kept_in_memory_is_never_let_go_of(clock: VirtualClock) -> None:
    presence = Presence(clock)
    presence.begin_wait("a", None)

    assert not await presence.parked(FENCE, 0)


async def test_of_two_waits_one_lets_go(ledger: Ledger) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    parking = asyncio.create_task(presence.parked(FENCE, 0))
    await asyncio.sleep(0)

    assert not await presence.parked(FENCE, 0)
    ledger.answer.set_result(True)
    assert await parking
    assert len(ledger.asked) == 1


async def test_no_step_begins_while_the_task_is_let_go_of(ledger: Ledger) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    parking = asyncio.create_task(presence.parked(FENCE, 0))
    await asyncio.sleep(0)
    working = asyncio.create_task(presence.begin_work())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not working.done()

    ledger.answer.set_result(False)  # there was news
    await working
    assert not await parking
    assert not presence.rests


async def test_a_failure_to_let_go_leaves_all_as_it_was(ledger: Ledger) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    ledger.answer.set_exception(OSError("disk"))
    with pytest.raises(OSError, match="disk"):
        await presence.parked(FENCE, 0)

    await presence.begin_work()
    assert not presence.rests


async def test_the_end_of_the_attempt_is_the_end_of_all_its_waits(ledger: Ledger) -> None:
    presence = ledger.presence

    async def wait() -> None:
        presence.begin_wait("a", None)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            presence.end_wait("a")

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    presence.over()
    assert (presence.awaits, presence.rests) == (False, False)

    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert ledger.told == [(True, True), (False, False)]


async def test_it_looks_until_all_of_its_waits_listen(ledger: Ledger) -> None:
    presence = ledger.presence
    assert not presence.looks

    presence.begin_wait("a", None)
    presence.begin_wait("b", None)
    presence.listen("a")
    assert presence.looks
    presence.listen("b")
    assert not presence.looks
    presence.hears("a")
    assert presence.looks
    presence.end_wait("a")
    assert not presence.looks


async def test_that_it_has_looked_is_told_once_if_that_was_asked_for(ledger: Ledger) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    presence.begin_wait("b", None)
    presence.listen("a")
    presence.listen("b")
    assert ledger.looked == 0

    presence.hears("a")
    presence.hears("b")
    presence.tell_when_it_has_looked()
    presence.listen("a")
    assert ledger.looked == 0
    presence.listen("b")
    presence.listen("b")
    assert ledger.looked == 1


async def test_who_gives_up_a_step_while_the_task_is_let_go_of_disturbs_nobody(
    ledger: Ledger,
) -> None:
    presence = ledger.presence
    presence.begin_wait("a", None)
    parking = asyncio.create_task(presence.parked(FENCE, 0))
    await asyncio.sleep(0)
    given_up, step = (asyncio.create_task(presence.begin_work()) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})

    assert not step.done()
    ledger.answer.set_result(False)
    assert not await parking
    await step
    presence.end_work()
