"""Events as they come: stored ones, then new ones, until the task ends or the container does."""

import asyncio
from contextlib import nullcontext
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.clock import Clock
from vespera.application.ports.events import EventLog, EventPage
from vespera.application.runtime.event_feed import EventFeed
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import EngineStopped, InvalidRequest, TaskNotFound
from vespera.domain.event import EventType, TaskEvent
from vespera.domain.ids import TaskId
from vespera.infrastructure.persistence.database import AsyncDatabaseManager


@pytest.fixture
async def container(clock):
    container = Container(workspace="/nonexistent/vespera", events="all")
    container.override(Clock, clock)
    clock.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
    async with container:
        yield container


@pytest.fixture
def orchestrator(container):
    specialists = container.get(Specialists)
    specialists.register("two steps", two_steps)
    specialists.register("never", never)
    return container.get(TaskOrchestrator)


async def two_steps(task: TaskContext) -> None:
    await task.step("first", lambda: 1)
    await task.step("second", lambda: 2)


async def never(task: TaskContext) -> None:
    raise ValueError("not this time")


async def told(orchestrator, task_id, **which):
    return [event async for event in orchestrator.events(task_id, **which)]


async def test_all_of_a_finished_task_is_told(orchestrator):
    await orchestrator.run(title="A", specialist_type="two steps", task_id="a")
    events = await told(orchestrator, "a")

    assert [(str(event.type), event.data.get("step")) for event in events] == [
        ("created", None),
        ("claimed", None),
        ("step_recorded", "first"),
        ("step_recorded", "second"),
        ("completed", None),
    ]
    assert [event.attempt for event in events] == [0, 1, 1, 1, 1]


async def test_a_failed_attempt_says_why_and_when_the_next_one_is(orchestrator):
    retry = {"max_attempts": 2, "delay": 5.0}
    await orchestrator.run(title="A", specialist_type="never", task_id="a", retry=retry)
    events = await told(orchestrator, "a", types=["retry_planned", "failed"])

    assert [str(event.type) for event in events] == ["retry_planned", "failed"]
    assert [event.data["error"] for event in events] == ["ValueError: not this time"] * 2
    assert "run_after" in events[0].data


async def test_a_reader_goes_on_where_it_was(orchestrator):
    await orchestrator.run(title="A", specialist_type="two steps", task_id="a")
    events = await told(orchestrator, "a")

    for place, event in enumerate(events, 1):
        assert await told(orchestrator, "a", after=event.id) == events[place:]


async def test_what_happens_while_somebody_reads_is_told_at_once(orchestrator):
    await orchestrator.create_task(
        title="A", specialist_type="two steps", task_id="a", completion="auto"
    )
    reading = asyncio.create_task(told(orchestrator, "a"))
    await orchestrator.run_until_idle()

    assert str((await reading)[-1].type) == "completed"


async def test_other_tasks_are_not_told(orchestrator):
    for name in ("a", "ab"):
        await orchestrator.run(title="A", specialist_type="two steps", task_id=name)

    assert {event.task_id for event in await told(orchestrator, "a")} == {"a"}


async def test_of_all_tasks_it_is_told_until_nobody_listens(orchestrator):
    begin = await orchestrator.newest_event()
    seen = []

    async def read():
        async for event in orchestrator.events(after=begin, types=["completed"]):
            seen.append(event.task_id)
            if len(seen) == 2:
                return

    reading = asyncio.create_task(read())
    for name in ("a", "b"):
        await orchestrator.run(title="A", specialist_type="two steps", task_id=name)
    await reading

    assert seen == ["a", "b"]


async def test_a_reader_of_a_container_that_ends_is_told_so(orchestrator, container):
    async def read():
        async for _ in orchestrator.events():
            pass

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await container.cleanup_async_services()

    with pytest.raises(EngineStopped):
        await reading


async def test_a_task_that_does_not_exist_has_no_events(orchestrator):
    with pytest.raises(TaskNotFound, match="nobody"):
        await told(orchestrator, "nobody")


@pytest.mark.parametrize(
    ("which", "field"),
    [
        ({"after": -1}, "after"),
        ({"after": "newest"}, "after"),
        ({"types": ["finished"]}, "types"),
        ({"types": []}, "types"),
        ({"types": 7}, "types"),
        ({"task_id": ""}, "task_id"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_the_call(orchestrator, which, field):
    with pytest.raises(InvalidRequest) as refused:
        orchestrator.events(**which)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("level", "expected"), [("ends", ["retry_planned", "failed"]), ("off", [])]
)
async def test_fewer_events_are_kept_if_asked_for(clock, level, expected):
    container = Container(workspace="/nonexistent/vespera", events=level)
    container.override(Clock, clock)
    async with container:
        container.get(Specialists).register("never", never)
        orchestrator = container.get(TaskOrchestrator)
        retry = {"max_attempts": 2, "delay": 5.0}
        await orchestrator.run(title="A", specialist_type="never", task_id="a", retry=retry)

        assert [str(event.type) for event in await told(orchestrator, "a")] == expected


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(InvalidRequest, match="events: must be one of 'all', 'ends', 'off'"):
        Container(events="some").get(AsyncDatabaseManager)


async def test_more_than_fit_on_a_page_are_told_one_page_after_the_other(clock):
    log = AsyncMock(spec=EventLog)
    log.heard = lambda _news: nullcontext()
    first, second = (
        TaskEvent(id=number, type=EventType.CREATED, task_id="a", at=clock.now(), attempt=0)
        for number in (1, 2)
    )
    pages = [
        EventPage(events=[first], upto=1, more=True),
        EventPage(events=[second], upto=2, more=False),
    ]
    tasks = AsyncMock(spec=TaskRepository)
    tasks.find.return_value = {}
    feed = EventFeed(log=log, tasks=tasks, notices=Notices(), clock=clock, poll=None)

    log.page.side_effect = pages
    assert [event.id async for event in feed.of_task(TaskId("a"), 0, None)] == [1, 2]

    log.page.side_effect = pages
    all_events = feed.of_all(0, None)
    assert [(await anext(all_events)).id for _ in pages] == [1, 2]
    await all_events.aclose()
