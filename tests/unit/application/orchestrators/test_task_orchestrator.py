"""Many tasks: created together, run side by side, waited for."""

import asyncio
import logging
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import (
    AsyncTaskOrchestrator,
    Container,
    TaskContext,
    TaskOrchestrator,
    TaskRepository,
    TaskRequest,
)
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.worker import Worker
from vespera.domain.errors import DatabaseFull
from vespera.domain.ids import OwnerId, TaskId
from vespera.testing import VirtualClock


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def title(task: TaskContext) -> str:
    return task.title


async def raising(_task: TaskContext) -> None:
    raise ValueError("no luck")


class Crowd:
    """A specialist that counts how many of its tasks run at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def execute(self, task: TaskContext) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        await task.step("work", asyncio.sleep, 0)
        self.now -= 1
        return task.title


def test_it_is_known_by_its_other_name() -> None:
    assert AsyncTaskOrchestrator is TaskOrchestrator


async def test_tasks_wait_until_somebody_runs_them(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    created = await orchestrator.create_task(title="A", specialist_type="coder", completion="auto")

    assert (await orchestrator.get_task_status(str(created.task_id))).status == "pending"
    await orchestrator.run_until_idle()
    assert (await orchestrator.get_task_status(str(created.task_id))).completed


async def test_manual_tasks_stay_executed_until_they_are_signed_off(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    created = await orchestrator.create_task(title="A", specialist_type="coder")

    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status(str(created.task_id))).status == "executed"
    assert (await orchestrator.complete_task(str(created.task_id))).completed


async def test_all_tasks_are_created_or_none(
    orchestrator: TaskOrchestrator, container: Container
) -> None:
    results = await orchestrator.create_tasks([{"title": "A"}, {"title": ""}])

    assert [result.success for result in results] == [False, False]
    assert "title" in str(results[0].error)
    assert await container.get(TaskRepository).page() == []


async def test_tasks_created_together_may_depend_on_each_other(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    order: list[str] = []

    async def note(task: TaskContext) -> None:
        order.append(task.title)

    specialists.register("note", note)

    results = await orchestrator.run_all(
        [
            {"title": "roof", "specialist_type": "note", "task_id": "r", "depends_on": ["w"]},
            {"title": "walls", "specialist_type": "note", "task_id": "w", "depends_on": ["g"]},
            {"title": "ground", "specialist_type": "note", "task_id": "g"},
        ]
    )

    assert all(result.completed for result in results)
    assert [result.title for result in results] == ["roof", "walls", "ground"]
    assert order == ["ground", "walls", "roof"]


async def test_a_cycle_is_refused_with_its_path(orchestrator: TaskOrchestrator) -> None:
    results = await orchestrator.create_tasks(
        [
            {"title": "A", "task_id": "a", "depends_on": ["b"]},
            {"title": "B", "task_id": "b", "depends_on": ["a"]},
        ]
    )

    assert not any(result.success for result in results)
    assert "->" in str(results[0].error)


async def test_no_more_run_at_once_than_the_setting_allows(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    crowd = Crowd()
    specialists.register("crowd", crowd)

    results = await orchestrator.run_all(
        [{"title": str(n), "specialist_type": "crowd"} for n in range(20)]
    )

    assert all(result.completed for result in results)
    assert 1 < crowd.most <= 4


async def test_higher_priorities_run_first(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    order: list[str] = []

    async def note(task: TaskContext) -> None:
        order.append(task.title)

    specialists.register("note", note)
    for name, priority in (("low", -1), ("normal", 0), ("high", 5), ("normal too", 0)):
        await orchestrator.create_task(title=name, specialist_type="note", priority=priority)

    await orchestrator.run_until_idle()

    assert order == ["high", "normal", "normal too", "low"]


async def test_delayed_tasks_are_run_when_they_are_due(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    specialists.register("coder", title)
    due = clock.now() + timedelta(days=30)
    created = await orchestrator.create_task(
        title="A", specialist_type="coder", run_after=due, completion="auto"
    )

    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status(str(created.task_id))).completed
    assert clock.now() >= due


async def test_a_bad_request_among_many_names_its_field(orchestrator: TaskOrchestrator) -> None:
    results = await orchestrator.run_all([TaskRequest(title="A"), {"title": "B", "nonsense": 1}])

    assert not any(result.success for result in results)
    assert "nonsense" in str(results[0].error)


async def test_what_cannot_be_created_is_not_waited_for(orchestrator: TaskOrchestrator) -> None:
    results = await orchestrator.run_all([{"title": "A", "depends_on": ["ghost"]}])

    assert not results[0].success


# --------------------------------------------------------------------------------------- waiting


async def test_waiting_runs_the_task(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    created = await orchestrator.create_task(title="A", specialist_type="coder", completion="auto")

    result = await orchestrator.wait_for_completion(str(created.task_id), timeout=30)

    assert result.success
    assert result.result == "A"


async def test_waiting_ends_at_once_when_the_task_fails(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    specialists.register("raising", raising)
    created = await orchestrator.create_task(title="A", specialist_type="raising")
    started = clock.now()

    result = await orchestrator.wait_for_completion(str(created.task_id), timeout=3600)

    assert not result.success
    assert "no luck" in str(result.error)
    assert clock.now() - started < timedelta(seconds=60)


async def test_waiting_ends_when_a_dependency_will_never_complete(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("raising", raising)
    await orchestrator.create_task(title="bad", specialist_type="raising", task_id="bad")
    await orchestrator.create_task(title="B", task_id="b", depends_on=["bad"])
    await orchestrator.create_task(title="C", task_id="c", depends_on=["b"])

    result = await orchestrator.wait_for_completion("c", timeout=3600)

    assert not result.success
    assert "'bad'" in str(result.error)


async def test_of_many_dead_ends_the_first_are_named(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("raising", raising)
    bad = [{"title": "bad", "specialist_type": "raising", "task_id": f"bad{n}"} for n in range(9)]
    await orchestrator.run_all(bad)
    ids = [request["task_id"] for request in bad]

    result = await orchestrator.run(title="B", specialist_type="raising", depends_on=ids)

    assert "'bad2'" in str(result.error)
    assert "and 6 more" in str(result.error)


async def test_waiting_too_long_says_how_the_task_stands(orchestrator: TaskOrchestrator) -> None:
    created = await orchestrator.create_task(title="an ode", specialist_type="poet")

    with pytest.raises(TimeoutError, match=r"an ode\) is assigned after 30 s"):
        await orchestrator.wait_for_completion(str(created.task_id), timeout=30)


async def test_waiting_ends_when_an_outside_worker_completes_the_task(
    orchestrator: TaskOrchestrator,
) -> None:
    created = await orchestrator.create_task(title="an ode", specialist_type="poet")
    waiting = asyncio.create_task(orchestrator.wait_for_completion(str(created.task_id)))
    while (await orchestrator.get_task_status(str(created.task_id))).status != "assigned":
        await asyncio.sleep(0)

    await orchestrator.complete_task(str(created.task_id), {"summary": "o!"})

    assert (await waiting).completed


async def test_waiting_for_an_unknown_task_names_it(orchestrator: TaskOrchestrator) -> None:
    result = await orchestrator.wait_for_completion("ghost")

    assert not result.success
    assert "'ghost'" in str(result.error)


# ------------------------------------------------------------------------------------ the worker


async def test_a_started_worker_runs_what_comes_and_stops_when_told(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    await orchestrator.start()
    await orchestrator.start()
    created = await orchestrator.create_task(title="A", specialist_type="coder", completion="auto")
    assert (await orchestrator.wait_for_completion(str(created.task_id))).completed

    await orchestrator.stop()
    await orchestrator.stop()

    later = await orchestrator.create_task(title="B", specialist_type="coder")
    for _ in range(20):
        await asyncio.sleep(0)
    assert (await orchestrator.get_task_status(str(later.task_id))).status == "pending"


async def test_a_full_disk_stops_the_claiming_and_not_the_worker(
    orchestrator: TaskOrchestrator,
    container: Container,
    specialists: Specialists,
    caplog: pytest.LogCaptureFixture,
) -> None:
    specialists.register("coder", title)
    worker = container.get(Worker)
    engine = worker._engine
    real = container.get(TaskQueue)
    engine._queue = AsyncMock(wraps=real)
    trouble = [DatabaseFull("full")] * 5
    engine._queue.claim_ready.side_effect = trouble
    await orchestrator.create_task(
        title="A", specialist_type="coder", task_id="t", completion="auto"
    )

    with caplog.at_level(logging.ERROR, "vespera"):
        with pytest.raises(DatabaseFull):
            await orchestrator.run_until_idle()
        await orchestrator.start()
        while engine._queue.claim_ready.await_count < 3:
            await asyncio.sleep(0)
    assert caplog.text.count("No tasks can be claimed: full") == 1, "told once"

    engine._queue.claim_ready.side_effect = None
    engine._queue = real
    assert (await orchestrator.wait_for_completion("t")).completed


async def test_idle_waits_for_what_others_run(
    orchestrator: TaskOrchestrator, container: Container, clock: VirtualClock
) -> None:
    stranger = OwnerId("stranger")
    await orchestrator.create_task(title="A", task_id="t")
    queue = container.get(TaskQueue)
    hour = clock.now() + timedelta(hours=1)
    await queue.claim(TaskId("t"), owner=stranger, now=clock.now(), lease_until=hour)
    idle = asyncio.create_task(orchestrator.run_until_idle())
    for _ in range(20):
        await asyncio.sleep(0)

    assert not idle.done()

    idle.cancel()
    with pytest.raises(asyncio.CancelledError):
        await idle


@pytest.mark.parametrize("task_id", [None, 5, ["t"], {"id": "t"}, "", "a\0b"], ids=repr)
@pytest.mark.parametrize(
    "method",
    ["execute_task", "complete_task", "get_task_status", "cancel_task", "wait_for_completion"],
)
async def test_what_is_no_id_is_refused(
    orchestrator: TaskOrchestrator, method: str, task_id: object
) -> None:
    result = await getattr(orchestrator, method)(task_id)

    assert not result.success
    assert "task_id" in str(result.error)


@pytest.mark.parametrize("timeout", ["5", -1, float("nan")])
async def test_what_is_no_time_limit_is_refused(
    orchestrator: TaskOrchestrator, timeout: object
) -> None:
    waited = await orchestrator.wait_for_completion("t", timeout=timeout)
    [ran] = await orchestrator.run_all([{"title": "A"}], timeout=timeout)

    assert "timeout" in str(waited.error)
    assert "timeout" in str(ran.error)


@pytest.mark.parametrize("given", [None, 7, {"title": "A"}, "A", TaskRequest(title="A")])
@pytest.mark.parametrize("verb", ["create_tasks", "run_all"])
async def test_what_is_no_list_of_requests_is_refused(
    orchestrator: TaskOrchestrator, verb: str, given: object
) -> None:
    [result] = await getattr(orchestrator, verb)(given)

    assert result.error == f"requests: expected a list of requests, got {type(given).__name__}"


async def test_the_order_of_keys_in_a_payload_does_not_make_another_request(
    orchestrator: TaskOrchestrator,
) -> None:
    first = await orchestrator.create_task(
        title="A", idempotency_key="k", payload={"a": 1, "b": 2}, retry={"delay": 1}
    )
    second = await orchestrator.create_task(
        title="A", idempotency_key="k", payload={"b": 2, "a": 1}, retry={"delay": 1.0}
    )

    assert second.success, second.error
    assert first.task_id == second.task_id
