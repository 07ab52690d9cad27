"""What could not be done when it should have been is made up for, before anybody is idle."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseFull, StaleTask
from vespera.domain.ids import OwnerId, TaskId
from vespera.infrastructure.di.base import providers
from vespera.testing import VirtualClock


class Hooked:
    """Hands all on; what was asked of ``before`` a call, or ``after`` it, is done there, once."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}
        self.after: dict[str, Callable[[], Awaitable[object]]] = {}

    def __getattr__(self, name: str) -> object:
        asked = getattr(self._real, name)
        if not asyncio.iscoroutinefunction(asked):
            return asked

        async def call(*given: object, **named: object) -> object:
            if name in self.before:
                await self.before.pop(name)()
            gave = await asked(*given, **named)
            if name in self.after:
                await self.after.pop(name)()
            return gave

        return call


class HookedContainer(Container):
    """Its tasks and their queue are hooked."""

    tasks = providers.Singleton(Hooked, Container.tasks)
    queue = providers.Singleton(Hooked, Container.queue)


@pytest.fixture
def container_class() -> type[Container]:
    return HookedContainer


@pytest.fixture
def tasks(container: Container) -> Any:
    return container.get(TaskRepository)


@pytest.fixture
def queue(container: Container) -> Any:
    return container.get(TaskQueue)


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    async def listener(task: TaskContext) -> object:
        return await task.wait_for_signal("go")

    async def parent(task: TaskContext) -> None:
        await task.spawn(title="child", task_id="child", specialist_type="listener")
        await task.wait_for_signal("end")

    async def failing(task: TaskContext) -> None:
        await task.spawn(title="child", task_id="child", specialist_type="listener")
        await task.sleep(1)
        raise OSError("tried again in a while")

    specialists.register("listener", listener)
    specialists.register("parent", parent)
    specialists.register("failing", failing)
    return container.get(TaskOrchestrator)


async def stands(orchestrator: TaskOrchestrator, task_id: str) -> str:
    return str((await orchestrator.get_task_status(task_id)).status)


async def until(
    orchestrator: TaskOrchestrator, task_id: str, status: str, clock: VirtualClock
) -> None:
    while await stands(orchestrator, task_id) != status:
        await clock.sleep(0.01)


async def family(orchestrator: TaskOrchestrator, clock: VirtualClock, **fields: Any) -> None:
    """A parent whose child waits in memory for what never comes."""
    await orchestrator.start()
    await clock.sleep(3)  # what follows is not at the moments when all is looked at anyway
    request = {"title": "P", "task_id": "p", "specialist_type": "parent", "completion": "auto"}
    await orchestrator.create_task({**request, **fields})
    await until(orchestrator, "child", "waiting", clock)


async def test_a_heartbeat_while_children_are_called_off_does_not_break_that_off(
    orchestrator: TaskOrchestrator, tasks: Any, queue: Any, clock: VirtualClock
) -> None:
    """The lease of the parent that has just ended cannot be extended any more."""

    calling_off = asyncio.Event()

    async def slowly() -> None:
        calling_off.set()
        await clock.sleep(1)

    async def end() -> None:
        tasks.before["called_off"] = slowly
        await orchestrator.signal("p", "end")
        await calling_off.wait()

    await family(orchestrator, clock)
    queue.before["extend"] = end
    await clock.sleep(10)  # a third of the lease

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "p") == "completed"
    assert await stands(orchestrator, "child") == "cancelled"


async def test_a_caller_who_is_cancelled_while_children_are_called_off_does_not_break_that_off(
    orchestrator: TaskOrchestrator, tasks: Any, clock: VirtualClock
) -> None:
    await orchestrator.start()
    calling_off = asyncio.Event()

    async def slowly() -> None:
        calling_off.set()
        await clock.sleep(1)

    running = asyncio.create_task(
        orchestrator.run(title="P", task_id="p", specialist_type="parent")
    )
    await until(orchestrator, "child", "waiting", clock)
    tasks.before["called_off"] = slowly
    await orchestrator.signal("p", "end")
    await calling_off.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await stands(orchestrator, "child") == "cancelled"


