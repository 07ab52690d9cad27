"""Limits, rates and pauses, by the engine's public ways; nobody waits for the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskOrchestrator
from vespera.application.ports.gates import Gates
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.domain.flow import Limits, Rate
from vespera.testing import VirtualClock

Handler = Callable[[TaskContext], Awaitable[object]]


class Crew:
    """Notes when its tasks begin and how many are under way; each takes ten seconds."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.begun: list[tuple[str, float]] = []
        self.most: dict[str, int] = {}
        self._under_way: list[str] = []
        self._epoch = clock.now()

    async def execute(self, task: TaskContext) -> None:
        kind = str(task.payload.get("of", task.specialist_type))
        self.begun.append((task.title, (self.clock.now() - self._epoch).total_seconds()))
        self._under_way.append(kind)
        self.most[kind] = max(self.most.get(kind, 0), self._under_way.count(kind))
        await self.clock.sleep(10)
        self._under_way.remove(kind)


@pytest.fixture
def crew(clock: VirtualClock) -> Crew:
    return Crew(clock)


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def create(orchestrator: TaskOrchestrator, *titles: str, **fields: object) -> list[str]:
    requests = [
        {"title": title, "specialist_type": "analyst", "completion": "auto", **fields}
        for title in titles
    ]
    results = await orchestrator.create_tasks(requests)
    assert all(result.success for result in results), results
    return [str(result.task_id) for result in results]


async def stands(orchestrator: TaskOrchestrator, task_ids: list[str]) -> list[str]:
    return [str((await orchestrator.get_task_status(i)).status) for i in task_ids]


# ---- pauses of types


async def test_a_paused_type_is_not_begun_and_holds_nobody_up(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    specialists.register("coder", crew)
    assert (await orchestrator.pause_type("analyst")).paused
    began = crew.clock.now()
    paused = await create(orchestrator, "a", "b", priority=9)
    delayed = await create(orchestrator, "c", run_after=crew.clock.now() + timedelta(days=1))
    (other,) = await create(orchestrator, "d", specialist_type="coder")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, [*paused, *delayed, other]) == [*["pending"] * 3, "completed"]
    assert await orchestrator.paused_types() == ["analyst"]
    assert crew.clock.now() - began < timedelta(hours=1)

    assert (await orchestrator.resume_type("analyst")).success
    await orchestrator.run_until_idle()

    assert await stands(orchestrator, [*paused, *delayed]) == ["completed"] * 3
    assert await orchestrator.paused_types() == []


