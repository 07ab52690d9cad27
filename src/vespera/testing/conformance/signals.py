"""The promises of ``SignalRepository``."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from vespera.application.ports.persistence import SignalRepository
from vespera.domain.errors import DuplicateRow, TaskOver
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.signal import Signal
from vespera.domain.task import TaskStatus
from vespera.testing.conformance.samples import (
    FENCE,
    LATER,
    NOW,
    a_running_task,
    a_signal,
    a_step,
    a_task,
    a_wait,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores

T1 = TaskId("t1")


class SignalRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the signal repository is the one in question."""

    ports = (SignalRepository,)

    async def test_signals_come_back_as_they_were_in_the_order_of_storing(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task())
        sent = [
            a_signal("z", sent_at=LATER, payload=b"\0first"),
            a_signal("a", name="by name and id it were the first"),
            a_signal("m"),
        ]
        for signal in sent:
            await stores.signals.send(signal)

        assert list(await stores.signals.of_task(T1)) == sent

    async def test_signals_are_those_of_the_task(self, stores: Stores) -> None:
        await stores.tasks.add(a_task())
        await stores.tasks.add(a_task("t2"))
        other = a_signal(task_id=TaskId("t2"))
        await stores.signals.send(a_signal())
        await stores.signals.send(other)

        assert list(await stores.signals.of_task(T1)) == [a_signal()]
        assert list(await stores.signals.of_task(TaskId("t2"))) == [other]
        assert list(await stores.signals.of_task(TaskId("nobody"))) == []

    async def test_the_oldest_is_the_first_of_its_name_that_was_not_received(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        for name, signal_id in (("other", "1"), ("go", "3"), ("go", "2")):
            await stores.signals.send(a_signal(signal_id, name=name))

        assert await self._oldest(stores) == a_signal("3", name="go")
        await stores.steps.record(a_step(), FENCE, received=SignalId("3"))
        assert await self._oldest(stores) == a_signal("2", name="go")
        await stores.steps.record(a_step(occurrence=2, seq=2), FENCE, received=SignalId("2"))
        assert await self._oldest(stores) is None

    async def test_what_was_received_says_when(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.signals.send(a_signal())
        await stores.steps.record(a_step(recorded_at=LATER), FENCE, received=SignalId("s1"))

        assert [each.received_at for each in await self._sent(stores)] == [LATER]

    async def test_a_second_signal_of_one_id_is_refused(self, stores: Stores) -> None:
        await stores.tasks.add(a_task())
        await stores.signals.send(a_signal())
        with pytest.raises(DuplicateRow):
            await stores.signals.send(a_signal(payload=b"other"))

        assert await self._sent(stores) == [a_signal()]
        assert (await stores.tasks.get(T1)).news == 1

    async def test_of_many_that_send_one_id_at_once_one_succeeds(self, stores: Stores) -> None:
        await stores.tasks.add(a_task())
        signals = [a_signal(payload=str(number).encode()) for number in range(10)]
        results = await asyncio.gather(
            *(stores.signals.send(signal) for signal in signals), return_exceptions=True
        )

        (winner,) = [s for s, result in zip(signals, results, strict=True) if result is None]
        assert await self._sent(stores) == [winner]

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    async def test_a_finished_task_takes_no_signals(self, stores: Stores, status: str) -> None:
        await stores.tasks.add(a_task(status=TaskStatus(status)))
        with pytest.raises(TaskOver):
            await stores.signals.send(a_signal())

        assert await self._sent(stores) == []

    async def test_what_is_not_there_takes_no_signals(self, stores: Stores) -> None:
        with pytest.raises(TaskOver):
            await stores.signals.send(a_signal())

    @pytest.mark.parametrize("status", ["pending", "assigned", "executed"])
    async def test_a_task_that_nobody_holds_keeps_its_state_and_the_signal(
        self, stores: Stores, status: str
    ) -> None:
        task = a_task(status=TaskStatus(status), run_after=LATER)
        await stores.tasks.add(task)
        await stores.signals.send(a_signal())

        kept = await stores.tasks.get(T1)
        assert (kept.status, kept.run_after, kept.version) == (status, LATER, task.version)

    async def test_a_waiting_task_that_nobody_holds_is_pending_again(self, stores: Stores) -> None:
        await stores.tasks.add(_asleep(run_after=LATER))
        await stores.signals.send(a_signal())

        woken = await stores.tasks.get(T1)
        assert (woken.status, woken.run_after, woken.news) == ("pending", None, 1)
        assert woken.version == _asleep().version + 1

    async def test_a_task_that_is_held_hears_of_it_by_its_news_alone(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.suspend(a_wait(), FENCE, wake_at=LATER, now=NOW)
        before = await stores.tasks.get(T1)
        await stores.signals.send(a_signal())
        after = await stores.tasks.get(T1)

        assert (after.status, after.owner, after.run_after) == ("waiting", FENCE.owner, LATER)
        assert (after.version, after.news) == (before.version, before.news + 1)

    async def test_what_was_not_stored_is_no_news(self, stores: Stores) -> None:
        await stores.tasks.add(_asleep())
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.signals.send(a_signal())
                raise ZeroDivisionError

        assert await self._sent(stores) == []
        assert await stores.tasks.get(T1) == _asleep()

    @staticmethod
    async def _oldest(stores: Stores) -> Signal | None:
        return await stores.signals.oldest(T1, "go")

    @staticmethod
    async def _sent(stores: Stores) -> list[Signal]:
        return list(await stores.signals.of_task(T1))


def _asleep(run_after: datetime | None = None) -> Any:
    return a_task(status=TaskStatus.WAITING, attempt=1, run_after=run_after)
