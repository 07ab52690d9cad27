"""Tasks that are wanted once while one of their key is under way, and debounced ones."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.domain.errors import DuplicateRow, TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.testing import VirtualClock

SYNC = {"title": "Sync", "specialist_type": "sync", "dedup_key": "customer-7"}
SOON = {**SYNC, "debounce": 10.0}


class Office:
    """Tasks of the type "sync", which wait until the door is opened."""

    def __init__(self, container: Container) -> None:
        self.orchestrator = container.get(TaskOrchestrator)
        self.tasks = container.get(TaskRepository)
        self.open = asyncio.Event()
        self.seen: list[object] = []

    async def execute(self, task: TaskContext) -> object:
        self.seen.append(task.payload.get("news"))
        await self.open.wait()
        return task.payload.get("news")

    async def all(self) -> list[Task]:
        return list(await self.tasks.page())


@pytest.fixture
def office(container: Container, specialists: Specialists) -> Office:
    office = Office(container)
    specialists.register("sync", office)
    return office


async def begin(office: Office, **fields: object) -> str:
    """A task of the key that has begun, and waits at the door."""
    created = await office.orchestrator.create_task(SYNC, **fields)
    await office.orchestrator.start()
    while not office.seen:
        await asyncio.sleep(0)
    return str(created.task_id)


def workflow_with(container: Container, tasks: TaskRepository) -> TaskExecutionWorkflow:
    return TaskExecutionWorkflow(machinery=replace(container.get(Machinery), tasks=tasks))


async def test_a_repeat_gives_the_task_that_is_under_way_whatever_it_asks_for(
    office: Office,
) -> None:
    first = await office.orchestrator.create_task(SYNC, payload={"news": 1})
    repeat = await office.orchestrator.create_task(SYNC, title="Other", payload={"news": 2})

    assert (first.created, repeat.created, repeat.success) == (True, False, True)
    assert repeat.task_id == first.task_id
    assert [task.title for task in await office.all()] == ["Sync"]


async def test_once_it_is_finished_a_new_one_is_created(office: Office) -> None:
    office.open.set()
    first = await office.orchestrator.run(SYNC)
    second = await office.orchestrator.run(SYNC)

    assert (first.status, second.status, second.created) == ("completed", "completed", True)
    assert first.task_id != second.task_id


async def test_types_and_keys_are_told_apart(office: Office) -> None:
    asked = [SYNC, {**SYNC, "dedup_key": "customer-8"}, {**SYNC, "specialist_type": "other"}]
    results = await office.orchestrator.create_tasks(asked)

    assert [result.created for result in results] == [True, True, True]


async def test_an_idempotency_key_tells_too_whether_the_task_is_new(office: Office) -> None:
    asked = {"title": "A", "specialist_type": "sync", "idempotency_key": "a"}
    office.open.set()
    created = [(await office.orchestrator.run(asked)).created for _ in range(2)]

    assert created == [True, False]


async def test_of_two_in_one_call_the_second_is_the_first(office: Office) -> None:
    office.open.set()
    results = await office.orchestrator.run_all([SYNC, SYNC, {"title": "x"}], timeout=60)

    assert [result.created for result in results] == [True, False, True]
    assert results[0].task_id == results[1].task_id
    assert [result.completed for result in results[:2]] == [True, True]


async def test_two_callers_at_once_run_one_task(office: Office) -> None:
    office.open.set()
    results = await asyncio.gather(*(office.orchestrator.run(SYNC) for _ in range(5)))

    assert len({result.task_id for result in results}) == 1
    assert [result.created for result in results].count(True) == 1
    assert office.seen == [None]


async def test_a_debounced_task_runs_once_with_the_last_news(
    office: Office, clock: VirtualClock
) -> None:
    office.open.set()
    start = clock.now()
    for number in range(4):
        said = {"title": f"Sync {number}", "payload": {"news": number}, "priority": number}
        result = await office.orchestrator.create_task(SOON, **said)
        assert (result.created, result.title) == (number == 0, f"Sync {number}")
        await clock.advance(seconds=6)
    await office.orchestrator.run_until_idle()

    (task,) = await office.all()
    assert (task.title, task.priority, office.seen) == ("Sync 3", 3, [3])
    assert task.updated_at - start >= timedelta(seconds=3 * 6 + 10)


async def test_news_without_end_delays_a_task_no_longer_than_the_limit(
    office: Office, clock: VirtualClock
) -> None:
    first = await office.orchestrator.create_task(SOON, debounce_at_most=15)
    await clock.advance(seconds=9)
    await office.orchestrator.create_task(SOON, debounce_at_most=15)

    task = await office.tasks.get(TaskId(str(first.task_id)))
    assert task.run_after == task.created_at + timedelta(seconds=15)


async def test_what_comes_while_it_runs_is_for_one_more_task_behind_it(
    office: Office, clock: VirtualClock
) -> None:
    running = await begin(office, payload={"news": 1})
    second = await office.orchestrator.create_task(SOON, payload={"news": 2})
    third = await office.orchestrator.create_task(SOON, payload={"news": 3})
    assert (second.created, third.created, third.task_id) == (True, False, second.task_id)

    await clock.advance(seconds=60)
    assert office.seen == [1]
    stands = await office.orchestrator.get_task_status(str(second.task_id))
    assert stands.waits_for.startswith("it waits for 1 ")

    office.open.set()
    await office.orchestrator.complete_task(running)
    await office.orchestrator.run_until_idle()
    await office.orchestrator.complete_task(running)
    await office.orchestrator.run_until_idle()
    assert office.seen == [1, 3]


async def test_the_next_one_runs_also_when_the_one_before_fails(
    office: Office, specialists: Specialists, clock: VirtualClock
) -> None:
    running = await begin(office, payload={"news": 1})
    await office.orchestrator.create_task(SOON, payload={"news": 2})
    await office.orchestrator.cancel_task(running)
    office.open.set()
    await office.orchestrator.run_until_idle()

    assert office.seen == [1, 2]


async def test_a_repeat_without_debounce_changes_nothing(office: Office) -> None:
    first = await office.orchestrator.create_task(SOON, payload={"news": 1})
    repeat = await office.orchestrator.create_task(SYNC, payload={"news": 2}, title="B")

    assert (repeat.created, repeat.task_id, repeat.title) == (False, first.task_id, "Sync")


async def test_a_debounced_repeat_delays_a_task_that_was_to_run_at_once(office: Office) -> None:
    await office.orchestrator.create_task(SYNC)
    repeat = await office.orchestrator.create_task(SOON, title="B")

    (task,) = await office.all()
    assert (repeat.created, task.title, task.run_after is None) == (False, "B", False)


async def test_run_waits_for_the_moment_and_hands_back_what_came_of_the_last_news(
    office: Office,
) -> None:
    office.open.set()
    results = await asyncio.gather(
        office.orchestrator.run(SOON, payload={"news": 1}),
        office.orchestrator.run(SOON, payload={"news": 2}),
    )

    assert [result.result for result in results] == [2, 2]
    assert [result.created for result in results] == [True, False]


async def test_in_one_call_the_last_news_count(office: Office) -> None:
    results = await office.orchestrator.create_tasks(
        [{**SOON, "title": "A"}, {**SOON, "title": "B"}]
    )

    assert [(result.created, result.title) for result in results] == [(True, "B"), (False, "B")]


async def test_events_tell_of_each_debounce(clock: VirtualClock, specialists: Specialists) -> None:
    container = Container(workspace="/nonexistent/vespera", events="all")
    container.override("clock", clock)
    clock.watch(lambda: container.get("database").in_flight)
    async with container:
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.create_task(SOON)
        await orchestrator.create_task(SOON)
        page = await container.get("event_log").page()

    assert [event.type for event in page.events] == ["created", "debounced"]
    assert page.events[1].data["run_after"] == (clock.now() + timedelta(seconds=10)).isoformat()


async def test_others_that_are_always_faster_are_told_of(
    container: Container, office: Office
) -> None:
    hindered = AsyncMock(spec=TaskRepository, wraps=office.tasks)
    hindered.add.side_effect = DuplicateRow("A 'sync' task is under way.")
    result = await workflow_with(container, hindered).create_task(SYNC)

    assert result.error == "dedup_key: is being created by others again and again"
    assert hindered.add.await_count == 5


async def test_one_that_is_gone_when_another_comes_behind_it_holds_nothing_up(
    container: Container, office: Office
) -> None:
    running = await begin(office)
    found = await office.tasks.get(TaskId(running))
    hindered = AsyncMock(spec=TaskRepository, wraps=office.tasks)
    hindered.under_way.side_effect = [{("sync", "customer-7"): found}, {}]
    hindered.add.side_effect = [TaskNotFound(TaskId(running)), None]
    result = await workflow_with(container, hindered).create_task(SOON)

    assert (result.success, result.created) == (True, True)


async def test_who_has_ended_does_not_run_again_beside_the_task_in_its_place(
    office: Office,
) -> None:
    first = await office.orchestrator.create_task(SYNC)
    await office.orchestrator.cancel_task(str(first.task_id))
    second = await office.orchestrator.create_task(SYNC)
    refused = await office.orchestrator.retry_task(str(first.task_id))
    await office.orchestrator.cancel_task(str(second.task_id))
    retried = await office.orchestrator.retry_task(str(first.task_id))

    assert f"the dedup_key 'customer-7' of task {second.task_id!r}" in str(refused.error)
    assert (retried.success, retried.status) == (True, "pending")


async def test_a_fork_is_a_task_of_its_own(office: Office) -> None:
    first = await office.orchestrator.create_task(SYNC)
    fork = await office.orchestrator.fork_task(str(first.task_id))

    assert (fork.success, fork.created) == (True, True)


async def test_a_child_has_no_dedup_key(office: Office, specialists: Specialists) -> None:
    async def parent(task: TaskContext) -> None:
        await task.spawn({"title": "x", "dedup_key": "k"})

    specialists.register("parent", parent)
    result = await office.orchestrator.run(title="p", specialist_type="parent")

    assert "dedup_key: a child is its parent's own" in str(result.error)


HOURLY = {"every": 3600.0, "catch_up": "all"}


async def test_a_schedule_s_moments_are_one_task_while_it_is_under_way(
    office: Office, clock: VirtualClock, container: Container
) -> None:
    await office.orchestrator.schedule("sync", SYNC, **HOURLY)
    await clock.advance(hours=3)
    fired = await container.get("scheduler").fire_due()
    await clock.advance(hours=1)
    again = await container.get("scheduler").fire_due()

    assert (len(fired), len(again)) == (1, 0)
    (task,) = await office.all()
    (schedule,) = await office.orchestrator.schedules()
    assert (schedule.last_task_id, schedule.last_due) == (task.id, clock.now())


async def test_a_schedule_s_moments_debounce_each_other(
    office: Office, clock: VirtualClock, container: Container
) -> None:
    await office.orchestrator.schedule("sync", SOON, **HOURLY)
    await clock.advance(hours=3)
    await container.get("scheduler").fire_due()
    triggered = await office.orchestrator.trigger("sync")

    office.open.set()
    await office.orchestrator.execute_task(str(triggered.task_id))
    (task,) = await office.all()
    assert (triggered.created, triggered.task_id, len(office.seen)) == (False, task.id, 1)


async def test_a_trigger_says_whether_the_task_is_new(office: Office) -> None:
    await office.orchestrator.schedule("sync", SYNC, every=3600.0)

    results = [await office.orchestrator.trigger("sync") for _ in range(2)]
    assert [result.created for result in results] == [True, False]
    assert results[0].task_id == results[1].task_id


async def test_a_moment_that_is_over_is_now(office: Office, clock: VirtualClock) -> None:
    """The limit of a late repeat may lie behind: the task is due at once."""
    await office.orchestrator.create_task(SOON, debounce=100)
    await clock.advance(seconds=50)
    late = await office.orchestrator.create_task(SOON, debounce=5, debounce_at_most=5)

    assert late.success
    (task,) = await office.all()
    assert task.run_after is not None
    assert task.run_after < clock.now() < datetime.max.replace(tzinfo=UTC)
