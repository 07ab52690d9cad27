"""Every use case cancelled at each of its suspensions: all or nothing, and nothing is left over."""

import asyncio
import gc
import threading

import pytest
from chaoskit.cancelling import Stage, swept, unfinished
from chaoskit.children import descriptors
from chaoskit.life import ChaosContainer
from chaoskit.suspensions import cancelled_at

from vespera import Container, DirectAdapter, ParallelOrchestrator
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.infrastructure.di.base import Service
from vespera.infrastructure.persistence.database import AsyncDatabaseManager


async def create_task(stage, name):
    await stage.orchestrator.create_task(stage.request(name))


async def create_tasks(stage, name):
    chain = [
        stage.request(f"{name} 1", completion="auto"),
        stage.request(f"{name} 2", completion="auto", depends_on=[f"{name} 1"]),
        stage.request(f"{name} 3", depends_on=[f"{name} 2"], parent_id=f"{name} 1"),
    ]
    await stage.orchestrator.create_tasks(chain)


async def execute_task(stage, name):
    await stage.orchestrator.execute_task(name)


async def complete_task(stage, name):
    await stage.orchestrator.complete_task(name, summary="done")


async def run(stage, name):
    await stage.orchestrator.run(stage.request(name))


async def run_with_files(stage, name):
    await stage.orchestrator.run(stage.request(name, "writer"))


async def run_by_nobody(stage, name):
    await stage.orchestrator.run(stage.request(name, "a person"))


async def cancel_task(stage, name):
    await stage.orchestrator.cancel_task(name, "not wanted")


async def cancel_running_task(stage, name):
    stage.hands.stalled.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stage.orchestrator.execute_task(name))
        await stage.hands.stalled.wait()
        await stage.orchestrator.cancel_task(name, "enough")
        await running


async def wait_for_completion(stage, name):
    await stage.orchestrator.wait_for_completion(name, timeout=600)


async def run_until_idle(stage, name):
    await stage.orchestrator.run_until_idle()


async def run_all(stage, name):
    await stage.orchestrator.run_all([stage.request(f"{name} {n}") for n in range(2)])


async def run_crew(stage, name):
    adapter = DirectAdapter("crew")
    for agent in ("text", "audio", "page"):
        adapter.register_agent(agent, str.upper)
    await stage.container.get(ParallelOrchestrator).execute("it", adapter, task_id=name)


async def look(stage, name):
    await stage.orchestrator.get_task_status(name)
    inspect = stage.container.get(InspectTasksUseCase)
    await inspect.search_tasks({})
    await inspect.show_task(name)


async def track_files(stage, name):
    track = stage.container.get(TrackFileOperationsUseCase)
    (stage.place.workspace / name).write_text("there")
    await track.track_file_creation(name, task_id=name, after=True)
    await track.verify_task(name)


async def nothing_before(stage, name):
    """The use case begins with nothing."""


async def pending(stage, name):
    await stage.created(name)


async def stalling(stage, name):
    await stage.created(name, "stalling")


async def executed(stage, name):
    await stage.created(name)
    await stage.orchestrator.execute_task(name)


async def automatic(stage, name):
    await stage.orchestrator.create_task(stage.request(name, completion="auto"))


USE_CASES = [
    (create_task, nothing_before),
    (create_tasks, nothing_before),
    (execute_task, pending),
    (complete_task, executed),
    (run, nothing_before),
    (run_with_files, nothing_before),
    (run_by_nobody, nothing_before),
    (cancel_task, pending),
    (cancel_running_task, stalling),
    (wait_for_completion, automatic),
    (run_until_idle, automatic),
    (run_all, nothing_before),
    (run_crew, nothing_before),
    (look, pending),
    (track_files, pending),
]
TOGETHER = {create_tasks: 3}
"""How many tasks are stored in one transaction, or none of them is."""
TELLING = {create_task, create_tasks}
"""Which use cases consist of one commit, whose outcome a cancellation tells."""


def is_there(stage, name):
    return any(task == name or task.startswith(f"{name} ") for task in stage.stands())


async def go_on(stage):
    """Whatever was cancelled, the engine can do all of the work that is left."""
    for task, status in stage.stands().items():
        if status in {"pending", "running"} and task.startswith("cancel_running_task"):
            await stage.orchestrator.cancel_task(task, "over")
    return await unfinished(stage)


@pytest.mark.parametrize(("use_case", "prepare"), USE_CASES, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("again", "late"),
    [
        ((0,), False),
        ((0,), True),
        pytest.param((0, 1), False, marks=pytest.mark.chaos),
        pytest.param((0, 2), False, marks=pytest.mark.chaos),
        pytest.param((0, 1), True, marks=pytest.mark.chaos),
    ],
    ids=["once", "late", "twice in a row", "twice", "twice, late"],
)
async def test_a_cancelled_use_case_is_done_or_not(tmp_path, use_case, prepare, again, late):
    stage = Stage(tmp_path)
    async with stage.container:
        points, complaints = await swept(
            stage,
            use_case,
            prepare,
            again,
            late=late,
            telling=is_there if use_case in TELLING else None,
            together=TOGETHER.get(use_case),
        )
        left = await go_on(stage)

    assert complaints == []
    assert left == {}
    assert points >= 2


class LyingDatabase(AsyncDatabaseManager):
    """A planted bug: a cancelled commit is always said to have been rolled back."""

    async def commit(self, writes, holder=None):
        try:
            return await super().commit(writes, holder)
        except asyncio.CancelledError as cancelled:
            cancelled.outcome = "rolled back"
            raise


class LyingContainer(ChaosContainer):
    database = Service(LyingDatabase, Container.config.database_url, lane=ChaosContainer.lane)


async def test_a_cancellation_with_the_wrong_outcome_is_found_out(tmp_path):
    stage = Stage(tmp_path, LyingContainer)
    async with stage.container:
        _, complaints = await swept(stage, create_task, nothing_before, late=True, telling=is_there)

    assert any("said rolled back" in complaint for complaint in complaints)


async def test_a_start_that_is_cancelled_anywhere_leaves_nothing_open(tmp_path):
    points = 0
    threads, files = threading.active_count(), None
    while True:
        stage = Stage(tmp_path / str(points))
        end = await cancelled_at(stage.container.initialize_async_services(), {points + 1})
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        await stage.container.initialize_async_services()
        await stage.orchestrator.create_task(title="it works")
        await stage.container.cleanup_async_services()
        assert threading.active_count() == threads
        gc.collect()
        files = files or descriptors()
        assert descriptors() == files
        if end.suspensions <= points:
            break
        assert end.cancelled
        points += 1

    assert points >= 1


async def test_a_stop_that_is_cancelled_anywhere_closes_everything_all_the_same(tmp_path):
    points = 0
    threads = threading.active_count()
    while True:
        stage = Stage(tmp_path / str(points))
        await stage.orchestrator.create_task(stage.request("stalls", "stalling"))
        await stage.orchestrator.start()
        await stage.hands.stalled.wait()
        end = await cancelled_at(stage.container.cleanup_async_services(), {points + 1})
        await stage.container.cleanup_async_services()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        assert stage.stands() == {"stalls": "pending"}
        assert stage.complaints() == []
        assert threading.active_count() == threads
        if end.suspensions <= points:
            break
        assert end.cancelled
        points += 1

    assert points >= 3
