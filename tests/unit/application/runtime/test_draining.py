"""A worker that is told to stop lets what is under way end, for a while, and loses nothing."""

import asyncio
import logging
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.work_events import WorkEvent, WorkEventKind
from vespera.application.runtime.worker import Worker
from vespera.domain.errors import DatabaseFull, InvalidRequest
from vespera.testing import VirtualClock

TASK = {"title": "A", "specialist_type": "coder", "completion": "auto"}


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


class Slow:
    """Takes as many seconds as its task says, and tells how it ended."""

    def __init__(self, specialists: Specialists, clock: VirtualClock) -> None:
        self.begun, self.ends = asyncio.Event(), list[str]()
        self.clock = clock
        specialists.register("coder", self.execute)

    async def execute(self, task: TaskContext) -> int:
        self.begun.set()
        try:
            await self.clock.sleep(float(str(task.payload["seconds"])))
        except asyncio.CancelledError:
            self.ends.append(f"{task.id} cleaned up")
            raise
        self.ends.append(f"{task.id} done")
        return task.attempt


@pytest.fixture
def slow(specialists: Specialists, clock: VirtualClock) -> Slow:
    return Slow(specialists, clock)


async def started(
    orchestrator: TaskOrchestrator, slow: Slow, *seconds: float, begun: int = 1
) -> None:
    await orchestrator.create_tasks(
        [{**TASK, "task_id": f"t{n}", "payload": {"seconds": s}} for n, s in enumerate(seconds)]
    )
    await orchestrator.start()
    await slow.begun.wait()


async def statuses(orchestrator: TaskOrchestrator, *task_ids: str) -> list[str | None]:
    return [(await orchestrator.get_task_status(task_id)).status for task_id in task_ids]


async def test_what_is_under_way_may_end_within_the_time(
    orchestrator: TaskOrchestrator, slow: Slow, clock: VirtualClock
) -> None:
    await started(orchestrator, slow, 20)
    before = clock.now()

    await orchestrator.stop(drain=30)

    assert await statuses(orchestrator, "t0") == ["completed"]
    assert (clock.now() - before).total_seconds() == pytest.approx(20)


async def test_what_takes_longer_is_interrupted_cleans_up_and_is_pending_again(
    orchestrator: TaskOrchestrator, slow: Slow, clock: VirtualClock
) -> None:
    await started(orchestrator, slow, 20, 40)
    before = clock.now()

    await orchestrator.stop(drain=30)

    assert await statuses(orchestrator, "t0", "t1") == ["completed", "pending"]
    assert slow.ends == ["t0 done", "t1 cleaned up"]
    assert (clock.now() - before).total_seconds() == pytest.approx(30)


async def test_nothing_is_claimed_meanwhile_and_nothing_is_forgotten(
    orchestrator: TaskOrchestrator, slow: Slow, container: Container
) -> None:
    await started(orchestrator, slow, 20)
    stopping = asyncio.create_task(orchestrator.stop(drain=30))
    await asyncio.sleep(0)
    await orchestrator.create_task({**TASK, "task_id": "late", "payload": {"seconds": 0}})
    await stopping

    assert await statuses(orchestrator, "t0", "late") == ["completed", "pending"]
    assert not container.get(Worker).started

    await orchestrator.run_until_idle()
    assert await statuses(orchestrator, "late") == ["completed"]


async def test_a_second_call_interrupts_at_once(
    orchestrator: TaskOrchestrator, slow: Slow, clock: VirtualClock
) -> None:
    await started(orchestrator, slow, 1000)
    before = clock.now()
    stopping = asyncio.create_task(orchestrator.stop(drain=300))
    await asyncio.sleep(0)

    await orchestrator.stop(drain=0)
    await stopping

    assert slow.ends == ["t0 cleaned up"]
    assert clock.now() == before


async def test_an_interrupted_task_is_no_failure_and_no_crash(
    orchestrator: TaskOrchestrator, slow: Slow
) -> None:
    await started(orchestrator, slow, 5)
    await orchestrator.stop(drain=0)

    await orchestrator.run_until_idle()

    done = await orchestrator.get_task_status("t0")
    assert (done.status, done.attempt, done.failures) == ("completed", 2, 0)


async def test_a_drained_orchestrator_can_be_started_again(
    orchestrator: TaskOrchestrator, slow: Slow
) -> None:
    await started(orchestrator, slow, 5)
    await orchestrator.stop(drain=0)

    await orchestrator.start()

    assert (await orchestrator.wait_for_completion("t0")).completed


async def test_those_who_wait_until_all_is_idle_wait_on(
    orchestrator: TaskOrchestrator, slow: Slow
) -> None:
    await orchestrator.create_task({**TASK, "task_id": "t0", "payload": {"seconds": 50}})
    waiting = asyncio.create_task(orchestrator.run_until_idle())
    await slow.begun.wait()

    await orchestrator.stop(drain=10)
    await waiting

    assert await statuses(orchestrator, "t0") == ["completed"]
    assert slow.ends == ["t0 cleaned up", "t0 done"]


async def test_what_run_has_begun_is_interrupted_too(
    orchestrator: TaskOrchestrator, slow: Slow
) -> None:
    running = asyncio.create_task(orchestrator.run(TASK, payload={"seconds": 99}))
    await slow.begun.wait()

    await orchestrator.stop(drain=1)

    result = await running
    assert not result.success
    assert "was interrupted; it is pending" in str(result.error)