async def test_nobody_is_idle_while_the_children_of_a_task_that_a_caller_runs_are_called_off(
    orchestrator: TaskOrchestrator, tasks: Any, clock: VirtualClock
) -> None:
    running = asyncio.create_task(
        orchestrator.run(title="P", task_id="p", specialist_type="parent")
    )
    async with asyncio.timeout(1):
        await orchestrator.start()
        await until(orchestrator, "child", "waiting", clock)
    tasks.before["called_off"] = lambda: clock.sleep(1)
    await orchestrator.signal("p", "end")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "child") == "cancelled"
    await running


async def test_a_child_called_off_while_it_is_let_go_of_is_cancelled_even_if_its_type_is_paused(
    orchestrator: TaskOrchestrator, specialists: Specialists, queue: Any, clock: VirtualClock
) -> None:
    """Its attempt finds that it has it no more, and nobody is to claim it."""
    ending = asyncio.Event()

    async def busy(task: TaskContext) -> None:
        await task.spawn(title="child", task_id="child", specialist_type="listener")
        await ending.wait()

    async def end() -> None:
        ending.set()
        await asyncio.Event().wait()  # the answer comes when its attempt is called off already

    specialists.register("busy", busy)
    await family(orchestrator, clock, specialist_type="busy")
    await orchestrator.pause_type("listener")
    queue.after["park"] = end
    await clock.sleep(61)  # it does not linger any longer

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "p") == "completed"
    assert await stands(orchestrator, "child") == "cancelled"


async def test_the_children_of_a_child_that_nobody_holds_are_called_off_with_it(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def grandparent(task: TaskContext) -> None:
        retry = RetryPolicy(max_attempts=2, delay=60)
        await task.spawn(title="P", task_id="p", specialist_type="failing", retry=retry)
        await task.sleep(5)

    specialists.register("grandparent", grandparent)
    await orchestrator.create_task(
        title="G", task_id="g", specialist_type="grandparent", completion="auto"
    )

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "p") == "cancelled"
    assert await stands(orchestrator, "child") == "cancelled"


async def test_children_are_called_off_with_a_parent_that_is_cancelled_between_two_attempts(
    orchestrator: TaskOrchestrator, clock: VirtualClock
) -> None:
    retry = RetryPolicy(max_attempts=2, delay=60)
    await family(orchestrator, clock, specialist_type="failing", retry=retry)
    await until(orchestrator, "p", "pending", clock)
    await orchestrator.cancel_task("p", "not wanted")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "child") == "cancelled"


async def test_children_are_called_off_when_somebody_signs_their_parent_off(
    orchestrator: TaskOrchestrator, clock: VirtualClock
) -> None:
    await family(orchestrator, clock, completion="manual")
    await orchestrator.signal("p", "end")
    await until(orchestrator, "p", "executed", clock)
    assert (await orchestrator.complete_task("p")).success

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "child") == "cancelled"


async def test_a_parent_that_is_called_off_while_it_is_signed_off_takes_its_children_with_it(
    orchestrator: TaskOrchestrator, tasks: Any, clock: VirtualClock
) -> None:
    """It has spawned them in this attempt, so it did not know of any when that began."""
    signing_off = asyncio.Event()

    async def hang() -> None:
        signing_off.set()
        await asyncio.Event().wait()

    await family(orchestrator, clock)
    tasks.before["complete"] = hang
    await orchestrator.signal("p", "end")
    await signing_off.wait()

    assert (await orchestrator.cancel_task("p", "not wanted")).status == "cancelled"

    await orchestrator.run_until_idle()
    assert await stands(orchestrator, "child") == "cancelled"


async def test_a_task_that_changes_just_when_it_is_called_off_is_called_off_as_it_is_then(
    orchestrator: TaskOrchestrator, specialists: Specialists, tasks: Any, clock: VirtualClock
) -> None:
    async def employer(task: TaskContext) -> None:
        await task.spawn(title="child", task_id="child", specialist_type="a person")
        await task.wait_for_signal("end")

    async def change() -> None:
        raise StaleTask

    specialists.register("employer", employer)
    request = {"title": "P", "task_id": "p", "specialist_type": "employer", "completion": "auto"}
    await orchestrator.create_task(request)
    await orchestrator.start()
    await until(orchestrator, "child", "assigned", clock)
    tasks.after["complete"] = lambda: hook(tasks.before, "save", change)
    await orchestrator.signal("p", "end")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "child") == "cancelled"


