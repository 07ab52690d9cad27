"""What is over for long enough goes while a worker works."""

from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskOrchestrator
from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.clock import Clock
from vespera.application.ports.events import EventLog
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.upkeep import Upkeep
from vespera.domain.errors import InvalidRequest, StorageError
from vespera.domain.retention import retention_of
from vespera.infrastructure.persistence.database import AsyncDatabaseManager

HOUR = timedelta(hours=1)


@pytest.fixture
async def keeping(clock):
    """An orchestrator of a container that keeps completed tasks and events for an hour."""
    container = Container(
        workspace="/nonexistent/vespera",
        events="all",
        retention={"completed": HOUR, "events": HOUR},
    )
    container.override(Clock, clock)
    clock.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
    async with container:
        specialists = container.get(Specialists)
        specialists.register("good", good)
        specialists.register("bad", bad)
        yield container.get(TaskOrchestrator)


async def good(_task):
    return 1


async def bad(_task):
    raise ValueError("no")


async def left(orchestrator):
    return sorted(task.id for task in (await orchestrator.tasks(limit=1000)).tasks)


async def test_a_worker_removes_what_is_old_enough(keeping, clock):
    await keeping.start()
    await keeping.run_all([{"title": f"{n}", "specialist_type": "good"} for n in range(300)])
    await keeping.run(title="B", specialist_type="bad", task_id="bad")
    await clock.advance(minutes=50)
    assert len(await left(keeping)) == 301

    await clock.advance(minutes=20)

    assert await left(keeping) == ["bad"]


async def test_events_go_too(keeping, clock):
    await keeping.start()
    await keeping.run(title="A", specialist_type="good", task_id="a")
    await clock.advance(minutes=70)
    await keeping.run(title="B", specialist_type="good", task_id="b")
    await clock.advance(minutes=2)
    newest = await keeping.newest_event()
    seen = []
    async for event in keeping.events():
        seen.append(event.task_id)
        if event.id == newest:
            break

    assert set(seen) == {"b"}


async def test_nobody_waits_for_it(keeping):
    await keeping.run(title="A", specialist_type="good", task_id="a")

    await keeping.run_until_idle()

    assert await left(keeping) == ["a"]


@pytest.mark.parametrize(
    ("retention", "field"),
    [
        ({"complete": HOUR}, "retention"),
        ({"pending": HOUR}, "retention"),
        ({"completed": -1}, "retention.completed"),
        ("30d", "retention.cancelled"),
    ],
)
def test_a_retention_that_makes_no_sense_is_refused(retention, field):
    with pytest.raises(InvalidRequest) as refused:
        Container(retention=retention)

    assert refused.value.field == field


async def test_events_are_kept_if_only_tasks_are_to_go(clock):
    container = Container(
        workspace="/nonexistent/vespera", events="all", retention={"completed": HOUR}
    )
    container.override(Clock, clock)
    clock.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
    async with container:
        container.get(Specialists).register("good", good)
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.start()
        await orchestrator.run(title="A", specialist_type="good", task_id="a")
        events = await orchestrator.newest_event()

        await clock.advance(minutes=70)

        assert await left(orchestrator) == []
        assert (await anext(orchestrator.events())).task_id == "a"
        assert await orchestrator.newest_event() == events


class TestFilesOfLargeValues:
    @pytest.fixture
    def archive(self):
        return AsyncMock(spec=TaskArchive, **{"purge.return_value": 0})

    @pytest.fixture
    def make_upkeep(self, archive):
        def make(retention=None, *, sweeps):
            log = AsyncMock(spec=EventLog)
            return Upkeep(
                archive=archive, log=log, retention=retention_of(retention), sweeps=sweeps
            )

        return make

    async def test_they_are_swept_at_once_and_then_every_hour(self, archive, make_upkeep, clock):
        upkeep, now = make_upkeep(sweeps=True), clock.now()
        assert upkeep.due(now) == now

        for minutes in (0, 1, 59, 60, 61, 121):
            await upkeep.go_on(now + timedelta(minutes=minutes))

        swept = [call.args[0] - now for call in archive.sweep.await_args_list]
        assert swept == [timedelta(hours=-1), timedelta(0), timedelta(minutes=61)]
        assert upkeep.due(now) == now + timedelta(minutes=181)

    async def test_without_files_there_is_nothing_to_do(self, archive, make_upkeep, clock):
        upkeep = make_upkeep(sweeps=False)
        await upkeep.go_on(clock.now())

        assert upkeep.due(clock.now()) is None
        archive.sweep.assert_not_awaited()

    async def test_files_that_cannot_be_removed_hold_nobody_up(
        self, archive, make_upkeep, clock, caplog
    ):
        archive.sweep.side_effect = StorageError("read-only")
        await make_upkeep({"completed": HOUR}, sweeps=True).go_on(clock.now())

        assert "were not removed: read-only" in caplog.text
        archive.purge.assert_awaited()
