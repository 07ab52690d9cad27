"""Nobody is idle while a task that waits may have heard of something."""

from datetime import timedelta

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.persistence import SignalRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.domain.signal import Signal
from vespera.infrastructure.di.base import providers
from vespera.testing import VirtualClock


class Slow:
    """Signals that are found out about after ``seconds``."""

    def __init__(self, real: SignalRepository, clock: VirtualClock) -> None:
        self._real, self._clock = real, clock
        self.seconds = 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def oldest(self, task_id: TaskId, name: str) -> Signal | None:
        await self._clock.sleep(self.seconds)
        return await self._real.oldest(task_id, name)


class SlowContainer(Container):
    """Its signals are slow."""

    signals = providers.Singleton(Slow, Container.signals, Container.clock)


@pytest.fixture
def container_class() -> type[Container]:
    return SlowContainer


@pytest.fixture
async def orchestrator(
    container: Container, specialists: Specialists, clock: VirtualClock
) -> TaskOrchestrator:
    """A task waits for the signal "go"; from now on, it takes it a second to look for it."""

    async def listen(task: TaskContext) -> object:
        return await task.wait_for_signal("go")

    specialists.register("listener", listen)
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.start()
    await orchestrator.create_task(title="A", task_id="t", specialist_type="listener")
    await clock.sleep(1)
    container.get(SignalRepository).seconds = 1.0  # type: ignore[attr-defined]
    return orchestrator


async def test_a_task_that_looks_whether_its_signal_has_come_goes_on_before_anybody_is_idle(
    orchestrator: TaskOrchestrator,
) -> None:
    await orchestrator.signal("t", "go", 17)

    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("t")).status == "executed"


async def test_who_waits_to_be_idle_is_told_that_a_task_has_looked_in_vain(
    orchestrator: TaskOrchestrator, clock: VirtualClock
) -> None:
    await orchestrator.signal("t", "another")
    began = clock.now()

    await orchestrator.run_until_idle()

    assert clock.now() - began == timedelta(seconds=1)
    assert (await orchestrator.get_task_status("t")).status == "waiting"
