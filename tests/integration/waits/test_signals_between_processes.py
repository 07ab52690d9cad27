"""A task of one process hears what another one sends, on one database file."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.threads import Threads
from vespera.testing import VirtualClock

LONG = 200.0
T = TaskId("t")
SOON = 5.0  # seconds; far less than the time after which a task is let go of


class Two:
    """A container that works, and another one that only sends."""

    def __init__(self, here: Container, there: Container, clock: VirtualClock) -> None:
        self.here, self.there = here.get(TaskOrchestrator), there.get(TaskOrchestrator)
        self._specialists = here.get(Specialists)
        self.tasks, self.clock = here.get(TaskRepository), clock
        self.tasks_there = there.get(TaskRepository)

    async def begin(self, handler):
        self._specialists.register("wait", handler)
        await self.here.create_task(
            title="A", specialist_type="wait", completion="auto", task_id="t"
        )
        await self.here.start()
        await self.clock.sleep(1)

    async def recorded(self):
        """A step that can be undone."""
        while not (await self.tasks.get(T)).undoable:
            await self.clock.sleep(0.01)

    async def signal(self, name, payload=None):
        sent = await self.there.signal("t", name, payload)
        assert sent.success, sent.error

    async def result(self, timeout=SOON):
        return (await self.here.wait_for_completion("t", timeout)).result


def watched(clock: VirtualClock, container: Container) -> Container:
    container.override(Clock, clock)
    clock.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
    clock.watch(lambda: container.get(Threads).in_flight)
    return container


@pytest.fixture(params=[60.0, None], ids=["lets go", "keeps in memory"])
async def two(tmp_path, request) -> AsyncIterator[Two]:
    clock = VirtualClock()
    settings = {
        "database_url": f"sqlite+aiosqlite:///{tmp_path}/work.db",
        "workspace": str(tmp_path),
        "linger_seconds": request.param,
        "durability": "normal",
    }
    async with (
        clock.running(),
        watched(clock, Container(settings)) as here,
        watched(clock, Container(settings)) as there,
    ):
        yield Two(here, there, clock)


async def test_a_waiting_task_hears_soon(two):
    async def wait(task: TaskContext):
        return await task.wait_for_signal("go")

    await two.begin(wait)
    await two.signal("other")
    await two.clock.sleep(20)
    await two.signal("go", "heard")

    assert await two.result() == "heard"


async def test_a_task_that_was_let_go_of_begins_anew_soon(two):
    async def wait(task: TaskContext):
        return await task.wait_for_signal("go")

    await two.begin(wait)
    await two.clock.sleep(LONG)
    await two.signal("go", "heard")

    assert await two.result() == "heard"


async def test_a_task_that_works_beside_its_wait_hears_soon(two):
    """So that somebody else can stop a long step."""

    async def stoppable(task: TaskContext):
        await task.step("quick", lambda: "done")
        stop = asyncio.create_task(task.wait_for_signal("stop"))
        await task.step("beside", two.clock.sleep, 1)
        work = asyncio.create_task(task.step("work", two.clock.sleep, LONG))
        await asyncio.wait({stop, work}, return_when="FIRST_COMPLETED")
        work.cancel()
        return stop.result()

    await two.begin(stoppable)
    await two.clock.sleep(100)
    await two.signal("stop", "enough")

    assert await two.result() == "enough"


async def test_the_second_of_two_waits_hears_soon_after_the_first_is_over(two):
    async def both(task: TaskContext):
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(task.wait_for_signal(name)) for name in "ab"]
        return [wait.result() for wait in waits]

    await two.begin(both)
    for name in "ab":
        await two.clock.sleep(SOON)
        await two.signal(name, name.upper())

    assert await two.result() == ["A", "B"]


async def test_two_waits_for_one_name_get_a_signal_each(two):
    async def both(task: TaskContext):
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(task.wait_for_signal("go")) for _ in range(2)]
        return sorted(wait.result() for wait in waits)

    await two.begin(both)
    for payload in "ab":
        await two.clock.sleep(SOON)
        await two.signal("go", payload)

    assert await two.result() == ["a", "b"]


async def test_a_task_that_the_other_calls_off_while_it_waits_undoes_its_steps_soon(two):
    done = []

    async def book(task: TaskContext):
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        await task.wait_for_signal("go")

    await two.begin(book)
    await two.recorded()
    await two.tasks_there.call_off(T, "not wanted")
    await two.clock.sleep(SOON)

    assert (await two.tasks.get(T)).status == "cancelled"
    assert done == ["book", "unbook"]


async def test_a_task_that_the_other_calls_off_while_it_waits_ends(two):
    async def wait(task: TaskContext):
        return await task.wait_for_signal("go")

    await two.begin(wait)
    cancelled = await two.there.cancel_task("t", "no more")
    await two.clock.sleep(LONG)

    assert cancelled.status == "cancelled"
    assert (await two.tasks.get(T)).status == "cancelled"
    assert (await two.there.signal("t", "go")).error == "Task 't' (A) is cancelled."


async def test_a_task_that_the_other_cancels_while_it_works_is_broken_off_soon(two):
    left = []

    async def work(task: TaskContext):
        try:
            await two.clock.sleep(LONG)
        finally:
            left.append(two.clock.monotonic())

    await two.begin(work)
    began = two.clock.monotonic()
    cancelled = await two.there.cancel_task("t", "no more")
    await two.clock.sleep(SOON)

    assert cancelled.status == "cancelled"
    assert len(left) == 1
    assert left[0] - began < SOON
    assert (await two.tasks.get(T)).status == "cancelled"


async def test_a_task_that_the_other_calls_off_while_it_works_is_undone_soon(two):
    undone = []

    async def work(task: TaskContext):
        await task.step("book", lambda: "room 7", undo=undone.append)
        await two.clock.sleep(LONG)

    await two.begin(work)
    await two.recorded()
    began = two.clock.monotonic()
    cancelled = await two.there.cancel_task("t", "no more")

    assert cancelled.status == "cancelled"
    assert undone == ["room 7"]
    assert two.clock.monotonic() - began < SOON
