"""The promises of ``SignalRepository``."""

from typing import Any

import pytest

from vespera.application.ports.persistence import SignalRepository
from vespera.domain.errors import DuplicateRow, TaskOver
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.signal import Signal
from vespera.domain.task import TaskStatus
from vespera.testing.conformance.samples import (
    FAILURE,
    FENCE,
    LATER,
    NOW,
    a_running_task,
    a_step,
    a_task,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores

T1 = TaskId("t1")


def a_signal(signal_id: str = "s1", **fields: Any) -> Signal:
    """A signal "go" for the task "t1"."""
    values = {
        "id": SignalId(signal_id),
        "task_id": T1,
        "name": "go",
        "payload": b"\0payload",
        "sent_at": NOW,
    }
    return Signal(**{**values, **fields})


class SignalRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the signal repository is the one in question."""

    ports = (SignalRepository,)

    async def test_signals_come_back_as_they_were_in_the_order_of_storing(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        sent = [a_signal("b", sent_at=LATER), a_signal("a"), a_signal("c", name="stop")]
        for signal in sent:
            await stores.signals.send(signal)

        assert list(await stores.signals.of_task(T1)) == sent
        assert list(await stores.signals.of_task(TaskId("nobody"))) == []

    async def test_the_oldest_of_a_name_is_the_first_that_was_not_received(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        for name in ("first", "second"):
            await stores.signals.send(a_signal(name))
        await stores.signals.send(a_signal("other", name="stop"))

        assert await stores.signals.oldest(T1, "go") == a_signal("first")
        step = a_step(name="signal:go")
        await stores.steps.record(step, FENCE, received=SignalId("first"))
        assert await stores.signals.oldest(T1, "go") == a_signal("second")
        assert await stores.signals.oldest(T1, "nothing") is None
        assert (await stores.signals.of_task(T1))[0].received_at == step.recorded_at

    async def test_an_id_that_the_task_has_already_is_refused(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.tasks.add(a_running_task("t2"))
        await stores.signals.send(a_signal())

        with pytest.raises(DuplicateRow):
            await stores.signals.send(a_signal(payload=b"other"))
        await stores.signals.send(a_signal(task_id=TaskId("t2")))  # another task's
        assert list(await stores.signals.of_task(T1)) == [a_signal()]
        assert (await stores.tasks.get(T1)).news == 1

    async def test_who_is_finished_or_not_there_is_sent_nothing(self, stores: Stores) -> None:
        await stores.tasks.add(a_task(status=TaskStatus.CANCELLED, error=FAILURE))

        for task_id in (T1, TaskId("nobody")):
            with pytest.raises(TaskOver):
                await stores.signals.send(a_signal(task_id=task_id))
            assert list(await stores.signals.of_task(task_id)) == []

    async def test_a_task_that_somebody_holds_goes_on_and_has_news(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.signals.send(a_signal())

        task = await stores.tasks.get(T1)
        assert (task.status, task.news, task.version) == ("running", 1, 1)

    async def test_a_waiting_task_that_nobody_holds_is_pending_again(self, stores: Stores) -> None:
        await stores.tasks.add(a_task(status=TaskStatus.WAITING, run_after=LATER))
        await stores.signals.send(a_signal())

        task = await stores.tasks.get(T1)
        assert (task.status, task.news, task.version) == ("pending", 1, 2)
        assert task.run_after is None
