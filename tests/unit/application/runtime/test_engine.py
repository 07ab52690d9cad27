"""Attempts under way: leases, fences, take-over."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import (
    Container,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskRepository,
)
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import StepRepository, TaskQueue
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import DatabaseFull, DatabaseLocked, LeaseLost
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import a_task

STRANGER = OwnerId("stranger")
HOUR = timedelta(hours=1)


class Stall:
    """A specialist that stalls until it is let go, then wants to record a step."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.seen: list[BaseException] = []

    async def execute(self, task: TaskContext) -> str:
        self.entered.set()
        try:
            await self.go.wait()
            return await task.step("late", lambda: "late")
        except BaseException as error:
            self.seen.append(error)
            raise


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


@pytest.fixture
def stall(specialists: Specialists) -> Stall:
    stall = Stall()
    specialists.register("stall", stall)
    return stall


async def stolen(container: Container, clock: VirtualClock, task_id: str) -> None:
    """Another worker takes the task over, as if our lease had run out."""
    queue = container.get(TaskQueue)
    await queue.take_back(now=clock.now() + HOUR, dead=[])
    claimed = await queue.claim(
        TaskId(task_id), owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR
    )
    assert claimed is not None
    assert claimed.attempt == 2


async def finished_elsewhere(container: Container, clock: VirtualClock, task_id: str) -> None:
    tasks = container.get(TaskRepository)
    task = await tasks.get(TaskId(task_id))
    await tasks.save(task.execute(b'["stranger",[],"",null]', clock.now()))


