"""The host's clock is set forward or back while tasks are under way."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from vespera import Container, TaskOrchestrator, providers
from vespera.application.ports.persistence import TaskQueue, TaskRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.leases import Leases
from vespera.application.runtime.specialists import Specialists
from vespera.infrastructure.clock import SystemClock

HOUR = 3600.0


class JumpingClock(SystemClock):
    """The host's clock, which somebody sets; timers of the event loop do not notice."""

    def __init__(self):
        self.ahead = 0.0

    def now(self):
        return super().now() + timedelta(seconds=self.ahead)


class JumpingContainer(Container):
    clock = providers.Singleton(JumpingClock)


class Workshop:
    """A container whose tasks wait in their middle until they are let go on."""

    def __init__(self, directory):
        self.container = JumpingContainer(
            database_url=str(directory / "work.db"), workspace=str(directory)
        )
        self.clock = self.container.clock()
        self.begun, self.go_on, self.calls = asyncio.Event(), asyncio.Event(), Counter()
        self.container.get(Specialists).register("slow", self.slow)

    async def slow(self, task):
        await task.step("before", self.call, "before")
        self.begun.set()
        await self.go_on.wait()
        return await task.step("after", self.call, "after")

    def call(self, name):
        self.calls[name] += 1
        return f"{name} {self.calls[name]}"


@pytest.mark.parametrize("days", [-30, -0.1, -1e-5, 1e-5, 1e-4, 0.1, 5])
async def test_whenever_the_clock_is_set_no_task_is_stolen(tmp_path, days):
    one, other = Workshop(tmp_path), Workshop(tmp_path)
    async with one.container, other.container:
        orchestrator = one.container.get(TaskOrchestrator)
        running = asyncio.create_task(orchestrator.run(title="t", specialist_type="slow"))
        await one.begun.wait()
        one.clock.ahead = other.clock.ahead = days * 24 * HOUR
        assert await claimed(other) == []
        assert await claimed(one) == []
        one.go_on.set()
        result = await running

    assert result.completed
    assert result.attempt == 1
    assert one.calls == {"before": 1, "after": 1}
    assert other.calls == {}


class ShortSighted(Leases):
    """A planted bug: who judges leases does not know that somebody has set the clock."""

    def expired_by(self, now):
        return now


async def test_an_engine_that_does_not_notice_the_jump_is_found_out(tmp_path):
    one, other = Workshop(tmp_path), Workshop(tmp_path)
    async with one.container, other.container:
        engine = other.container.get(Engine)
        engine._leases = ShortSighted(
            queue=other.container.get(TaskQueue), clock=other.clock, lease=engine.lease
        )
        orchestrator = one.container.get(TaskOrchestrator)
        running = asyncio.create_task(orchestrator.run(title="t", specialist_type="slow"))
        await one.begun.wait()
        one.clock.ahead = other.clock.ahead = HOUR
        stolen = await claimed(other)
        for task in stolen:
            await other.container.get(TaskRepository).save(task.release(other.clock.now()))
        one.go_on.set()
        await running

    assert len(stolen) == 1


async def test_a_delayed_task_waits_for_a_clock_that_was_set_back_and_runs_once(tmp_path):
    workshop = Workshop(tmp_path)
    workshop.go_on.set()
    async with workshop.container as container:
        orchestrator = container.get(TaskOrchestrator)
        due = workshop.clock.now() + timedelta(hours=1)
        created = await orchestrator.create_task(
            title="later", specialist_type="slow", run_after=due, completion="auto"
        )
        workshop.clock.ahead = -2 * HOUR
        assert await claimed(workshop) == []
        workshop.clock.ahead = 5 * 24 * HOUR
        result = await orchestrator.wait_for_completion(created.task_id, timeout=60)

    assert result.completed
    assert workshop.calls == {"before": 1, "after": 1}


async def claimed(workshop):
    """What its worker would take now: what is ready, and what it thinks was left behind."""
    engine = workshop.container.get(Engine)
    await engine.take_back()
    return list(await engine.claim_ready(10))
