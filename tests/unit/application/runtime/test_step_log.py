"""One attempt's view of what is recorded, and what it stores itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock
from weakref import ref

import pytest

from vespera import Container
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.steps import StepLog
from vespera.domain.errors import LeaseLost, NonDeterministicTask, StepFailed
from vespera.domain.ids import TaskId
from vespera.domain.step import Fence, StepRecord
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import WORKER, a_running_task, a_step

LEASE = timedelta(seconds=30)


class Desk:
    """Logs over given records, and what they store."""

    def __init__(self, codec: Codec, clock: VirtualClock) -> None:
        self.codec, self.clock = codec, clock
        self.steps = AsyncMock(spec=StepRepository)
        self.steps.record.return_value = False
        self.paused = 0

    def log(self, *records: StepRecord, **of_task: Any) -> StepLog:
        return StepLog(
            task=a_running_task(**of_task),
            owner=WORKER,
            records=records,
            steps=self.steps,
            codec=self.codec,
            clock=self.clock,
            lease=LEASE,
            pause=self.pause,
        )

    def pause(self) -> None:
        self.paused += 1

    @property
    def stored(self) -> StepRecord:
        record = self.steps.record.call_args.args[0]
        assert isinstance(record, StepRecord)
        return record

    @property
    def extended(self) -> datetime | None:
        until = self.steps.record.call_args.kwargs["lease_until"]
        assert until is None or isinstance(until, datetime)
        return until

    def failure(self, name: str, seq: int, epoch: int = 0) -> StepRecord:
        error = self.codec.encode(("no", ("ValueError", "Exception")), what="an error")
        return a_step(name=name, seq=seq, epoch=epoch, value=None, error=error)


@pytest.fixture
def desk(container: Container, clock: VirtualClock) -> Desk:
    return Desk(container.get(Codec), clock)


def names(told: Iterable[str]) -> str:
    return ", ".join(told)


async def test_what_is_new_is_numbered_behind_all_that_is_recorded(desk: Desk) -> None:
    log = desk.log(a_step(name="a", seq=2), a_step(name="b", seq=7))

    await log.succeeded(("c", 1), "new")

    assert desk.stored.seq == 8


async def test_a_step_that_had_failed_keeps_its_place_when_it_is_done(desk: Desk) -> None:
    log = desk.log(desk.failure("a", 1), a_step(name="b", seq=2), failures=1)
    key, record = log.ask("a")
    assert record is None

    await log.succeeded(key, "done")

    assert (desk.stored.seq, desk.stored.epoch) == (1, 1)


@pytest.mark.parametrize("began", ["now", "in an earlier attempt"])
async def test_a_wait_keeps_the_place_where_it_began(desk: Desk, began: str) -> None:
    open_wait = a_step(name="w", seq=1, value=None, awaits="a signal")
    log = desk.log(*[open_wait] if began != "now" else [])
    key, _ = log.ask("w")
    if began == "now":
        assert log.begin(key, "a signal", None).seq == 1
    await log.succeeded(("b", 1), "in between")
    assert desk.stored.seq == 2

    await log.ended(key, b"1", None)

    assert desk.stored.seq == 1


async def test_who_lost_the_task_knows_it(desk: Desk) -> None:
    log = desk.log()
    desk.steps.record.side_effect = LeaseLost
    assert not log.lost

    with pytest.raises(LeaseLost):
        await log.succeeded(("a", 1), 1)

    assert log.lost


async def test_a_step_extends_the_lease_when_a_third_of_it_is_over(
    desk: Desk, clock: VirtualClock
) -> None:
    log = desk.log()
    await log.succeeded(("a", 1), 1)
    assert desk.extended is None
    await clock.sleep(10)
    await log.succeeded(("a", 2), 1)
    assert desk.extended == clock.now() + LEASE
    await log.succeeded(("a", 3), 1)
    assert desk.extended is None


async def test_a_step_behind_a_rest_says_that_the_task_is_running(desk: Desk) -> None:
    log = desk.log()
    await log.suspend(None, None, rests=True)
    assert log.sleeps_until(None)

    await log.succeeded(("a", 1), 1)
    assert desk.extended is not None
    assert not log.sleeps_until(None)

    await log.succeeded(("a", 2), 1)
    assert desk.extended is None


async def test_a_heartbeat_behind_a_rest_says_that_the_task_is_running(
    desk: Desk, clock: VirtualClock
) -> None:
    log = desk.log()
    await log.suspend(None, None, rests=True)
    await clock.sleep(10)

    await log.beat(("a", 1), b"null")
    assert not log.sleeps_until(None)

    await log.succeeded(("a", 1), 1)
    assert desk.extended is None  # the heartbeat has done so


async def test_a_rest_is_known_only_if_it_ends_soon_enough(desk: Desk, clock: VirtualClock) -> None:
    log, now = desk.log(), clock.now()
    await log.suspend(None, now + timedelta(seconds=9), rests=True)

    assert log.sleeps_until(now + timedelta(seconds=9))
    assert log.sleeps_until(now + timedelta(seconds=10))
    assert not log.sleeps_until(now + timedelta(seconds=8))


async def test_what_is_undone_is_not_paused(desk: Desk) -> None:
    log = desk.log()
    desk.steps.record.return_value = True
    log.rewinding = True

    await log.succeeded(("undo:a", 1), None)

    assert desk.paused == 0


async def test_a_task_stays_undoable(desk: Desk) -> None:
    log = desk.log()
    await log.succeeded(("a", 1), 1, undoable=True)
    assert desk.steps.record.call_args.kwargs["undoable"]
    await log.succeeded(("b", 1), 1)

    assert log.undoable
    await log.succeeded(("c", 1), 1, undoable=True)
    assert "undoable" not in desk.steps.record.call_args.kwargs  # it is stored already


async def test_a_failure_that_is_replayed_excuses_all_that_had_been_recorded_before_it(
    desk: Desk,
) -> None:
    first, last = desk.failure("a", 2), desk.failure("c", 4)
    log = desk.log(first, a_step(name="b", seq=3), last, failures=0)

    for failure in (last, first):  # in whichever order
        log.ask(failure.name)
        with pytest.raises(StepFailed):
            log.replay(failure)

    log.check()


@pytest.mark.parametrize(
    "others",
    [
        (("a", 1, 0), ("c", 5, 1)),  # went on behind it in a later epoch
        (("a", 1, 0), ("b", 2, 0), ("c", 5, 1)),
    ],
)
async def test_only_what_ran_anew_before_it_excuses_that_a_step_is_left_out(
    desk: Desk, others: tuple[tuple[str, int, int], ...]
) -> None:
    given = [a_step(name=name, seq=seq, epoch=epoch) for name, seq, epoch in others]
    left_out = a_step(name="left out", seq=3, epoch=0)
    log = desk.log(*given[:-1], left_out, given[-1], failures=1)
    for record in given:
        log.ask(record.name)

    with pytest.raises(NonDeterministicTask, match="recorded the step 'left out'"):
        log.check()


async def test_a_step_is_excused_behind_one_that_ran_anew_in_a_later_epoch(desk: Desk) -> None:
    log = desk.log(
        a_step(name="anew", seq=1, epoch=1), a_step(name="left out", seq=2, epoch=0), failures=1
    )
    log.ask("anew")

    log.check()


async def test_a_change_of_the_handler_may_be_left_out(desk: Desk) -> None:
    desk.log(a_step(name="patch:a")).check()


async def test_what_was_done_and_not_asked_for_again_may_have_to_be_undone(desk: Desk) -> None:
    now = desk.clock.now()
    forked = {"forked_from": TaskId("first"), "created_at": now}
    records = (
        a_step(name="inherited", seq=1, recorded_at=now - timedelta(seconds=1)),
        a_step(name="asked for", seq=2, recorded_at=now),
        a_step(name="a sleep", seq=3, recorded_at=now, wake_at=now),
        a_step(name="signal:go", seq=4, recorded_at=now),
        a_step(name="left", seq=5, recorded_at=now),
    )
    log = desk.log(*records, undoable=True, **forked)
    log.ask("asked for")

    assert names(log.forgotten()) == "step 'left'"
    assert names(desk.log(*records, **forked).forgotten()) == ""


async def test_its_fence_is_that_of_the_attempt(desk: Desk) -> None:
    assert desk.log().fence == Fence(TaskId("t1"), 1, WORKER)


@pytest.mark.parametrize("records", [(), (a_step(),)])
async def test_it_is_gone_with_its_attempt_and_leaves_nothing_to_the_garbage_collector(
    desk: Desk, records: tuple[StepRecord, ...]
) -> None:
    log = desk.log(*records)
    left = ref(log)

    del log

    assert left() is None
