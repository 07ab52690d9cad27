"""What an engine does about tasks that it has claimed, has lost, or was told to call off."""

import asyncio
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskRepository
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseFull, DatabaseLocked, EngineStopped, StaleTask
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.domain.task import Task
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import a_task

T = TaskId("t")
STRANGER = OwnerId("stranger")
HOUR = timedelta(hours=1)


class Stall:
    """A specialist that stalls, and counts how often it was broken off."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.broken_off = 0

    async def execute(self, task: TaskContext) -> int:
        self.entered.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return task.attempt


@pytest.fixture
def engine(container: Container) -> Engine:
    return container.get(Engine)


@pytest.fixture
def tasks(container: Container) -> TaskRepository:
    return container.get(TaskRepository)


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


@pytest.fixture
def stall(specialists: Specialists) -> Stall:
    stall = Stall()
    specialists.register("stall", stall)
    return stall


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def claimed(engine: Engine, tasks: TaskRepository) -> Task:
    await tasks.add(a_task("t", specialist_type="stall"))
    task = await engine.claim(T)
    assert task is not None
    return task


def cancelled_behind_its_commit() -> asyncio.CancelledError:
    error = asyncio.CancelledError()
    error.outcome = "committed"  # type: ignore[attr-defined]
    return error


async def test_an_engine_that_was_stopped_holds_nothing_any_more(engine: Engine) -> None:
    assert engine.owner

    await engine.stop()

    assert not engine.started
    with pytest.raises(EngineStopped):
        _ = engine.owner


async def test_it_does_not_ask_whether_it_is_dead_itself(
    engine: Engine, tasks: TaskRepository, container: Container, clock: VirtualClock
) -> None:
    await claimed(engine, tasks)
    owners = engine._owners = AsyncMock(spec=Owners)
    assert await engine.dead_owners() == ()
    owners.dead.assert_not_called()

    await tasks.add(a_task("u"))
    await container.get(TaskQueue).claim(
        TaskId("u"), owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR
    )
    await engine.dead_owners()

    owners.dead.assert_called_once_with({STRANGER})


async def test_an_attempt_is_broken_off_at_once_when_its_own_engine_takes_the_task_back(
    engine: Engine, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    engine._leases.expired_by = lambda now: now + HOUR  # type: ignore[method-assign]
    began = clock.now()

    assert await engine.take_back() == ["t"]
    await some_turns()

    assert stall.broken_off == 1
    assert clock.now() == began  # no heartbeat had to find it out
    stall.go.set()
    running.cancel()
    await asyncio.wait({running})


async def test_a_claim_that_was_not_committed_gives_nothing_back(
    engine: Engine, tasks: TaskRepository
) -> None:
    await claimed(engine, tasks)

    await engine.disown(T, asyncio.CancelledError())

    assert (await tasks.get(T)).status == "running"


async def test_what_is_given_back_may_be_work_for_others(
    engine: Engine, tasks: TaskRepository, container: Container
) -> None:
    await claimed(engine, tasks)

    with container.get(Notices).of_work() as work:
        await engine.disown(T, cancelled_behind_its_commit())

        assert work.is_set()
    assert (await tasks.get(T)).status == "pending"


async def test_what_is_under_way_here_is_not_given_back(
    engine: Engine, tasks: TaskRepository, stall: Stall
) -> None:
    handle = engine.begin(await claimed(engine, tasks), kept=True)
    await stall.entered.wait()

    await engine.disown(T, cancelled_behind_its_commit())

    stored = await tasks.get(T)
    assert (stored.status, stored.owner) == ("running", engine.owner)
    stall.go.set()
    assert (await handle).task.attempt == 1


async def test_a_task_that_was_claimed_and_is_not_begun_is_called_off_by_its_attempt(
    engine: Engine, tasks: TaskRepository
) -> None:
    await claimed(engine, tasks)
    await tasks.call_off(T, "not wanted")

    await engine.arrears.make_up()

    assert (await tasks.get(T)).status == "running"


async def test_what_is_to_be_undone_is_called_off_by_who_undoes_it(
    engine: Engine, tasks: TaskRepository
) -> None:
    await tasks.add(a_task("t", undoable=True))
    await tasks.add(a_task("u"))
    await tasks.call_off(T, "not wanted")
    await tasks.call_off(TaskId("u"), "not wanted")

    await engine.arrears.make_up()

    assert (await tasks.get(T)).status == "pending"
    assert (await tasks.get(TaskId("u"))).status == "cancelled"


async def test_whoever_waits_hears_of_a_task_that_was_called_off(
    engine: Engine, tasks: TaskRepository, container: Container
) -> None:
    await tasks.add(a_task("t"))
    await tasks.call_off(T, "not wanted")

    with container.get(Notices).about(T) as heard:
        await engine.arrears.make_up()

        assert heard.is_set()


async def test_what_others_have_changed_meanwhile_is_looked_at_again(
    engine: Engine, tasks: TaskRepository
) -> None:
    await tasks.add(a_task("t"))
    await tasks.call_off(T, "not wanted")
    mocked = AsyncMock(wraps=tasks, spec=TaskRepository)
    mocked.save.side_effect = [StaleTask("t"), DEFAULT]
    engine.arrears._tasks = mocked

    await engine.arrears.make_up()

    assert (await tasks.get(T)).status == "cancelled"
    assert not engine.arrears.due


async def test_an_attempt_ends_with_the_last_of_its_callers(
    engine: Engine, tasks: TaskRepository, stall: Stall
) -> None:
    engine.begin(await claimed(engine, tasks), kept=False)
    first, second = (asyncio.create_task(engine.join(T)) for _ in range(2))
    await stall.entered.wait()

    first.cancel()
    await asyncio.wait({first})
    await some_turns()
    assert stall.broken_off == 0

    second.cancel()
    await asyncio.wait({second})
    assert stall.broken_off == 1
    assert (await tasks.get(T)).status == "pending"


async def test_an_attempt_that_is_kept_does_not_end_with_its_callers(
    engine: Engine, tasks: TaskRepository, stall: Stall
) -> None:
    handle = engine.begin(await claimed(engine, tasks), kept=True)
    caller = asyncio.create_task(engine.join(T))
    await stall.entered.wait()

    caller.cancel()
    await asyncio.wait({caller})
    await some_turns()

    assert stall.broken_off == 0
    stall.go.set()
    assert (await handle).task.status == "executed"


async def test_a_handler_finds_nothing_in_its_context_that_its_caller_has_set(
    engine: Engine, tasks: TaskRepository, specialists: Specialists
) -> None:
    flavour: ContextVar[str] = ContextVar("flavour", default="none")

    async def look(_task: TaskContext) -> str:
        seen.append(flavour.get())
        return ""

    seen: list[str] = []
    specialists.register("stall", look)
    flavour.set("of the caller")

    await engine.begin(await claimed(engine, tasks), kept=True)

    assert seen == ["none"]


async def in_trouble(engine: Engine, tasks: TaskRepository, **trouble: object) -> Task:
    """A claimed task, whose attempt meets a locked database, and its engine further trouble."""
    task = await claimed(engine, tasks)
    engine._attempts = AsyncMock(spec=AttemptRunner)
    engine._attempts.run.side_effect = DatabaseLocked("locked")
    mocked = AsyncMock(wraps=tasks, spec=TaskRepository)
    mocked.save.side_effect = trouble.get("save")
    engine._tasks = engine.arrears._tasks = mocked
    return task


@pytest.mark.parametrize("further", [None, DatabaseFull("full"), StaleTask("stale")])
async def test_an_end_that_could_not_be_stored_is_told_for_what_it_is(
    engine: Engine, tasks: TaskRepository, container: Container, further: Exception | None
) -> None:
    task = await in_trouble(engine, tasks, save=further)

    with container.get(Notices).about(T) as heard:
        with pytest.raises(DatabaseLocked):
            await engine.begin(task, kept=False)

        assert heard.is_set()  # perhaps it was stored, and only the answer was lost
    assert engine.arrears.due


async def test_what_was_released_is_not_released_once_more_at_the_end(
    engine: Engine, tasks: TaskRepository
) -> None:
    task = await in_trouble(engine, tasks, save=[DEFAULT])
    with pytest.raises(DatabaseLocked):
        await engine.begin(task, kept=False)
    assert (await tasks.get(T)).status == "pending"
    again = await engine.claim(T)  # by somebody else in this process, say
    assert again is not None

    await engine.arrears.release()

    assert (await tasks.get(T)).status == "running"


async def test_steps_done_in_this_attempt_are_undone_if_it_is_called_off_at_its_very_end(
    engine: Engine, tasks: TaskRepository, specialists: Specialists
) -> None:
    done: list[str] = []
    ending = asyncio.Event()

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("unbook"))

    async def hang(_task: Task) -> None:
        ending.set()
        await asyncio.Event().wait()

    specialists.register("stall", book)
    work = engine._attempts.work
    slow = AsyncMock(wraps=tasks, spec=TaskRepository)
    slow.save.side_effect = hang
    attempts, engine._attempts = (
        engine._attempts,
        replace(engine._attempts, work=replace(work, tasks=slow)),
    )
    engine.begin(await claimed(engine, tasks), kept=True)
    await ending.wait()

    await engine.cancel(T, "not wanted")

    stored = await tasks.get(T)
    assert (stored.status, stored.cancelling) == ("pending", "not wanted")
    engine._attempts = attempts
    again = await engine.claim(T)
    assert again is not None
    assert (await engine.begin(again, kept=True)).task.status == "cancelled"
    assert done == ["book", "unbook"]


async def test_an_attempt_that_ends_while_leases_are_extended_is_not_missed(
    engine: Engine, tasks: TaskRepository, stall: Stall, container: Container
) -> None:
    handle = engine.begin(await claimed(engine, tasks), kept=True)
    await stall.entered.wait()

    async def too_late(*_: object, **__: object) -> list[TaskId]:
        stall.go.set()
        await handle
        return []

    engine._leases._queue = AsyncMock(spec=TaskQueue)
    engine._leases._queue.extend.side_effect = too_late

    await engine._extend()

    assert (await handle).task.status == "executed"
    assert stall.broken_off == 0


async def test_it_wakes_for_the_first_of_its_resting_tasks(
    engine: Engine, tasks: TaskRepository, specialists: Specialists, clock: VirtualClock
) -> None:
    async def rest(task: TaskContext) -> None:
        await task.sleep(50 if task.id == "t" else 5)

    specialists.register("stall", rest)
    assert engine.wake_at is None
    await tasks.add(a_task("u", specialist_type="stall"))
    other = await engine.claim(TaskId("u"))
    assert other is not None
    began = clock.now()
    handles = [engine.begin(await claimed(engine, tasks), kept=True)]
    handles.append(engine.begin(other, kept=True))
    while len(engine.resting) < 2:
        await asyncio.sleep(0)

    assert engine.wake_at == began + timedelta(seconds=5)
    await asyncio.wait(handles)
    assert engine.wake_at is None


async def test_a_task_that_is_just_let_go_of_is_not_called_off_by_its_attempt(
    engine: Engine, tasks: TaskRepository, specialists: Specialists
) -> None:
    async def wait(task: TaskContext) -> object:
        return await task.wait_for_signal("go")

    specialists.register("stall", wait)
    task = await claimed(engine, tasks)
    handle = engine.begin(task, kept=True)
    while not engine.resting:
        await asyncio.sleep(0)
    while (await tasks.get(T)).status != "waiting":
        await asyncio.sleep(0)
    assert await engine._park(task, Fence(T, task.attempt, engine.owner), 0)

    assert await engine.cancel(T, "not wanted") is None

    assert (await handle).task.status == "waiting"


async def test_while_it_stops_it_takes_nothing_new(
    engine: Engine, tasks: TaskRepository, specialists: Specialists
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow_to_leave(_task: TaskContext) -> None:
        try:
            entered.set()
            await asyncio.Event().wait()
        finally:
            await leave.wait()

    specialists.register("stall", slow_to_leave)
    engine.begin(await claimed(engine, tasks), kept=True)
    await entered.wait()
    stopping = asyncio.create_task(engine.stop())
    await some_turns()

    with pytest.raises(EngineStopped):
        await engine.claim(TaskId("u"))

    leave.set()
    await stopping
    assert (await tasks.get(T)).status == "pending"
