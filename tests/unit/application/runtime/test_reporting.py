"""Progress: stored now and then, never held up, and the last word is kept."""

import asyncio
import threading
from unittest.mock import AsyncMock

import pytest

from vespera import TaskContext, TaskOrchestrator
from vespera.application.ports.events import ProgressRepository
from vespera.application.runtime.reporting import ProgressReport
from vespera.domain.errors import DatabaseFull, LeaseLost
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.testing import VirtualClock

FENCE = Fence(TaskId("a"), 1, OwnerId("me"))


@pytest.fixture
def progress():
    return AsyncMock(spec=ProgressRepository)


@pytest.fixture
def storing(progress):
    """Is set when the first word is being stored, which never ends by itself."""
    begun = asyncio.Event()

    async def slow(*_):
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()

    progress.record.side_effect = slow
    return begun


@pytest.fixture
async def report(progress, clock):
    return ProgressReport(FENCE, progress=progress, clock=clock)


def stored(progress):
    return [call.args[0].done for call in progress.record.await_args_list]


async def test_the_first_word_is_stored_at_once(report, progress, clock):
    report.say(1, 3, "")
    await clock.advance(seconds=0)

    assert stored(progress) == [1]
    await report.close()


async def test_of_many_words_the_newest_is_stored_each_second(progress):
    clock = VirtualClock()
    report = ProgressReport(FENCE, progress=progress, clock=clock)
    for number in range(100):
        report.say(number, 100, "")
        await clock.advance(seconds=0.1)

    assert len(stored(progress)) <= 11
    assert stored(progress) == sorted(stored(progress))
    await report.close()


async def test_the_last_word_is_stored_at_the_end(report, progress, clock):
    report.say(1, 3, "")
    await clock.advance(seconds=0)
    report.say(2, 3, "")
    report.say(3, 3, "")
    await report.close()

    assert stored(progress) == [1, 3]


async def test_nothing_is_stored_if_nothing_was_said(report, progress):
    await report.close()

    progress.record.assert_not_awaited()


@pytest.mark.parametrize("trouble", [LeaseLost(), DatabaseFull()])
async def test_trouble_with_progress_is_none_of_the_tasks(report, progress, clock, trouble):
    progress.record.side_effect = trouble
    report.say(1, None, "")
    await clock.advance(seconds=0)
    report.say(2, None, "")
    await report.close()

    assert stored(progress) == [1, 2]


async def test_a_thread_may_say_it(report, progress, clock):
    thread = threading.Thread(target=report.say, args=(1, 2, "from a thread"))
    thread.start()
    await asyncio.to_thread(thread.join)
    await clock.advance(seconds=0)

    assert stored(progress) == [1]
    await report.close()


async def test_what_a_thread_says_after_the_end_is_too_late(report, progress, clock):
    await report.close()
    report.say(1, 2, "")
    await clock.advance(seconds=2)

    assert stored(progress) == []


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (("1",), "done"),
        ((-1,), "done"),
        ((float("nan"),), "done"),
        ((1, 0), "total"),
        ((1, "2"), "total"),
        ((1, 2, 3), "message"),
    ],
)
async def test_what_is_no_progress_fails_the_task_and_is_named(container, specialists, said, field):
    async def specialist(task: TaskContext) -> None:
        task.progress(*said)

    specialists.register("worker", specialist)
    ran = await container.get(TaskOrchestrator).run(title="A", specialist_type="worker")

    assert not ran.success
    assert ran.error is not None
    assert f"{field}: " in ran.error


async def test_the_status_tells_of_it(container, specialists):
    async def specialist(task: TaskContext) -> None:
        task.progress(2, 4, "half of it")

    specialists.register("worker", specialist)
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.run(title="A", specialist_type="worker", task_id="a")
    stands = await orchestrator.get_task_status("a")

    assert str(stands.progress) == "2 of 4: half of it"
    assert stands.progress.share == 0.5


async def test_a_failing_handler_leaves_its_last_word(container, specialists):
    async def specialist(task: TaskContext) -> None:
        task.progress(1, 9)
        task.progress(7)
        raise ValueError("no more")

    specialists.register("worker", specialist)
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.run(title="A", specialist_type="worker", task_id="a")

    progress = (await orchestrator.get_task_status("a")).progress
    assert (progress.done, progress.total, progress.share) == (7, None, None)


async def test_what_was_being_stored_when_the_handler_ended_is_stored_all_the_same(
    report, progress, storing
):
    report.say(1, 3, "")
    await storing.wait()
    await report.close()

    assert stored(progress) == [1, 1]


async def test_of_what_was_being_stored_and_what_was_said_since_the_newer_is_kept(
    report, progress, storing
):
    report.say(1, 3, "")
    await storing.wait()
    report.say(2, 3, "")
    await report.close()

    assert stored(progress) == [1, 2]