async def test_what_has_something_to_undo_is_left_to_whoever_claims_it(
    orchestrator: TaskOrchestrator, specialists: Specialists, tasks: Any, clock: VirtualClock
) -> None:
    done: list[str] = []

    async def booker(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))
        raise OSError("tried again in a while")

    async def customer(task: TaskContext) -> None:
        retry = RetryPolicy(max_attempts=2, delay=60)
        await task.spawn(title="B", task_id="b", specialist_type="booker", retry=retry)
        await task.sleep(5)

    specialists.register("booker", booker)
    specialists.register("customer", customer)
    await orchestrator.create_task(title="C", specialist_type="customer", completion="auto")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, "b") == "cancelled"
    assert done == ["book", "unbook"]


async def test_what_could_not_be_released_is_released_as_soon_as_the_database_can(
    orchestrator: TaskOrchestrator, tasks: Any, clock: VirtualClock
) -> None:
    """And not only when its lease is over."""

    async def full_twice() -> None:
        tasks.before["save"] = full
        await full()

    await family(orchestrator, clock)
    tasks.before["complete"] = full_twice
    began = clock.now()
    await orchestrator.signal("p", "end")
    await until(orchestrator, "p", "completed", clock)

    assert clock.now() - began < timedelta(seconds=3)
    await orchestrator.run_until_idle()
    assert await stands(orchestrator, "child") == "cancelled"


async def test_a_child_whose_cancellation_could_not_be_stored_is_cancelled_soon(
    orchestrator: TaskOrchestrator, tasks: Any, clock: VirtualClock
) -> None:
    async def full_twice() -> None:
        tasks.before["save"] = full
        await full()

    await family(orchestrator, clock)
    tasks.after["complete"] = lambda: hook(tasks.before, "save", full_twice)
    began = clock.now()
    await orchestrator.signal("p", "end")
    await until(orchestrator, "child", "cancelled", clock)

    assert clock.now() - began < timedelta(seconds=3)


async def test_what_is_left_behind_while_the_rest_is_made_up_for_is_due_still(
    orchestrator: TaskOrchestrator, container: Container, tasks: Any
) -> None:
    engine = container.get(Engine)

    async def leave_behind() -> None:
        engine.arrears.due = True

    tasks.after["called_off"] = leave_behind
    await engine.arrears.make_up()

    assert engine.arrears.due


async def test_what_breaks_off_again_while_it_is_released_is_remembered(
    orchestrator: TaskOrchestrator, container: Container, tasks: Any
) -> None:
    engine = container.get(Engine)
    await orchestrator.create_task(title="A", task_id="t", specialist_type="listener")
    claimed = await engine.claim(TaskId("t"))
    assert claimed is not None
    engine.arrears.keep(claimed)

    async def break_off_again() -> None:
        engine.arrears.keep(replace(claimed, attempt=2))

    tasks.before["save"] = break_off_again
    await engine.arrears.make_up()

    assert await stands(orchestrator, "t") == "pending"
    assert engine.arrears.due
    assert engine.arrears._unreleased == {"t": 2}


async def test_who_is_cancelled_while_claiming_is_cancelled_even_if_the_database_fails(
    orchestrator: TaskOrchestrator, container: Container, tasks: Any
) -> None:
    cancelled = asyncio.CancelledError()
    cancelled.outcome = "unknown"  # type: ignore[attr-defined]
    tasks.before["find"] = full

    await container.get(Engine).disown(TaskId("t"), cancelled)  # raises nothing of its own


async def test_what_others_have_left_is_taken_back_as_soon_as_the_database_can(
    orchestrator: TaskOrchestrator, queue: Any, clock: VirtualClock
) -> None:
    """And not only a third of a lease later."""
    await orchestrator.create_task(title="A", task_id="t", specialist_type="listener")
    now, other = clock.now(), OwnerId("other")
    lease_until = now + timedelta(seconds=5)
    await queue.claim(TaskId("t"), owner=other, now=now, lease_until=lease_until)
    await orchestrator.start()
    await clock.sleep(9)
    queue.before["take_back"] = full

    await until(orchestrator, "t", "waiting", clock)

    assert clock.now() - now < timedelta(seconds=13)


async def full() -> None:
    raise DatabaseFull("full")


async def hook(
    hooks: dict[str, Callable[[], Awaitable[object]]],
    name: str,
    do: Callable[[], Awaitable[object]],
) -> None:
    hooks[name] = do
