"""A step's function has returned, and whoever asked for it is cancelled before that is recorded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from vespera import (
    Codec,
    Container,
    Provider,
    TaskContext,
    TaskOrchestrator,
    TaskRepository,
    providers,
)
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import UnreadableValue
from vespera.domain.ids import TaskId
from vespera.testing import VirtualClock

TURNS = range(4)
"""Turns of the loop between the function's end and the cancellation; the record takes fewer."""


@dataclass
class Hotel:
    """A room, and what was done about it; ``then`` is called so many turns after it was booked."""

    turns: int = 0
    then: Callable[[], object] = lambda: None
    entries: list[str] = field(default_factory=list)

    async def book(self) -> str:
        self.entries.append("booked")
        self._tick(self.turns)
        return "room 7"

    def give_back(self, room: str) -> None:
        self.entries.append(f"gave back {room}")

    def _tick(self, left: int) -> None:
        if left == 0:
            self.then()
        else:
            asyncio.get_running_loop().call_soon(self._tick, left - 1)


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


@pytest.mark.parametrize("turns", TURNS)
async def test_what_was_done_as_a_sibling_failed_is_undone(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists, turns: int
) -> None:
    taken = asyncio.Event()
    hotel = Hotel(turns, taken.set)

    async def sibling() -> None:
        await taken.wait()
        raise ValueError("no train")

    async def trip(task: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.step("hotel", hotel.book, undo=hotel.give_back))
            group.create_task(sibling())

    specialists.register("trip", trip)

    result = await orchestrator.run(title="T", specialist_type="trip", task_id="t")

    assert result.status == "failed"
    assert hotel.entries == ["booked", "gave back room 7"]
    recorded = await container.get(StepRepository).of_task(TaskId("t"))
    assert [step.name for step in recorded] == ["hotel", "undo:", "undo:hotel"]


@pytest.mark.parametrize("turns", TURNS)
async def test_what_was_done_as_the_task_was_called_off_is_undone(
    orchestrator: TaskOrchestrator, specialists: Specialists, turns: int
) -> None:
    taken = asyncio.Event()
    hotel = Hotel(turns, taken.set)

    async def trip(task: TaskContext) -> None:
        await task.step("hotel", hotel.book, undo=hotel.give_back)
        await asyncio.Event().wait()

    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    await taken.wait()

    result = await orchestrator.cancel_task("t", "rain")

    assert result.status == (await running).status == "cancelled"
    assert hotel.entries == ["booked", "gave back room 7"]


@pytest.mark.parametrize("turns", TURNS)
async def test_what_was_done_as_the_attempt_was_interrupted_is_not_done_again(
    orchestrator: TaskOrchestrator, specialists: Specialists, turns: int
) -> None:
    hotel = Hotel(turns)

    async def trip(task: TaskContext) -> str:
        room = await task.step("hotel", hotel.book)
        if task.attempt == 1:
            await asyncio.Event().wait()
        return room

    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    hotel.then = running.cancel
    with pytest.raises(asyncio.CancelledError):
        await running

    result = await orchestrator.execute_task("t")

    assert result.result == "room 7"
    assert hotel.entries == ["booked"]


async def test_a_replay_that_is_cut_off_before_its_turn_is_undone_too(
    container: Container,
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    hotel, left = Hotel(), asyncio.Event()

    async def book() -> str:
        await left.wait()
        return await hotel.book()

    async def trip(task: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.step("hotel", book, undo=hotel.give_back))
            await asyncio.sleep(0)
            if task.attempt == 2:
                raise ValueError("no passport")
            await task.step("train", lambda: None)
            await clock.sleep(1)
            left.set()
            await asyncio.Event().wait()

    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    while len(await container.get(StepRepository).of_task(TaskId("t"))) < 2:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    result = await orchestrator.execute_task("t")

    assert "'hotel'" not in str(result.error)
    assert hotel.entries == ["booked", "gave back room 7"]


class ForgetfulCodec:
    """Around the container's own: rooms cannot be read any more once it is told to forget."""

    def __init__(self, inner: Codec) -> None:
        self.inner, self.forgets = inner, False

    def encode(self, value: object, *, what: str) -> bytes:
        return self.inner.encode(value, what=what)

    def decode(self, data: bytes) -> object:
        if self.forgets and b"room" in data:
            raise UnreadableValue("The file is missing.")
        return self.inner.decode(data)

    def plain(self, data: bytes) -> object:
        return self.inner.plain(data)

    def same(self, one: bytes, other: bytes) -> bool:
        return self.inner.same(one, other)


class Forgetful(Container):
    codec: Provider[Codec] = providers.Singleton(ForgetfulCodec, Container.codec)


async def waits_for_rain(hotel: Hotel, task: TaskContext) -> None:
    await task.step("hotel", hotel.book, undo=hotel.give_back)
    await task.wait_for_signal("rain")
    raise ValueError("rain")


async def cancelled(orchestrator: TaskOrchestrator) -> object:
    await orchestrator.cancel_task("t", "rain")
    return await orchestrator.wait_for_completion("t")


async def failed(orchestrator: TaskOrchestrator) -> object:
    await orchestrator.signal("t", "rain")
    return await orchestrator.wait_for_completion("t")


@pytest.mark.parametrize("ended", [cancelled, failed])
async def test_what_cannot_be_read_and_so_not_be_undone_is_told(
    ended: Callable[[TaskOrchestrator], Awaitable[object]],
) -> None:
    hotel = Hotel()

    async def trip(task: TaskContext) -> None:
        await waits_for_rain(hotel, task)

    async with Forgetful(linger_seconds=0) as container:
        codec = container.get(Codec)
        assert isinstance(codec, ForgetfulCodec)
        container.get(Specialists).register("trip", trip)
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.create_task(title="T", specialist_type="trip", task_id="t")
        await orchestrator.run_until_idle()
        codec.forgets = True

        await ended(orchestrator)

        stored = await container.get(TaskRepository).get(TaskId("t"))
        assert stored.error is not None
        assert "not undone: step 'hotel': The file is missing." in stored.error.message
        assert hotel.entries == ["booked"]
