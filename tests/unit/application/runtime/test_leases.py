"""Leases when somebody sets the clock."""

from datetime import datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.leases import Leases
from vespera.domain.errors import DatabaseFull
from vespera.domain.ids import OwnerId, TaskId
from vespera.testing import VirtualClock
from vespera.testing.faults.clock import JumpingClock, Jumps

LEASE = timedelta(seconds=30)
OWNER = OwnerId("w")
A, B = TaskId("a"), TaskId("b")


class SetClock:
    """A clock that the test sets, and the leases that go by it."""

    def __init__(self) -> None:
        self.virtual, self._jumps = VirtualClock(), Jumps()
        self.clock = JumpingClock(self.virtual, self._jumps.of)
        self.queue = AsyncMock(spec=TaskQueue)
        self.leases = Leases(queue=self.queue, clock=self.clock, lease=LEASE)

    def set(self, **by: float) -> None:
        self._jumps.jumps(**by)

    async def passes(self, seconds: float) -> None:
        await self.virtual.advance(seconds=seconds)

    def judged_by(self) -> timedelta:
        """By how much leases are judged by an earlier moment than now."""
        now = self.clock.now()
        return now - self.leases.expired_by(now)


@pytest.fixture
def host() -> SetClock:
    return SetClock()


async def test_time_that_passes_is_no_jump(host: SetClock) -> None:
    for seconds in (1, 29, 3600, 0, 86_400):
        await host.passes(seconds)
        assert not host.leases.look()

    assert host.leases.jumps == 0
    assert not host.judged_by()


async def test_after_a_jump_forward_leases_are_judged_by_the_old_time_for_one_lease(
    host: SetClock,
) -> None:
    host.set(hours=1)

    assert host.leases.look()
    assert host.judged_by() == timedelta(hours=1)
    await host.passes(29.9)
    assert host.judged_by() == timedelta(hours=1)
    await host.passes(0.2)
    assert not host.judged_by()


async def test_a_jump_is_noticed_once(host: SetClock, caplog: pytest.LogCaptureFixture) -> None:
    host.set(hours=1)

    assert [host.leases.look() for _ in range(3)] == [True, False, False]
    assert host.leases.jumps == 1
    (told,) = caplog.messages
    assert told == "The host's clock was set forward by 1:00:00; nobody loses a task by that."


async def test_after_a_jump_back_leases_are_judged_by_the_time_there_is(
    host: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    host.set(hours=-1)

    assert host.leases.look()
    assert not host.judged_by()
    assert "set back by 1:00:00" in caplog.text


async def test_a_jump_that_leaves_time_for_a_heartbeat_is_none(host: SetClock) -> None:
    host.set(seconds=5)

    assert not host.leases.look()


async def test_small_jumps_in_a_row_count_together(host: SetClock) -> None:
    host.set(seconds=3)
    assert not host.leases.look()
    await host.passes(1)
    host.set(seconds=3)

    assert host.leases.look()
    assert host.judged_by() == timedelta(seconds=6)


async def test_a_clock_that_goes_a_little_fast_is_no_jump_however_long_it_does(
    host: SetClock,
) -> None:
    for _ in range(100):
        host.set(seconds=0.5)
        await host.passes(11)
        assert not host.leases.look()


async def test_two_jumps_forward_add_up(host: SetClock) -> None:
    host.set(hours=1)
    host.leases.look()
    await host.passes(20)
    host.set(hours=2)
    host.leases.look()
    await host.passes(20)

    assert host.judged_by() == timedelta(hours=3)


async def test_a_jump_to_and_fro_is_none_in_the_end(host: SetClock) -> None:
    host.set(hours=1)
    host.leases.look()
    host.set(hours=-1)
    host.leases.look()

    assert not host.judged_by()


async def test_a_jump_long_after_another_stands_alone(host: SetClock) -> None:
    host.set(hours=1)
    host.leases.look()
    await host.passes(31)
    host.set(hours=2)
    host.leases.look()

    assert host.judged_by() == timedelta(hours=2)


async def test_a_process_that_stands_still_while_it_reads_the_clocks_sees_no_jump(
    host: SetClock,
) -> None:
    class StandsStill(JumpingClock):
        def now(self) -> datetime:
            host.virtual._now += timedelta(minutes=10)
            return super().now()

    host.leases._clock = StandsStill(host.virtual, lambda now: now)

    assert [host.leases.look() for _ in range(3)] == [False, False, False]


async def test_leases_are_extended_to_a_whole_lease_from_now(host: SetClock) -> None:
    host.queue.extend.return_value = ["a"]

    assert set(await host.leases.extend({A: 1, B: 2}, OWNER)) == {"b"}
    until = host.clock.now() + LEASE
    host.queue.extend.assert_awaited_once_with({"a": 1, "b": 2}, owner="w", lease_until=until)


@pytest.mark.parametrize(("attempts", "owner"), [({}, OWNER), ({A: 1}, None)])
async def test_where_nothing_is_held_nothing_is_extended(
    host: SetClock, attempts: dict[TaskId, int], owner: OwnerId | None
) -> None:
    assert not await host.leases.extend(attempts, owner)
    host.queue.extend.assert_not_awaited()


async def test_leases_that_cannot_be_extended_are_not_lost_yet(
    host: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    host.queue.extend.side_effect = DatabaseFull("full")

    assert not await host.leases.extend({A: 1}, OWNER)
    assert "The leases of 1 tasks could not be extended." in caplog.text
