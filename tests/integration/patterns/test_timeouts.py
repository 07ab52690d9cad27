"""Things that take too long, without waiting: time is a part, and the test's clock is in it."""

import asyncio
from typing import Protocol

import pytest

from vespera import Clock, Container, Provider, TaskContext, providers
from vespera.testing import AsyncTestBase, VirtualClock, mock_client


class Model(Protocol):
    async def complete(self, prompt: str) -> str: ...


class TimeoutAwareService:
    def __init__(self, *, clock: Clock, model: Model) -> None:
        self._clock, self._model = clock, model

    async def ask(self, prompt: str, timeout: float) -> str:
        async with self._clock.timeout(timeout):
            return await self._model.complete(prompt)


def slow(clock, seconds, answer="an answer"):
    async def complete(prompt):
        await clock.sleep(seconds)
        return answer

    return mock_client(Model, complete=complete)


@pytest.fixture
def clock():
    return VirtualClock()


async def test_what_is_quick_enough_answers(clock):
    """``elapsed < 5.0`` by ``time.time()`` measures the machine; this is exact."""
    service = TimeoutAwareService(clock=clock, model=slow(clock, 4.9))
    start = clock.now()

    async with clock.running():
        assert await service.ask("prompt", timeout=5.0) == "an answer"

    assert (clock.now() - start).total_seconds() == 4.9


async def test_what_takes_too_long_is_a_timeout_to_the_second(clock):
    service = TimeoutAwareService(clock=clock, model=slow(clock, 3600))
    start = clock.now()

    async with clock.running():
        with pytest.raises(TimeoutError):
            await service.ask("prompt", timeout=1.0)

    assert (clock.now() - start).total_seconds() == 1.0


async def test_the_service_works_after_a_timeout(clock):
    service = TimeoutAwareService(clock=clock, model=slow(clock, 3))

    async with clock.running():
        with pytest.raises(TimeoutError):
            await service.ask("prompt", timeout=1.0)
        assert await service.ask("prompt", timeout=5.0) == "an answer"


async def test_what_took_too_long_was_cancelled_and_could_clean_up(clock):
    cleaned_up = []

    async def complete(prompt):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.append(prompt)

    service = TimeoutAwareService(clock=clock, model=mock_client(Model, complete=complete))

    async with clock.running():
        with pytest.raises(TimeoutError):
            await service.ask("prompt", timeout=1.0)

    assert cleaned_up == ["prompt"]


async def test_a_timeout_of_the_service_below_is_not_ours(clock):
    """It looks the same; that no time has passed tells it."""
    model = mock_client(Model, complete=TimeoutError("the socket's own"))
    start = clock.now()

    with pytest.raises(TimeoutError, match="socket's own"):
        await TimeoutAwareService(clock=clock, model=model).ask("prompt", timeout=1.0)

    assert clock.now() == start


async def test_waiting_for_something_without_end_can_be_given_up(clock):
    event = asyncio.Event()

    async with clock.running():
        with pytest.raises(TimeoutError):
            async with clock.timeout(0.1):
                await event.wait()


class Unavailable:
    async def complete(self, prompt: str) -> str:
        raise NotImplementedError


class Asker:
    def __init__(self, *, model: Model) -> None:
        self._model = model

    async def execute(self, task: TaskContext) -> str:
        return await task.step("ask", self._model.complete, "prompt", timeout=10.0)


class AskingContainer(Container):
    model: Provider[Model] = providers.Singleton(Unavailable)
    specialists = providers.Aggregate(asker=providers.Factory(Asker, model=model))


class TestATask(AsyncTestBase):
    container_class = AskingContainer

    async def test_whose_step_takes_too_long_fails(self):
        self.override(Model, slow(self.clock, 60))
        start = self.clock.now()

        task = await self.create_test_task(specialist_type="asker")
        with pytest.raises(AssertionError, match=r"Step 'ask'.*10"):
            await self.wait_for_completion(task.task_id, timeout=3600)

        assert (self.clock.now() - start).total_seconds() == 10

    async def test_whose_step_is_quick_enough_completes(self):
        self.override(Model, slow(self.clock, 9))

        task = await self.create_test_task(specialist_type="asker")

        assert (await self.wait_for_completion(task.task_id)).result == "an answer"
