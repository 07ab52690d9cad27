"""What the steps of a task have done is undone when it fails in the end, or is called off."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseFull
from vespera.domain.ids import TaskId
from vespera.domain.step import StepRecord
from vespera.testing import VirtualClock


class Journal:
    """Steps that are done and undone, as they happened."""

    def __init__(self, clock: VirtualClock) -> None:
        self.entries: list[str] = []
        self.clock = clock

    async def book(self, task: TaskContext, *names: str) -> None:
        for name in names:
            await task.step(name, self.noting(f"+{name}"), undo=self.noting(f"-{name}"))

    def noting(self, entry: str) -> Callable[..., object]:
        return lambda *_: self.entries.append(entry)


@pytest.fixture
def journal(clock: VirtualClock) -> Journal:
    return Journal(clock)


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def test_the_last_that_was_done_is_undone_first(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train", "hotel")
        raise ValueError("no flight")

    specialists.register("trip", trip)

    result = await orchestrator.run(title="T", specialist_type="trip")

    assert result.status == "failed"
    assert str(result.error).endswith("no flight")
    assert journal.entries == ["+train", "+hotel", "-hotel", "-train"]


async def test_while_the_task_is_tried_again_nothing_is_undone(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    async def trip(task: TaskContext) -> str:
        await journal.book(task, "train")
        if task.attempt == 1:
            raise ValueError("not yet")
        return "there"

    specialists.register("trip", trip)

    result = await orchestrator.run(title="T", specialist_type="trip", retry={"max_attempts": 2})

    assert result.result == "there"
    assert journal.entries == ["+train"]


async def test_an_undo_that_fails_is_told_and_the_others_are_undone(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    journal: Journal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def no_refund(_seat: object) -> None:
        raise OSError("no refund")

    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train")
        await task.step("flight", lambda: "12A", undo=no_refund)
        raise ValueError("ill")

    specialists.register("trip", trip)

    with caplog.at_level(logging.ERROR, "vespera"):
        result = await orchestrator.run(title="T", specialist_type="trip")

    assert "ill (not undone: step 'flight': no refund)" in str(result.error)
    assert "Step 'flight' could not be undone." in caplog.text
    assert journal.entries == ["+train", "-train"]


async def test_an_undo_is_retried_as_its_step(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    tried = []

    async def cancel_seat(seat: str) -> None:
        tried.append(seat)
        if len(tried) < 3:
            raise OSError("busy")

    async def trip(task: TaskContext) -> None:
        retry = RetryPolicy(max_attempts=3, delay=10)
        await task.step("flight", lambda: "12A", undo=cancel_seat, retry=retry)
        raise ValueError("ill")

    specialists.register("trip", trip)
    began = clock.now()

    result = await orchestrator.run(title="T", specialist_type="trip")

    assert tried == ["12A"] * 3
    assert "not undone" not in str(result.error)
    assert (clock.now() - began).total_seconds() >= 20


async def test_a_task_that_is_called_off_while_it_runs_undoes_what_it_has_done(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    there = asyncio.Event()

    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train")
        there.set()
        await asyncio.Event().wait()

    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    await there.wait()

    result = await orchestrator.cancel_task("t", "rain")

    assert result.status == "cancelled"
    assert (await running).status == "cancelled"
    assert journal.entries == ["+train", "-train"]


async def test_a_task_that_is_called_off_while_it_waits_for_its_next_try_undoes_it_too(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal, clock: VirtualClock
) -> None:
    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train")
        raise ValueError("not yet")

    specialists.register("trip", trip)
    await orchestrator.start()
    created = await orchestrator.create_task(
        title="T",
        specialist_type="trip",
        task_id="t",
        completion="auto",
        retry={"max_attempts": 2, "delay": 40.0},
    )
    assert created.success, created.error
    await clock.sleep(5)
    assert journal.entries == ["+train"]

    result = await orchestrator.cancel_task("t", "rain")

    assert result.status == "cancelled"
    assert "rain" in str((await orchestrator.get_task_status("t")).error)
    assert journal.entries == ["+train", "-train"]


async def test_what_a_handler_raises_as_it_is_called_off_does_not_keep_its_steps_from_being_undone(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    there = asyncio.Event()

    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train")
        try:
            there.set()
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("the umbrella is broken")

    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    await there.wait()

    result = await orchestrator.cancel_task("t", "rain")

    assert result.status == "cancelled"
    assert (await running).status == "cancelled"
    assert journal.entries == ["+train", "-train"]


async def test_a_last_attempt_that_ends_before_it_asks_for_a_step_again_tells_what_is_not_undone(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    async def trip(task: TaskContext) -> None:
        if task.attempt == 2:
            raise ConnectionError("no line")
        await task.step("weather", lambda: "fine")
        await journal.book(task, "train")
        raise ValueError("not yet")

    specialists.register("trip", trip)

    result = await orchestrator.run(
        title="T", specialist_type="trip", retry={"max_attempts": 2, "delay": 0}
    )

    assert result.error == (
        "ConnectionError: no line"
        " (not asked for again, and not undone: step 'weather'; step 'train')"
    )
    assert journal.entries == ["+train"]


async def test_an_attempt_that_only_undoes_does_nothing_behind_the_last_recorded_step(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal, clock: VirtualClock
) -> None:
    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train")
        await clock.sleep(1)
        journal.entries.append("arrived")
        raise ValueError("not yet")

    specialists.register("trip", trip)
    await orchestrator.create_task(
        title="T", specialist_type="trip", task_id="t", retry={"max_attempts": 2, "delay": 40.0}
    )
    await orchestrator.start()
    await clock.sleep(5)

    result = await orchestrator.cancel_task("t", "rain")

    assert result.status == "cancelled"
    assert journal.entries == ["+train", "arrived", "-train"]


class SlowTrip:
    """Its steps take a minute to be undone; ``undoing`` from the first moment of that."""

    def __init__(self, journal: Journal, *, fails: bool) -> None:
        self.journal, self.fails = journal, fails
        self.there, self.undoing = asyncio.Event(), asyncio.Event()

    async def __call__(self, task: TaskContext) -> None:
        for name in ("train", "hotel"):
            await task.step(name, self.journal.noting(f"+{name}"), undo=partial(self.undo, name))
        self.there.set()
        if self.fails:
            raise ValueError("no flight")
        await asyncio.Event().wait()

    async def undo(self, name: str, _: object) -> None:
        self.undoing.set()
        await self.journal.clock.sleep(60)
        self.journal.entries.append(f"-{name}")


async def test_a_task_that_has_failed_is_not_called_off_while_its_steps_are_undone(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    trip = SlowTrip(journal, fails=True)
    specialists.register("trip", trip)
    running = asyncio.create_task(orchestrator.run(title="T", specialist_type="trip", task_id="t"))
    await trip.undoing.wait()

    result = await orchestrator.cancel_task("t", "rain")

    assert (result.success, result.error) == (False, "Task 't' was failed before.")
    assert str((await running).error).endswith("no flight")
    assert journal.entries == ["+train", "+hotel", "-hotel", "-train"]


async def test_a_worker_that_stops_leaves_the_rest_of_the_undoing_to_the_next_one(
    orchestrator: TaskOrchestrator, specialists: Specialists, journal: Journal
) -> None:
    trip = SlowTrip(journal, fails=False)
    specialists.register("trip", trip)
    await orchestrator.start()
    await orchestrator.create_task(title="T", specialist_type="trip", task_id="t")
    await trip.there.wait()
    calling_off = asyncio.create_task(orchestrator.cancel_task("t", "rain"))
    await trip.undoing.wait()
    began = journal.clock.now()

    await orchestrator.stop(drain=1)

    assert (journal.clock.now() - began).total_seconds() == pytest.approx(1)
    told = await calling_off
    assert not told.success
    assert told.error == "Task 't' was interrupted; it is pending and goes on later."

    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("t")).error == "Cancelled: rain"
    assert journal.entries == ["+train", "+hotel", "-hotel", "-train"]


class Full:
    """A step repository whose disk is full for the records of one name."""

    def __init__(self, real: StepRepository, name: str) -> None:
        self._real, self._name = real, name
        self.full = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def record(self, step: StepRecord, *args: object, **more: object) -> None:
        if self.full and step.name == self._name:
            raise DatabaseFull("the disk is full")
        await self._real.record(step, *args, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def broken_off_at(
    name: str, trip: Callable[[TaskContext], Awaitable[object]]
) -> AsyncIterator[Container]:
    """A container whose disk was full for the record of this name, once, in the task ``t``."""
    hindered = Container()
    full = Full(hindered.get(StepRepository), name)
    hindered.override(StepRepository, full)
    async with hindered:
        hindered.get(Specialists).register("trip", trip)
        with pytest.raises(DatabaseFull):
            await hindered.get(TaskOrchestrator).run(title="T", specialist_type="trip", task_id="t")
        full.full = False
        yield hindered


@pytest.mark.parametrize("name", ["undo:train", "hotel"])
async def test_trouble_with_the_disk_is_none_of_the_steps_and_the_undoing_goes_on_later(
    journal: Journal, name: str
) -> None:
    async def trip(task: TaskContext) -> None:
        await journal.book(task, "train", "hotel")
        raise ValueError("ill")

    async with broken_off_at(name, trip) as hindered:
        result = await hindered.get(TaskOrchestrator).execute_task("t")

    assert result.status == "failed"
    assert journal.entries[-1] == "-train"
    assert "not undone" not in str(result.error)


async def test_what_has_begun_to_be_undone_stays_so_also_if_the_handler_now_succeeds(
    journal: Journal,
) -> None:
    async def trip(task: TaskContext) -> str:
        await journal.book(task, "train")
        if task.attempt == 1:
            raise ValueError("ill")
        return "well again"

    async with broken_off_at("undo:train", trip) as hindered:
        result = await hindered.get(TaskOrchestrator).execute_task("t")
        stored = await hindered.get(TaskRepository).get(TaskId("t"))

    assert result.status == "failed"
    assert "ill" in str(stored.error)
    assert journal.entries == ["+train", "-train", "-train"]
