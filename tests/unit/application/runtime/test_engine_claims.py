"""What an engine does about tasks that it has claimed, has lost, or was told to call off."""

import asyncio
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskRepository
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import EngineStopped, StaleTask
from vespera.domain.ids import OwnerId, TaskId
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

    await engine.make_up()

    assert (await tasks.get(T)).status == "running"


async def test_what_is_to_be_undone_is_called_off_by_who_undoes_it(
    engine: Engine, tasks: TaskRepository
) -> None:
    await tasks.add(a_task("t", undoable=True))
    await tasks.add(a_task("u"))
    await tasks.call_off(T, "not wanted")
    await tasks.call_off(TaskId("u"), "not wanted")

    await engine.make_up()

    assert (await tasks.get(T)).status == "pending"
    assert (await tasks.get(TaskId("u"))).status == "cancelled"


async def test_whoever_waits_hears_of_a_task_that_was_called_off(
    engine: Engine, tasks: TaskRepository, container: Container
) -> None:
    await tasks.add(a_task("t"))
    await tasks.call_off(T, "not wanted")

    with container.get(Notices).about(T) as heard:
        await engine.make_up()

        assert heard.is_set()


async def test_what_others_have_changed_meanwhile_is_looked_at_again(
    engine: Engine, tasks: TaskRepository
) -> None:
    await tasks.add(a_task("t"))
    await tasks.call_off(T, "not wanted")
    mocked = AsyncMock(wraps=tasks, spec=TaskRepository)
    mocked.save.side_effect = [StaleTask("t"), DEFAULT]
    engine.arrears._tasks = mocked

    await engine.make_up()

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