async def test_a_worker_that_lost_its_lease_writes_nothing(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    await stolen(container, clock, "t")

    stall.go.set()
    while not stall.seen:
        await asyncio.sleep(0)

    assert isinstance(stall.seen[0], LeaseLost)
    assert await container.get(StepRepository).of_task(TaskId("t")) == []
    stored = await container.get(TaskRepository).get(TaskId("t"))
    assert (stored.owner, stored.attempt, stored.status) == (STRANGER, 2, "running")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_heartbeat_notices_the_loss_and_interrupts_the_handler(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    await stolen(container, clock, "t")
    await finished_elsewhere(container, clock, "t")

    result = await running

    assert isinstance(stall.seen[0], asyncio.CancelledError)
    assert result.outcome is not None
    assert result.outcome.summary == "stranger"


async def test_heartbeats_keep_a_long_task(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    await clock.sleep(3600)
    taken = await container.get(TaskQueue).take_back(now=clock.now(), dead=[])

    assert taken == []
    stall.go.set()
    assert (await running).result == "late"


async def test_a_heartbeat_that_fails_is_logged_and_tried_again(
    container: Container,
    workflow: TaskExecutionWorkflow,
    stall: Stall,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    leases = container.get(Engine)._leases
    leases._queue = AsyncMock(wraps=container.get(TaskQueue))
    leases._queue.extend.side_effect = [DatabaseLocked("busy"), [TaskId("t")], [TaskId("t")]]
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    with caplog.at_level(logging.ERROR, "vespera"):
        await clock.sleep(25)

    assert "could not be extended" in caplog.text
    stall.go.set()
    assert (await running).success


async def test_the_tasks_of_a_dead_worker_are_taken_over_at_once(
    container: Container, workflow: TaskExecutionWorkflow, clock: VirtualClock
) -> None:
    created = await workflow.create_task(title="A")
    task_id = TaskId(str(created.task_id))
    queue = container.get(TaskQueue)
    await queue.claim(task_id, owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR)
    engine = container.get(Engine)
    engine._owners = AsyncMock(spec=Owners)
    engine._owners.dead.return_value = {STRANGER}

    await engine.take_back()

    assert (await workflow.get_task_status(task_id)).status == "pending"


async def test_stopping_releases_what_is_under_way(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    await container.get(Engine).stop()

    result = await running
    assert not result.success
    assert result.status == "pending"
    assert "goes on later" in str(result.error)


async def test_a_claim_cancelled_behind_its_commit_is_given_back(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    created = await workflow.create_task(title="A")
    task_id = TaskId(str(created.task_id))
    engine = container.get(Engine)
    queue = container.get(TaskQueue)

    async def claim_then_cancelled(*args: object, **kwargs: object) -> None:
        await queue.claim(*args, **kwargs)  # type: ignore[arg-type]
        error = asyncio.CancelledError()
        error.outcome = "committed"  # type: ignore[attr-defined]
        raise error

    engine._queue = AsyncMock(wraps=queue)
    engine._queue.claim = claim_then_cancelled

    with pytest.raises(asyncio.CancelledError):
        await engine.claim(task_id)

    assert (await workflow.get_task_status(task_id)).status == "pending"


async def test_nobody_to_cancel_is_none(container: Container) -> None:
    engine = container.get(Engine)

    assert not engine.started
    assert await engine.cancel(TaskId("t"), "") is None


async def test_a_loss_that_the_handler_swallows_is_a_loss_all_the_same(
    container: Container,
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    entered, go, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def deaf(task: TaskContext) -> str:
        entered.set()
        await go.wait()
        try:
            await task.step("late", lambda: 1)
        except LeaseLost:
            over.set()
        return "as if nothing had happened"

    specialists.register("deaf", deaf)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="deaf", task_id="t"))
    await entered.wait()
    await stolen(container, clock, "t")
    go.set()
    await over.wait()
    await finished_elsewhere(container, clock, "t")
    container.get(Notices).changed(await container.get(TaskRepository).get(TaskId("t")))

    result = await running

    assert result.outcome is not None
    assert result.outcome.summary == "stranger"


async def test_a_lease_that_ran_out_here_is_taken_up_again_here(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    """As after a loop that stood still for longer than the lease."""
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()
    engine = container.get(Engine)
    queue = container.get(TaskQueue)
    engine._queue = AsyncMock(wraps=queue)

    async def an_hour_later(
        *, now: datetime, dead: Collection[OwnerId], expired: datetime, limit: None
    ) -> Sequence[TaskId]:
        assert expired == now
        return await queue.take_back(now=now + HOUR, dead=dead)

    engine._queue.take_back = an_hour_later

    await engine.take_back()
    stall.go.set()

    result = await running
    assert result.result == "late"
    assert result.attempt == 2


async def test_what_was_taken_back_and_is_not_under_way_is_left_alone(
    container: Container, workflow: TaskExecutionWorkflow, clock: VirtualClock
) -> None:
    await workflow.create_task(title="A", task_id="t")
    queue = container.get(TaskQueue)
    await queue.claim(TaskId("t"), owner=STRANGER, now=clock.now(), lease_until=clock.now())

    await container.get(Engine).take_back()

    assert (await workflow.get_task_status("t")).status == "pending"


async def test_a_task_of_somebody_else_is_not_disowned(
    container: Container, workflow: TaskExecutionWorkflow, clock: VirtualClock
) -> None:
    await workflow.create_task(title="A", task_id="t")
    queue = container.get(TaskQueue)
    await queue.claim(TaskId("t"), owner=STRANGER, now=clock.now(), lease_until=clock.now() + HOUR)
    error = asyncio.CancelledError()
    error.outcome = "committed"

    await container.get(Engine).disown(TaskId("t"), error)

    assert (await workflow.get_task_status("t")).status == "running"


async def test_an_end_that_cannot_be_stored_is_an_error_and_the_task_runs_again(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    class Full:
        """A repository whose disk is full at the end of the first attempt."""

        def __init__(self, real: TaskRepository) -> None:
            self._real = real
            self.full = True

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        async def complete(self, task: Task, *, operations: int) -> None:
            if self.full:
                self.full = False
                raise DatabaseFull("the disk is full")
            await self._real.complete(task, operations=operations)

    async def echo(task: TaskContext) -> int:
        return task.attempt

    hindered = Container()
    hindered.override(TaskRepository, Full(hindered.get(TaskRepository)))
    async with hindered:
        hindered.get(Specialists).register("echo", echo)
        run = hindered.get(TaskExecutionWorkflow)
        with pytest.raises(DatabaseFull):
            await run.run(title="A", specialist_type="echo", task_id="t")

        assert (await run.get_task_status("t")).status == "pending"
        assert (await run.execute_task("t")).result == 2


async def test_a_call_off_that_comes_too_late_changes_nothing(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    """The handler is done, its completion is committed, and then the cancellation arrives."""
    committed = asyncio.Event()

    class Late:
        """A repository that commits, and then takes long to say so."""

        def __init__(self, real: TaskRepository) -> None:
            self._real = real

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        async def complete(self, task: Task, *, operations: int) -> None:
            await self._real.complete(task, operations=operations)
            committed.set()
            await asyncio.Event().wait()

    async def echo(task: TaskContext) -> int:
        return task.attempt

    late = Container()
    late.override(TaskRepository, Late(late.get(TaskRepository)))
    async with late:
        late.get(Specialists).register("echo", echo)
        slow = late.get(TaskExecutionWorkflow)
        running = asyncio.create_task(slow.run(title="A", specialist_type="echo", task_id="t"))
        await committed.wait()

        refused = await slow.cancel_task("t")

        assert not refused.success
        assert (await running).completed


async def test_a_second_call_off_waits_for_the_first(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    entered, cleaned = asyncio.Event(), asyncio.Event()

    async def slow_to_leave(_task: TaskContext) -> None:
        try:
            entered.set()
            await asyncio.Event().wait()
        finally:
            await cleaned.wait()

    specialists.register("slow", slow_to_leave)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="slow", task_id="t"))
    await entered.wait()
    both = [asyncio.create_task(workflow.cancel_task("t")) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    cleaned.set()

    assert [(await one).status for one in both] == ["cancelled", "cancelled"]
    assert (await running).status == "cancelled"


async def test_a_lost_attempt_that_is_slow_to_leave_does_not_disturb_the_next_one(
    container: Container, specialists: Specialists, clock: VirtualClock
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def first_time_slow(task: TaskContext) -> int:
        if task.attempt == 1:
            try:
                entered.set()
                await asyncio.Event().wait()
            finally:
                await leave.wait()
        return task.attempt

    specialists.register("slow", first_time_slow)
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.start()
    await orchestrator.create_task(
        title="A", specialist_type="slow", task_id="t", completion="auto"
    )
    await entered.wait()
    engine = container.get(Engine)
    taken = await container.get(TaskQueue).take_back(now=clock.now() + HOUR, dead=[])
    assert taken == ["t"]
    container.get(Notices).work()

    assert (await orchestrator.wait_for_completion("t")).result == 2
    leave.set()
    while engine.running:
        await asyncio.sleep(0)
    assert (await orchestrator.get_task_status("t")).result == 2


async def test_the_end_of_the_event_loop_leaves_the_task_pending(
    workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await stall.entered.wait()

    for task in asyncio.all_tasks():
        if task.get_name() == "vespera task t":
            task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await workflow.get_task_status("t")).status == "pending"


async def claimed_and_begun(
    container: Container, workflow: TaskExecutionWorkflow, *, kept: bool
) -> Engine:
    """The attempt is made known to the loop, and has had no turn yet."""
    await workflow.create_task(title="A", specialist_type="stall", task_id="t")
    engine = container.get(Engine)
    task = await engine.claim(TaskId("t"))
    assert task is not None
    engine.begin(task, kept=kept)
    return engine


async def test_an_attempt_that_is_called_off_before_its_first_turn_is_called_off(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    engine = await claimed_and_begun(container, workflow, kept=True)

    signed = await engine.cancel(TaskId("t"), "not wanted")

    assert signed is not None
    assert signed.task.status == "cancelled"
    assert (await workflow.get_task_status("t")).status == "cancelled"
    assert not engine.running
    assert not stall.entered.is_set()


async def test_an_attempt_whose_only_caller_goes_before_its_first_turn_is_released(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    engine = await claimed_and_begun(container, workflow, kept=False)
    caller = asyncio.ensure_future(engine.join(TaskId("t")))
    asyncio.get_running_loop().call_soon(caller.cancel)

    with pytest.raises(asyncio.CancelledError):
        await caller

    assert (await workflow.get_task_status("t")).status == "pending"
    assert not engine.running


async def test_an_engine_that_stops_before_an_attempt_had_a_turn_releases_it(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall
) -> None:
    engine = await claimed_and_begun(container, workflow, kept=True)

    await engine.stop()

    assert (await container.get(TaskRepository).get(TaskId("t"))).status == "pending"
    assert not engine.running


async def test_a_call_off_that_meets_an_attempt_breaking_off_calls_the_task_off(
    container: Container, workflow: TaskExecutionWorkflow, clock: VirtualClock
) -> None:
    """The end could not be stored, and the task is just being let go of."""
    engine, tasks = container.get(Engine), container.get(TaskRepository)
    engine._attempts = AsyncMock(spec=AttemptRunner)
    engine._attempts.run.side_effect = DatabaseFull("full")
    engine._tasks = engine.arrears._tasks = AsyncMock(wraps=tasks)
    letting_go = asyncio.Event()

    async def hang(_task: Task) -> None:
        letting_go.set()
        await asyncio.Event().wait()

    engine._tasks.save = hang
    container.get(Specialists).register("stall", Stall())
    running = asyncio.create_task(workflow.run(title="A", specialist_type="stall", task_id="t"))
    await letting_go.wait()

    called_off = await workflow.cancel_task("t")

    assert called_off.status == "cancelled"
    assert (await running).status in {"running", "cancelled"}
    assert (await workflow.get_task_status("t")).status == "cancelled"


async def test_an_attempt_that_was_replaced_while_it_waited_is_not_heard_of_any_more(
    container: Container,
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    async def waits(task: TaskContext) -> object:
        return await task.wait_for_signal("go")

    specialists.register("waits", waits)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="waits", task_id="t"))
    engine, queue = container.get(Engine), container.get(TaskQueue)
    while not engine.resting:
        await asyncio.sleep(0)
    await queue.take_back(now=clock.now() + HOUR, dead=())  # as another process does it

    claimed = await engine.claim(TaskId("t"))
    assert claimed is not None
    engine.begin(claimed, kept=True)
    for _ in range(100):
        await asyncio.sleep(0)
    assert engine.resting == {"t"}
    await container.get(TaskOrchestrator).signal("t", "go", "now")

    assert (await running).result == "now"
    assert not engine.resting


async def test_signals_that_cannot_be_looked_for_are_looked_for_again(
    container: Container,
    workflow: TaskExecutionWorkflow,
    specialists: Specialists,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def waits(task: TaskContext) -> object:
        return await task.wait_for_signal("go", timeout=60)

    specialists.register("waits", waits)
    engine, queue = container.get(Engine), container.get(TaskQueue)
    engine._poll = timedelta(seconds=1)
    troubled = engine._listen.keywords["queue"] = AsyncMock(wraps=queue, spec=TaskQueue)
    troubled.news.side_effect = [DatabaseLocked("busy"), {TaskId("t"): 1}, {}]
    running = asyncio.create_task(workflow.run(title="A", specialist_type="waits", task_id="t"))

    with caplog.at_level(logging.ERROR, "vespera"):
        await clock.sleep(3)

    assert "It cannot be told whether signals have come." in caplog.text
    await container.get(TaskOrchestrator).signal("t", "go", "now")
    troubled.news.side_effect = None
    assert (await running).result == "now"


async def test_a_payload_that_cannot_be_read_fails_its_task_and_says_so(
    container: Container, workflow: TaskExecutionWorkflow, stall: Stall, clock: VirtualClock
) -> None:
    await container.get(TaskRepository).add(a_task("t", specialist_type="stall", payload=b"{"))

    result = await workflow.execute_task("t")

    assert result.status == "failed"
    assert "UnreadableValue" in str(result.error)
    assert not stall.entered.is_set()
