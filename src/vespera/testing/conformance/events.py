"""The promises of ``EventLog`` and ``ProgressRepository``."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from vespera.application.ports.events import EventLog, ProgressRepository
from vespera.domain.errors import LeaseLost, StaleTask
from vespera.domain.event import EventType, TaskEvent
from vespera.domain.ids import TaskId
from vespera.domain.progress import Progress
from vespera.testing.conformance.samples import FENCE, LATER, NOW, a_running_task, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

A = TaskId("a")


class EventLogConformance(PersistenceSuite):
    """Give ``make_stores`` of a database that keeps all events; the event log is in question."""

    ports = (EventLog,)

    async def test_an_empty_log_has_no_events_and_no_newest(self, stores: Stores) -> None:
        assert await stores.events.newest() == 0
        page = await stores.events.page()

        assert (page.events, page.upto, page.more) == ([], 0, False)
        assert await stores.events.begin_of(NOW) == 0

    async def test_what_is_committed_is_told_in_that_order(self, stores: Stores) -> None:
        for name in "abc":
            await stores.tasks.add(a_task(name))
        told = await _all(stores)

        assert [(event.type, event.task_id) for event in told] == [
            (EventType.CREATED, name) for name in "abc"
        ]
        assert [event.id for event in told] == sorted({event.id for event in told})
        assert told[0].at == NOW
        assert told[-1].id == await stores.events.newest()

    async def test_a_unit_tells_all_or_nothing(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        stale = a_task("a", version=7)
        with pytest.raises(StaleTask):
            async with stores.unit_of_work():
                await stores.tasks.add(a_task("b"))
                await stores.tasks.save(stale)

        assert [event.task_id for event in await _all(stores)] == ["a"]

    async def test_units_that_share_a_commit_with_a_guilty_one_are_told(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        await asyncio.gather(
            *(stores.tasks.add(a_task(name)) for name in "bac"), return_exceptions=True
        )

        assert sorted(event.task_id for event in await _all(stores)) == ["a", "b", "c"]

    async def test_pages_follow_each_other(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            for number in range(5):
                await stores.tasks.add(a_task(f"{number}"))
        first = await stores.events.page(limit=2)
        second = await stores.events.page(first.upto, limit=2)
        third = await stores.events.page(second.upto, limit=2)

        seen = [[event.task_id for event in page.events] for page in (first, second, third)]
        assert seen == [["0", "1"], ["2", "3"], ["4"]]
        assert [first.more, second.more, third.more] == [True, True, False]

    async def test_events_are_found_by_task_and_by_type(self, stores: Stores) -> None:
        for name in ("a", "aa", 'a"b'):
            await stores.tasks.add(a_running_task(name))
        page = stores.events.page

        assert {event.task_id for event in (await page(task_id=A)).events} == {"a"}
        quoted = (await page(task_id=TaskId('a"b'))).events
        assert [event.type for event in quoted] == [EventType.CREATED, EventType.CLAIMED]
        claims = (await page(types={EventType.CLAIMED})).events
        assert [event.task_id for event in claims] == ["a", "aa", 'a"b']

    async def test_the_beginning_of_a_moment_is_found(self, stores: Stores) -> None:
        for number in range(20):
            at = NOW + timedelta(seconds=number)
            await stores.tasks.add(a_task(f"{number:02}", created_at=at, updated_at=at))
        begin = await stores.events.begin_of(NOW + timedelta(seconds=13))
        behind = (await stores.events.page(begin)).events

        assert [event.task_id for event in behind] == [f"{number:02}" for number in range(13, 20)]

    async def test_old_events_are_forgotten_but_never_the_newest(self, stores: Stores) -> None:
        for number in range(4):
            await stores.tasks.add(a_task(f"{number}"))
        newest = await stores.events.newest()

        assert await stores.events.forget(before=NOW, limit=10) == 0
        assert await stores.events.forget(before=LATER, limit=2) == 2
        assert await stores.events.forget(before=LATER, limit=10) == 1
        assert [event.id for event in await _all(stores)] == [newest]

    async def test_a_commit_is_heard(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("a"))
        news = asyncio.Event()
        with stores.events.heard(news):
            assert not news.is_set()
            await stores.tasks.add(a_task("b"))
            assert news.is_set()
            news.clear()
        await stores.tasks.add(a_task("c"))

        assert not news.is_set()


class ProgressRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the progress repository is the one in question."""

    ports = (ProgressRepository,)

    async def test_progress_comes_back_as_it_was_said(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        said = _progress(done=0.5, total=3.0, message="two \u2713")
        await stores.progress.record(said, FENCE)

        assert await stores.progress.of_task(FENCE.task_id) == said

    async def test_newer_progress_takes_the_place_of_older(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        for done in (1.0, 2.0):
            await stores.progress.record(_progress(done=done), FENCE)

        assert await stores.progress.of_task(FENCE.task_id) == _progress(done=2.0)

    async def test_who_does_not_hold_the_task_says_nothing(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task(attempt=2))
        with pytest.raises(LeaseLost):
            await stores.progress.record(_progress(), FENCE)

        assert await stores.progress.of_task(FENCE.task_id) is None

    @pytest.mark.parametrize("task_id", ["nobody", "", "\ud800"])
    async def test_a_task_that_is_not_there_has_none(self, stores: Stores, task_id: str) -> None:
        assert await stores.progress.of_task(TaskId(task_id)) is None


async def _all(stores: Stores) -> Sequence[TaskEvent]:
    return (await stores.events.page()).events


def _progress(done: float = 1.0, total: float | None = None, message: str = "") -> Progress:
    return Progress(
        task_id=FENCE.task_id, attempt=1, done=done, total=total, message=message, at=NOW
    )