async def test_a_task_that_exists_already_is_paused_with_its_type(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.pause_type("analyst")

    await orchestrator.run_until_idle()

    status = await orchestrator.get_task_status(task_id)
    assert (status.status, status.attempt) == ("pending", 0)
    assert "its type 'analyst' is paused since" in status.waits_for


async def test_run_of_a_paused_type_says_so_and_leaves_the_task(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    await orchestrator.pause_type("analyst")

    result = await container.get(TaskExecutionWorkflow).run(title="a", specialist_type="analyst")

    assert (result.success, result.status) == (False, "pending")
    assert "its type 'analyst' is paused" in str(result.error)
    executed = await orchestrator.execute_task(str(result.task_id))
    assert "its type 'analyst' is paused" in str(executed.error)
    (all_run,) = await orchestrator.run_all([{"title": "b", "specialist_type": "analyst"}])
    assert "its type 'analyst' is paused" in str(all_run.error)


async def test_who_depends_on_what_is_paused_is_told_of_it(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    specialists.register("coder", crew)
    await orchestrator.pause_type("analyst")

    _first, second = await orchestrator.run_all(
        [
            {"title": "first", "specialist_type": "analyst", "task_id": "1"},
            {"title": "second", "specialist_type": "coder", "depends_on": ["1"]},
        ]
    )

    assert "it waits for '1' (first), and its type 'analyst' is paused" in str(second.error)


async def test_a_wait_for_what_is_paused_tells_so_at_its_end(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.pause_type("analyst")

    with pytest.raises(TimeoutError, match=r"is pending after 5 s: its type 'analyst' is paused"):
        await orchestrator.wait_for_completion(task_id, timeout=5)


async def test_a_wait_goes_on_when_the_type_is_resumed(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.pause_type("analyst")
    waiting = asyncio.create_task(orchestrator.wait_for_completion(task_id))
    await crew.clock.sleep(5)
    await orchestrator.resume_type("analyst")

    assert (await waiting).completed


@pytest.mark.parametrize("name", ["", "  ", None, 7])
async def test_what_is_no_type_cannot_be_paused(orchestrator: TaskOrchestrator, name: str) -> None:
    for result in (await orchestrator.pause_type(name), await orchestrator.resume_type(name)):
        assert not result.success
        assert str(result.error).startswith("specialist_type: ")


async def test_what_is_not_paused_cannot_be_resumed(orchestrator: TaskOrchestrator) -> None:
    (task_id,) = await create(orchestrator, "a")

    assert "is not paused" in str((await orchestrator.resume_type("analyst")).error)
    assert "is not paused" in str((await orchestrator.resume_task(task_id)).error)
    assert "No task has the id" in str((await orchestrator.resume_task("nobody")).error)


# ---- pauses of tasks


async def test_a_paused_task_is_not_begun(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    first, second = await create(orchestrator, "a", "b")
    paused = await orchestrator.pause_task(first)
    assert (paused.success, paused.paused) == (True, True)

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, [first, second]) == ["pending", "completed"]
    assert "it is paused since" in (await orchestrator.get_task_status(first)).waits_for
    assert "it is paused since" in str((await orchestrator.execute_task(first)).error)
    assert not (await orchestrator.resume_task(first)).paused
    await orchestrator.run_until_idle()
    assert await stands(orchestrator, [first]) == ["completed"]


@pytest.mark.parametrize("in_a_group", [False, True])
async def test_a_running_task_stops_at_the_end_of_its_step_and_goes_on_from_there(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    clock: VirtualClock,
    in_a_group: bool,
) -> None:
    called: list[str] = []

    async def step(name: str) -> str:
        called.append(name)
        await clock.sleep(10)
        return name

    async def alone(task: TaskContext) -> list[str]:
        return [await task.step(name, step, name) for name in ("one", "two")]

    async def grouped(task: TaskContext) -> list[str]:
        async with asyncio.TaskGroup() as group:
            return await group.create_task(alone(task))

    specialists.register("analyst", grouped if in_a_group else alone)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.start()
    await clock.sleep(5)
    assert (await orchestrator.pause_task(task_id)).status == "running"
    await clock.sleep(20)

    status = await orchestrator.get_task_status(task_id)
    assert (status.status, status.paused, called) == ("pending", True, ["one"])
    await orchestrator.resume_task(task_id)
    done = await orchestrator.wait_for_completion(task_id)
    assert (done.result, called, done.failures) == (["one", "two"], ["one", "two"], 0)


async def test_who_runs_a_task_that_is_paused_meanwhile_is_told(
    container: Container,
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    async def specialist(task: TaskContext) -> None:
        await task.step("one", clock.sleep, 10)
        await task.step("two", clock.sleep, 10)

    specialists.register("analyst", specialist)
    running = asyncio.create_task(
        container.get(TaskExecutionWorkflow).run(title="a", specialist_type="analyst", task_id="a")
    )
    await clock.sleep(5)
    await orchestrator.pause_task("a")

    result = await running
    assert (result.success, result.status, result.paused) == (False, "pending", True)
    assert "it is paused since" in str(result.error)


async def test_a_handler_that_swallows_its_end_cannot_go_on_to_a_step(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    async def stubborn(task: TaskContext) -> None:
        try:
            await task.step("one", clock.sleep, 10)
        except asyncio.CancelledError:
            await task.step("two", clock.sleep, 10)

    specialists.register("analyst", stubborn)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.start()
    await clock.sleep(5)
    await orchestrator.pause_task(task_id)
    await clock.sleep(60)

    assert await stands(orchestrator, [task_id]) == ["pending"]


async def test_what_is_over_cannot_be_paused(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    (task_id,) = await create(orchestrator, "a")
    await orchestrator.run_until_idle()

    refused = await orchestrator.pause_task(task_id)

    assert refused.error == f"Task {task_id!r} is completed; it cannot be paused."


# ---- limits


async def test_no_more_run_at_a_time_than_may_and_others_pass_them(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, max_concurrent=2)
    specialists.register("coder", crew)
    await create(orchestrator, *"abcde", priority=1)
    await create(orchestrator, "f", specialist_type="coder")

    await orchestrator.run_until_idle()

    assert crew.most == {"analyst": 2, "coder": 1}
    assert crew.begun == [("a", 0), ("b", 0), ("f", 0), ("c", 10), ("d", 10), ("e", 20)]


async def test_each_key_has_a_limit_of_its_own_and_no_key_has_none(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, max_concurrent_per_key=1)
    await create(orchestrator, "a", "b", concurrency_key="x")
    await create(orchestrator, "c", concurrency_key="y")
    await create(orchestrator, "d")

    await orchestrator.run_until_idle()

    assert crew.begun == [("a", 0), ("c", 0), ("d", 0), ("b", 10)]


async def test_run_waits_for_its_turn(
    container: Container, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, max_concurrent=1)
    run = container.get(TaskExecutionWorkflow).run

    results = await asyncio.gather(
        *(run(title=str(number), specialist_type="analyst") for number in range(3))
    )

    assert all(result.completed for result in results), results
    assert crew.most == {"analyst": 1}
    assert [at for _, at in crew.begun] == [0, 10, 20]


async def test_execute_task_waits_for_its_turn_and_says_what_it_waits_for(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, max_concurrent=1)
    first, second = await create(orchestrator, "a", "b", completion="manual")
    both = asyncio.gather(orchestrator.execute_task(first), orchestrator.execute_task(second))
    await crew.clock.sleep(5)

    told = (await orchestrator.get_task_status(second)).waits_for
    assert told == "1 tasks of type 'analyst' are running (max_concurrent=1)"
    assert [result.status for result in await both] == ["executed", "executed"]
    assert crew.most == {"analyst": 1}


async def test_a_limit_holds_for_tasks_that_were_there_before_it(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    await create(orchestrator, *"abc")
    specialists.register("analyst", crew, max_concurrent=1)

    await orchestrator.run_until_idle()

    assert crew.most == {"analyst": 1}


async def test_a_limit_that_is_not_declared_any_more_is_gone(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, max_concurrent=1)
    await create(orchestrator, *"abc")
    await container.get(Gates).declare({"analyst": Limits(max_concurrent=1)})
    specialists.register("analyst", crew)

    await orchestrator.run_until_idle()

    assert crew.most == {"analyst": 3}
    assert await container.get(Gates).all() == {}


async def test_limits_are_a_specialist_s_own_or_the_container_s(
    clock: VirtualClock, crew: Crew
) -> None:
    class Limited:
        limits = Limits(max_concurrent=2)

        async def execute(self, task: TaskContext) -> None:
            raise AssertionError("nobody asks for it")

    specialists = Specialists(
        catalogue=lambda: {"a": Limited, "b": Limited, "c": Crew},
        limits={"b": Limits(max_concurrent=3)},
    )
    specialists.register("d", Limited())
    specialists.register("e", Limited(), max_concurrent=5)

    said = {kind: limits.max_concurrent for kind, limits in specialists.limits().items()}
    assert said == {"a": 2, "b": 3, "c": None, "d": 2, "e": 5}


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"max_concurrent_per_key": 1.5}, "max_concurrent_per_key"),
        ({"rate": 10}, "rate"),
        ({"rate_per_key": "10/s"}, "rate_per_key"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(
    specialists: Specialists, limits: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        specialists.register("analyst", print, **limits)  # type: ignore[arg-type]

    assert refused.value.field == field


# ---- rates


async def test_no_more_begin_in_any_window_than_the_rate_says(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, rate=Rate(2, per=60.0))
    await create(orchestrator, *"abcde")

    await orchestrator.run_until_idle()

    assert crew.begun == [("a", 0), ("b", 0), ("c", 60), ("d", 60), ("e", 120)]


async def test_the_window_slides(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, rate=Rate(2, per=60.0))
    await create(orchestrator, "a")
    await create(orchestrator, "b", run_after=crew.clock.now() + timedelta(seconds=50))
    await create(orchestrator, "c", "d", run_after=crew.clock.now() + timedelta(seconds=55))

    await orchestrator.run_until_idle()

    assert crew.begun == [("a", 0), ("b", 50), ("c", 60), ("d", 110)]


async def test_each_key_has_a_rate_of_its_own(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, rate_per_key=Rate(1, per=30.0))
    await create(orchestrator, "a", "b", concurrency_key="x")
    await create(orchestrator, "c", concurrency_key="y")
    await create(orchestrator, "d", "e")

    await orchestrator.run_until_idle()

    assert crew.begun == [("a", 0), ("c", 0), ("d", 0), ("e", 0), ("b", 30)]


async def test_a_retry_is_an_attempt_that_the_rate_counts(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    begun: list[float] = []
    start = clock.now()

    async def failing(task: TaskContext) -> None:
        begun.append((clock.now() - start).total_seconds())
        raise ValueError

    specialists.register("analyst", failing, rate=Rate(1, per=60.0))
    await create(orchestrator, "a", retry={"max_attempts": 3, "delay": 1.0})

    await orchestrator.run_until_idle()

    assert begun == [0, 60, 120]


async def test_what_a_rate_holds_back_is_told(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew, rate=Rate(1, per=60.0), rate_per_key=Rate(1, per=60.0))
    _first, second = await create(orchestrator, "a", "b")

    with pytest.raises(TimeoutError, match=r"\(rate: 1 in 60 s\)"):
        await orchestrator.wait_for_completion(second, timeout=20)


async def test_a_clock_that_was_set_back_holds_nobody_up(
    container: Container, orchestrator: TaskOrchestrator, crew: Crew
) -> None:
    gates, now = container.get(Gates), crew.clock.now()
    await gates.declare({"analyst": Limits(rate=Rate(1, per=60.0))})
    await create(orchestrator, "a", "b")
    later = now + timedelta(hours=1)

    async def claimed(moment: object) -> int:
        tasks = await gates.claim_ready(
            owner="w", now=moment, lease_until=later + timedelta(hours=9), limit=5
        )
        return len(tasks)

    assert [await claimed(later), await claimed(later), await claimed(now)] == [1, 0, 1]


# ---- waiting


@pytest.mark.parametrize("limits", [{"max_concurrent": 1}, {"max_concurrent_per_key": 1}])
async def test_tasks_that_have_waited_go_on_no_more_at_a_time_than_may_run(
    orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew, limits: dict[str, int]
) -> None:
    async def analyst(task: TaskContext) -> None:
        await task.sleep(5)
        await crew.execute(task)

    specialists.register("analyst", analyst, **limits)
    created = await create(orchestrator, "a", "b", "c", concurrency_key="k")

    await orchestrator.run_until_idle()

    assert await stands(orchestrator, created) == ["completed"] * 3
    assert crew.most == {"analyst": 1}


async def test_where_only_a_rate_is_limited_a_short_wait_costs_no_second_attempt(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def analyst(task: TaskContext) -> int:
        await task.sleep(5)
        return task.attempt

    specialists.register("analyst", analyst, rate=Rate(1, per=3600.0))

    (result,) = await orchestrator.run_all([{"title": "a", "specialist_type": "analyst"}])

    assert result.result == 1


async def test_a_gate_that_another_process_has_put_there_meanwhile_is_passed_by_a_claim(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists, crew: Crew
) -> None:
    specialists.register("analyst", crew)
    await orchestrator.run(title="before", specialist_type="analyst")
    await container.get(Gates).declare({"analyst": Limits(max_concurrent=1)})

    result = await orchestrator.run(title="behind it", specialist_type="analyst")

    assert result.completed
    assert [title for title, _ in crew.begun] == ["before", "behind it"]


async def test_a_task_without_a_name_cannot_be_paused(orchestrator: TaskOrchestrator) -> None:
    result = await orchestrator.pause_task("")

    assert not result.success
    assert "task_id" in str(result.error)
