"""Two workers on one file, and somebody sets the clock of their host."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from vespera import Clock, Container, TaskOrchestrator
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue, TaskRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import OwnerId
from vespera.infrastructure.owners import LockFileOwners
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.testing import VirtualClock
from vespera.testing.faults.clock import JumpingClock, Jumps

LEASE = 30.0
HOUR = timedelta(hours=1)
ROUND = 120.0


class Hall:
    """Where the workers are, and the clock on its wall."""

    def __init__(self, directory):
        self.directory = directory
        self.time, self.jumps = VirtualClock(), Jumps()
        self.calls, self.begun, self.go_on = Counter(), asyncio.Event(), asyncio.Event()

    def set_clock(self, **by):
        self.jumps.jumps(**by, optional=True)

    def worker(self):
        container = Container(
            database_url=str(self.directory / "work.db"),
            workspace=str(self.directory),
            lease_seconds=LEASE,
        )
        container.override(Clock, JumpingClock(self.time, self.jumps.of))
        self.time.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
        for handler in (self.slow, self.quick, self.sleeper):
            container.get(Specialists).register(handler.__name__, handler)
        return container

    async def slow(self, task):
        await task.step("before", self._call, "before", in_thread=False)
        self.begun.set()
        await self.go_on.wait()
        return await task.step("after", self._call, "after", in_thread=False)

    async def quick(self, task):
        return await task.step("only", self._call, "only", in_thread=False)

    async def sleeper(self, task):
        await task.sleep(HOUR)

    def _call(self, name):
        self.calls[name] += 1
        return f"{name} {self.calls[name]}"


@pytest.fixture
def hall(tmp_path):
    return Hall(tmp_path)


async def stands(container, task_id):
    task = await container.get(TaskRepository).get(task_id)
    return task.status.value, task.attempt


async def held_by(container, owner, hall):
    """A task that somebody holds who is not heard of any more."""
    await container.get(TaskOrchestrator).create_task(
        title="t", task_id="t", specialist_type="quick", completion="auto"
    )
    now = container.get(Clock).now()
    lease_until = now + timedelta(seconds=LEASE)
    claimed = await container.get(TaskQueue).claim(
        "t", owner=owner, now=now, lease_until=lease_until
    )
    assert claimed is not None


@pytest.mark.parametrize("jump", [{"hours": 1}, {"seconds": 25}, {"hours": -1}])
@pytest.mark.parametrize("at", [0, 9.99, 19])
async def test_whenever_the_clock_is_set_nobody_loses_a_task(hall, caplog, jump, at):
    async with hall.worker() as one, hall.worker() as other:
        running = asyncio.create_task(
            one.get(TaskOrchestrator).run(title="t", task_id="t", specialist_type="slow")
        )
        await hall.begun.wait()
        await other.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=at)
        hall.set_clock(**jump)
        await hall.time.advance(seconds=1.5 * LEASE)
        assert await stands(one, "t") == ("running", 1)
        hall.go_on.set()
        result = await running
        await other.get(TaskOrchestrator).stop()

    assert (result.result, result.attempt) == ("after 1", 1)
    assert hall.calls == {"before": 1, "after": 1}
    assert len([told for told in caplog.messages if "clock was set" in told]) == 2


async def test_a_clock_that_goes_to_and_fro_takes_no_task_from_anybody(hall):
    async with hall.worker() as one, hall.worker() as other:
        await one.get(TaskOrchestrator).create_task(
            title="t", task_id="t", specialist_type="slow", completion="auto"
        )
        await one.get(TaskOrchestrator).start()
        await hall.begun.wait()
        await other.get(TaskOrchestrator).start()
        for hours in (2, -4, 1, 3, -2, 0.003, -0.002):
            hall.set_clock(hours=hours)
            await hall.time.advance(seconds=13)
        assert await stands(one, "t") == ("running", 1)
        for worker in (one, other):
            await worker.get(TaskOrchestrator).stop(drain=0)

    assert hall.calls == {"before": 1}


async def test_a_worker_that_is_silent_loses_its_task_one_lease_after_the_jump(hall):
    async with hall.worker() as worker:
        await held_by(worker, OwnerId("elsewhere-1"), hall)
        await worker.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=1)
        hall.set_clock(hours=1)
        await hall.time.advance(seconds=LEASE - 3)
        assert await stands(worker, "t") == ("running", 1)
        await hall.time.advance(seconds=LEASE / 3 + 3)
        assert await stands(worker, "t") == ("completed", 2)
        await worker.get(TaskOrchestrator).stop()


@pytest.mark.parametrize("hours", [1, -1])
async def test_the_tasks_of_the_dead_are_taken_at_once_however_the_clock_was_set(hall, hours):
    async with hall.worker() as worker:
        others = LockFileOwners(hall.directory / "work.db.owners")
        await held_by(worker, others.register(), hall)
        await worker.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=2)
        hall.set_clock(hours=hours)
        await hall.time.advance(seconds=2)
        assert await stands(worker, "t") == ("running", 1)
        others._close_locks()  # as the system does when a process ends
        await hall.time.advance(seconds=2)
        assert await stands(worker, "t") == ("completed", 2)
        await worker.get(TaskOrchestrator).stop()


async def test_leases_are_extended_as_soon_as_the_jump_is_seen(hall):
    async with hall.worker() as worker:
        orchestrator = worker.get(TaskOrchestrator)
        await orchestrator.create_task(title="t", task_id="t", specialist_type="slow")
        await orchestrator.start()
        await hall.begun.wait()
        hall.set_clock(hours=1)
        await hall.time.advance(seconds=1.5)
        task = await worker.get(TaskRepository).get("t")
        assert task.lease_until - worker.get(Clock).now() > timedelta(seconds=LEASE - 2)
        assert worker.get(Engine).owner == task.owner
        assert not worker.get(Owners).dead({task.owner})
        await orchestrator.stop(drain=0)


@pytest.mark.parametrize("specialist_type", ["quick", "sleeper"])
async def test_what_waits_for_a_moment_goes_on_when_the_clock_is_there(hall, specialist_type):
    async with hall.worker() as worker:
        orchestrator = worker.get(TaskOrchestrator)
        due = worker.get(Clock).now() + HOUR
        await orchestrator.create_task(
            title="t",
            task_id="t",
            specialist_type=specialist_type,
            completion="auto",
            run_after=due if specialist_type == "quick" else None,
        )
        await orchestrator.start()
        await hall.time.advance(seconds=5)
        assert (await stands(worker, "t"))[0] in {"pending", "waiting"}
        hall.set_clock(hours=1)
        await hall.time.advance(seconds=3)
        assert (await stands(worker, "t"))[0] == "completed"
        await orchestrator.stop()


async def test_what_waits_for_a_moment_waits_longer_if_the_clock_is_set_back(hall):
    async with hall.worker() as worker:
        orchestrator = worker.get(TaskOrchestrator)
        due = worker.get(Clock).now() + timedelta(seconds=20)
        await orchestrator.create_task(
            title="t", task_id="t", specialist_type="quick", completion="auto", run_after=due
        )
        await orchestrator.start()
        await hall.time.advance(seconds=5)
        hall.set_clock(seconds=-60)
        await hall.time.advance(seconds=70)
        assert (await stands(worker, "t"))[0] == "pending"
        await hall.time.advance(seconds=6)
        assert (await stands(worker, "t"))[0] == "completed"
        await orchestrator.stop()


async def moments(container):
    """Those of the schedule that got a task, as numbers of rounds since it was made."""
    (rounds,) = await container.get(TaskOrchestrator).schedules()
    told = [t.idempotency_key for t in await container.get(TaskRepository).page()]
    since = [datetime.fromisoformat(key[16:]) - rounds.created_at for key in told]
    return sorted(span.total_seconds() / ROUND for span in since)


async def scheduled(container):
    made = await container.get(TaskOrchestrator).schedule(
        "rounds", title="t", specialist_type="quick", every=ROUND
    )
    assert made.success, made.error


async def test_a_schedule_catches_up_once_after_a_jump_whoever_sees_it(hall):
    async with hall.worker() as one, hall.worker() as other:
        await scheduled(one)
        for worker in (one, other):
            await worker.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=10)
        hall.set_clock(seconds=100.5 * ROUND)
        await hall.time.advance(seconds=5)
        assert await moments(one) == [100]
        await hall.time.advance(seconds=ROUND)
        for worker in (one, other):
            await worker.get(TaskOrchestrator).stop()
        assert await moments(one) == [100, 101]


async def test_a_schedule_goes_on_when_the_clock_that_was_ahead_is_set_back(hall):
    async with hall.worker() as worker:
        await scheduled(worker)
        orchestrator = worker.get(TaskOrchestrator)
        await orchestrator.start()
        await hall.time.advance(seconds=10)
        hall.set_clock(seconds=1000 * ROUND)
        await hall.time.advance(seconds=10)
        assert await moments(worker) == [1000]
        hall.set_clock(seconds=-1000 * ROUND)
        await hall.time.advance(seconds=2 * ROUND)
        await orchestrator.stop()
        assert await moments(worker) == [1, 2, 1000]


async def test_a_schedule_goes_on_though_the_clock_was_set_back_while_nobody_worked(hall):
    async with hall.worker() as worker:
        await scheduled(worker)
        await worker.get(TaskOrchestrator).start()
        hall.set_clock(seconds=1000 * ROUND)
        await hall.time.advance(seconds=5)
    hall.set_clock(seconds=-1000 * ROUND)
    async with hall.worker() as worker:
        await worker.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=ROUND)
        await worker.get(TaskOrchestrator).stop()
        assert await moments(worker) == [1, 1000]


async def test_a_paused_schedule_is_not_touched_when_the_clock_is_set_back(hall):
    async with hall.worker() as worker:
        await scheduled(worker)
        orchestrator = worker.get(TaskOrchestrator)
        await orchestrator.start()
        hall.set_clock(seconds=10 * ROUND)
        await hall.time.advance(seconds=5)
        paused = (await orchestrator.pause_schedule("rounds")).schedule
        await orchestrator.schedule("more", title="t", specialist_type="quick", every=ROUND)
        hall.set_clock(seconds=-10 * ROUND)
        await hall.time.advance(seconds=5)
        (_, stands) = await orchestrator.schedules()
        assert stands == paused
        await orchestrator.stop()


async def test_a_moment_that_comes_again_gets_no_second_task(hall):
    async with hall.worker() as worker:
        await scheduled(worker)
        await worker.get(TaskOrchestrator).start()
        await hall.time.advance(seconds=ROUND + 10)
        hall.set_clock(seconds=-ROUND / 2)
        await hall.time.advance(seconds=1.5 * ROUND)
        await worker.get(TaskOrchestrator).stop()
        assert await moments(worker) == [1, 2]