async def test_a_task_that_is_being_claimed_when_draining_begins_is_under_way(
    orchestrator: TaskOrchestrator, slow: Slow
) -> None:
    """Neither run behind the caller's back, nor left running by nobody."""
    for turns in range(12):
        task_id = f"turn-{turns}"
        await orchestrator.create_task({**TASK, "task_id": task_id, "payload": {"seconds": 9}})
        await orchestrator.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await orchestrator.stop(drain=0)

        assert await statuses(orchestrator, task_id) == ["pending"]


@pytest.mark.parametrize("wrong", [-1, "soon", float("nan"), True])
async def test_a_time_that_is_none_is_refused(orchestrator: TaskOrchestrator, wrong: float) -> None:
    with pytest.raises(InvalidRequest, match="drain"):
        await orchestrator.stop(drain=wrong)


async def test_whoever_watches_is_told_what_the_worker_does(
    orchestrator: TaskOrchestrator, slow: Slow, specialists: Specialists, container: Container
) -> None:
    async def fails(task: TaskContext) -> None:
        raise ValueError("no")

    specialists.register("failing", fails)
    retry = {"max_attempts": 2, "delay": 1.0}
    bad = {**TASK, "task_id": "bad", "specialist_type": "failing", "retry": retry}
    await orchestrator.create_task(bad)
    await orchestrator.create_task({**TASK, "task_id": "odd", "specialist_type": "nobody"})
    heard = list[WorkEvent]()
    with container.get(Worker).watched_by(heard.append):
        await orchestrator.run_until_idle()
        await started(orchestrator, slow, 99)
        await orchestrator.stop(drain=30)

    def told_of(task_id: str) -> list[tuple[str, str]]:
        return [(e.kind.value, e.told) for e in heard if e.task and e.task.id == task_id]

    failure = "ValueError: no"
    again = ("began", "")
    assert told_of("bad") == [again, ("retrying", failure), again, ("failed", failure)]
    assert told_of("odd") == [again, ("assigned", "")]
    assert told_of("t0") == [again, ("released", "")]


async def test_trouble_is_told_once_and_its_end_too(
    container: Container, caplog: pytest.LogCaptureFixture
) -> None:
    worker = container.get(Worker)
    engine = container.get(Engine)
    queue = container.get(TaskQueue)
    engine._queue = AsyncMock(wraps=queue)
    engine._queue.claim_ready.side_effect = [DatabaseFull("full"), DatabaseFull("full"), ()]
    mended = asyncio.Event()
    heard = list[tuple[str, str]]()

    def hear(event: WorkEvent) -> None:
        heard.append((event.kind.value, event.told))
        if event.kind is WorkEventKind.MENDED:
            mended.set()

    with worker.watched_by(hear), caplog.at_level(logging.CRITICAL, "vespera"):
        worker.keep_working()
        await mended.wait()
        await worker.rest()

    assert heard == [("trouble", "full"), ("mended", "")]


async def test_who_waits_for_its_end_is_told_the_defect_that_ended_it(container: Container) -> None:
    engine = container.get(Engine)
    engine._queue = AsyncMock(wraps=container.get(TaskQueue))
    engine._queue.claim_ready.side_effect = ZeroDivisionError
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: None)
    worker = container.get(Worker)
    worker.keep_working()

    with pytest.raises(ZeroDivisionError):
        await worker.over()


async def test_its_end_in_good_order_is_no_error(container: Container) -> None:
    worker = container.get(Worker)
    await worker.over()
    worker.keep_working()
    waiting = asyncio.create_task(worker.over())
    await worker.rest()

    await waiting


@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_a_drain_that_is_cancelled_leaves_nothing_behind(
    orchestrator: TaskOrchestrator, slow: Slow, turns: int
) -> None:
    await started(orchestrator, slow, 40, 5)
    stopping = asyncio.create_task(orchestrator.stop(drain=10 if turns % 4 else 0))
    for _ in range(turns):
        await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait({stopping})

    await orchestrator.run_until_idle()

    assert await statuses(orchestrator, "t0", "t1") == ["completed", "completed"]


@pytest.mark.parametrize("wait", ["sleep", "signal"])
async def test_what_only_waits_holds_nothing_up_and_waits_on_afterwards(
    orchestrator: TaskOrchestrator,
    slow: Slow,
    specialists: Specialists,
    clock: VirtualClock,
    wait: str,
) -> None:
    async def waits(task: TaskContext) -> str:
        slow.begun.set()
        if wait == "sleep":
            await task.sleep(5)
        else:
            await task.wait_for_signal("go", timeout=5)
        return "waited"

    specialists.register("waiting", waits)
    await orchestrator.create_task({**TASK, "task_id": "w", "specialist_type": "waiting"})
    before = clock.now()
    await started(orchestrator, slow, 1)

    await orchestrator.stop(drain=3)

    assert clock.now() - before <= timedelta(seconds=3)
    assert await statuses(orchestrator, "t0") == ["completed"]
    assert (await orchestrator.get_task_status("w")).status in {"pending", "waiting"}
    await orchestrator.signal("w", "go", "now")
    await orchestrator.run_until_idle()
    result = await orchestrator.get_task_status("w")
    assert (result.status, result.failures) == ("completed", 0)
