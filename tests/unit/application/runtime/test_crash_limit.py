"""Tasks whose worker dies in the middle of them, again and again."""

import asyncio
from datetime import timedelta

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue, TaskRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task

DEAD = OwnerId("dead")


async def crash(container: Container, task_id: str, times: int) -> Task:
    """As if so many workers had claimed the task and died."""
    queue, now = container.get(TaskQueue), container.get(Clock).now()
    for _ in range(times):
        await queue.claim(TaskId(task_id), owner=DEAD, now=now, lease_until=now)
        await queue.take_back(now=now, dead=[DEAD])
    return await container.get(TaskRepository).get(TaskId(task_id))


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def created(orchestrator: TaskOrchestrator, *task_ids: str) -> None:
    await orchestrator.create_tasks(
        {"title": task_id, "specialist_type": "coder", "task_id": task_id, "completion": "auto"}
        for task_id in task_ids
    )


async def test_a_task_that_killed_its_worker_ten_times_in_a_row_fails_without_being_called(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    called: list[str] = []
    specialists.register("coder", lambda task: called.append(task.id))
    await created(orchestrator, "poison", "neighbour")
    await crash(container, "poison", 10)

    await orchestrator.run_until_idle()

    poison = await orchestrator.get_task_status("poison")
    assert poison.status == "failed"
    assert "CrashLimitReached: Task 'poison' (poison) was under way 10 times" in str(poison.error)
    assert called == ["neighbour"]


async def test_a_task_that_killed_its_worker_less_often_is_tried_once_more(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", lambda task: "done")
    await created(orchestrator, "unlucky")
    await crash(container, "unlucky", 9)

    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("unlucky")).completed


async def test_a_suspect_is_run_alone_and_the_others_after_it(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    """So that the one that kills its worker takes no other with it each time."""
    under_way: set[str] = set()
    seen: list[list[str]] = []

    async def handler(task: TaskContext) -> None:
        under_way.add(task.id)
        await asyncio.sleep(0)
        seen.append(sorted(under_way))
        under_way.discard(task.id)

    specialists.register("coder", handler)
    await created(orchestrator, "a", "b", "c", "x", "y")
    for suspect in ("x", "y"):
        await crash(container, suspect, 2)

    await orchestrator.run_until_idle()

    assert seen[:2] == [["x"], ["y"]]
    assert ["a", "b", "c"] in seen


async def test_a_suspect_waits_for_those_that_are_under_way(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    go, begun = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def handler(task: TaskContext) -> None:
        if task.id == "long":
            begun.set()
            await go.wait()
        ended.append(task.id)

    specialists.register("coder", handler)
    await created(orchestrator, "long")
    await orchestrator.start()
    await begun.wait()
    await created(orchestrator, "x")
    await crash(container, "x", 3)
    clock = container.get(Clock)
    await clock.sleep(timedelta(minutes=5).total_seconds())
    assert ended == []
    go.set()

    await orchestrator.run_until_idle()

    assert ended == ["long", "x"]


async def test_a_recorded_step_is_progress_and_the_crashes_are_forgotten(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> int:
        return await task.step("work", lambda: 1)

    specialists.register("coder", handler)
    await created(orchestrator, "a")
    await crash(container, "a", 5)

    await orchestrator.run_until_idle()

    task = await container.get(TaskRepository).get(TaskId("a"))
    assert (task.status, task.crashes) == ("completed", 0)


async def test_without_a_limit_a_task_is_tried_for_ever() -> None:
    async with Container(crash_limit=None) as container:
        container.get(Specialists).register("coder", lambda task: "done")
        orchestrator = container.get(TaskOrchestrator)
        await created(orchestrator, "a")
        await crash(container, "a", 50)

        await orchestrator.run_until_idle()

        assert (await orchestrator.get_task_status("a")).completed


@pytest.mark.parametrize("limit", [0, -1, 1.5, "ten", True])
def test_a_limit_that_makes_no_sense_is_refused(limit: object) -> None:
    with pytest.raises(InvalidRequest, match="crash_limit"):
        Container(crash_limit=limit)
