"""Tasks that end in ways nobody planned: odd errors, cancellations, a container that closes."""

import asyncio
import logging
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from vespera import (
    Clock,
    Container,
    FileStore,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    UnitOfWork,
)
from vespera.application.ports.persistence import StepRepository, TaskQueue
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import EngineStopped, StepFailed
from vespera.domain.file_operation import Absent
from vespera.domain.ids import OwnerId, TaskId
from vespera.testing import VirtualClock


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def title(task: TaskContext) -> str:
    return task.title


async def cancelled_elsewhere() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


# -------------------------------------------------------------- cancellations that nobody asked for


async def test_a_cancellation_from_within_is_a_failure(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    calls = []

    async def handler(_task: TaskContext) -> None:
        calls.append(1)
        await cancelled_elsewhere()

    specialists.register("coder", handler)

    result = await orchestrator.run(
        title="A", specialist_type="coder", retry={"max_attempts": 2, "delay": 0}
    )

    assert result.status == "failed"
    assert "CancelledInside" in str(result.error)
    assert len(calls) == 2


async def test_a_cancellation_within_a_step_fails_the_step(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> str:
        try:
            await task.step("a", cancelled_elsewhere)
        except StepFailed as error:
            return error.error_types[0]
        return "?"

    specialists.register("coder", handler)

    assert (await orchestrator.run(title="A", specialist_type="coder")).result == "CancelledInside"


async def test_an_error_other_than_an_exception_is_a_failure_too(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    class Odd(BaseException):
        pass

    async def handler(_task: TaskContext) -> None:
        raise Odd("very")

    specialists.register("coder", handler)

    result = await orchestrator.run(title="A", specialist_type="coder")

    assert (result.status, result.error) == ("failed", "Odd: very")


# ----------------------------------------------------------------------- errors while cleaning up


class BadAtLeaving:
    """A specialist that raises when it is cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.calls = 0

    async def execute(self, _task: TaskContext) -> str:
        self.calls += 1
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("while closing")


async def test_an_error_while_cleaning_up_does_not_undo_the_call_off(
    orchestrator: TaskOrchestrator, specialists: Specialists, caplog: pytest.LogCaptureFixture
) -> None:
    bad = BadAtLeaving()
    specialists.register("bad", bad)
    running = asyncio.create_task(
        orchestrator.run(
            title="A", specialist_type="bad", task_id="t", retry={"max_attempts": 5, "delay": 0}
        )
    )
    await bad.entered.wait()

    with caplog.at_level(logging.WARNING, "vespera"):
        cancelled = await orchestrator.cancel_task("t")

    assert cancelled.success
    assert (await running).status == "cancelled"
    assert bad.calls == 1
    assert "while closing" in caplog.text


async def test_an_error_while_cleaning_up_does_not_fail_a_released_task(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    bad = BadAtLeaving()
    specialists.register("bad", bad)
    running = asyncio.create_task(orchestrator.run(title="A", specialist_type="bad", task_id="t"))
    await bad.entered.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await orchestrator.get_task_status("t")).status == "pending"


# -------------------------------------------------------------------------------- odd error texts


async def test_an_error_whose_text_cannot_be_told_is_recorded_all_the_same(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    async def handler(task: TaskContext) -> None:
        def mute() -> None:
            raise Mute

        with pytest.raises(StepFailed, match="cannot be told"):
            await task.step("mute", mute)
        raise Mute

    specialists.register("coder", handler)

    result = await orchestrator.run(title="A", specialist_type="coder")

    assert result.status == "failed"
    assert "Mute: (its text cannot be told: RuntimeError)" in str(result.error)


async def test_an_error_with_a_huge_text_is_cut(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    def huge() -> None:
        raise ValueError("x" * 3_000_000)

    async def handler(task: TaskContext) -> int:
        try:
            await task.step("huge", huge)
        except StepFailed as error:
            return len(str(error))
        return 0

    specialists.register("coder", handler)

    length = (await orchestrator.run(title="A", specialist_type="coder")).result
    assert isinstance(length, int)
    assert 0 < length < 20_000


async def test_a_time_out_is_blamed_on_whose_it_is(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def handler(_task: TaskContext) -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    specialists.register("coder", handler)

    result = await orchestrator.run(title="A", specialist_type="coder", timeout=60)

    assert str(result.error).startswith("TimeoutError")


# ------------------------------------------------------------------------------------------- steps


async def test_a_fallback_taken_once_is_not_held_against_a_later_attempt(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> str:
        def primary() -> str:
            if task.attempt == 1:
                raise ConnectionError
            return "primary"

        try:
            value = await task.step("primary", primary)
        except StepFailed:
            value = await task.step("fallback", lambda: "fallback")
        if task.attempt < 3:
            raise RuntimeError("later trouble")
        return value

    specialists.register("coder", handler)

    result = await orchestrator.run(
        title="A", specialist_type="coder", retry={"max_attempts": 5, "delay": 0}
    )

    assert result.result == "primary", result.error


async def test_a_step_inside_a_step_is_refused_at_once(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def handler(task: TaskContext) -> None:
        async def outer() -> None:
            await task.step("inner", lambda: 1)

        await task.step("outer", outer)

    specialists.register("coder", handler)

    result = await orchestrator.run(title="A", specialist_type="coder")

    assert result.status == "failed"
    assert "'inner' is asked for inside step 'outer'" in str(result.error)


@pytest.mark.parametrize("name", [1, "", None])
async def test_a_step_without_a_proper_name_is_refused(
    orchestrator: TaskOrchestrator, specialists: Specialists, name: object
) -> None:
    async def handler(task: TaskContext) -> None:
        await task.step(name, lambda: 1)  # type: ignore[call-overload]

    specialists.register("coder", handler)

    result = await orchestrator.run(title="A", specialist_type="coder")

    assert "a step's name must be text" in str(result.error)


async def test_a_step_of_another_task_may_run_inside_a_step(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def child(task: TaskContext) -> int:
        return await task.step("child's own", lambda: 1)

    async def parent(task: TaskContext) -> object:
        async def run_child() -> object:
            return (await orchestrator.run(title="B", specialist_type="child")).result

        return await task.step("run the child", run_child)

    specialists.register("child", child)
    specialists.register("parent", parent)

    assert (await orchestrator.run(title="A", specialist_type="parent")).result == 1


async def test_a_step_is_durable_when_it_returns_also_inside_a_unit_of_work(
    orchestrator: TaskOrchestrator, container: Container, specialists: Specialists
) -> None:
    unit_of_work = container.get(UnitOfWork)
    seen: list[int] = []

    async def handler(task: TaskContext) -> None:
        async with unit_of_work():
            await task.step("a", lambda: 1)
            seen.append(len(await container.get(StepRepository).of_task(task.id)))

    specialists.register("coder", handler)

    assert (await orchestrator.run(title="A", specialist_type="coder")).completed
    assert seen == [1]


async def test_a_task_can_be_executed_inside_a_unit_of_work(
    orchestrator: TaskOrchestrator, container: Container, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    await orchestrator.create_task(title="A", specialist_type="coder", task_id="t")

    async with container.get(UnitOfWork)():
        executed = await orchestrator.execute_task("t")

    assert executed.result == "A"


# ------------------------------------------------------------------------------- waiting and ending


async def test_a_call_off_wakes_a_run_that_waits_for_its_retry(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    tried = asyncio.Event()

    async def raising(_task: TaskContext) -> None:
        tried.set()
        raise OSError("later")

    specialists.register("raising", raising)
    day = 24 * 3600
    waiting = asyncio.create_task(
        orchestrator.run(
            title="A",
            specialist_type="raising",
            task_id="t",
            retry={"max_attempts": 10**6, "delay": day, "max_delay": day},
        )
    )
    await tried.wait()

    assert (await orchestrator.cancel_task("t")).success

    assert (await waiting).status == "cancelled"


async def test_a_call_off_wakes_a_run_that_waits_for_its_time() -> None:
    """On the real clock: a run that slept on would hang here."""
    async with Container() as container:
        orchestrator = container.get(TaskOrchestrator)
        container.get(Specialists).register("coder", title)
        later = container.get(Clock).now() + timedelta(days=300)
        waiting = asyncio.create_task(
            orchestrator.run(title="A", specialist_type="coder", task_id="t", run_after=later)
        )
        while not (await orchestrator.get_task_status("t")).success:
            await asyncio.sleep(0)

        assert (await orchestrator.cancel_task("t")).success

        assert (await waiting).status == "cancelled"


async def test_run_signs_off_what_was_created_for_a_manual_sign_off(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    await orchestrator.create_task(title="A", specialist_type="coder", idempotency_key="k")

    result = await orchestrator.run(title="A", specialist_type="coder", idempotency_key="k")

    assert result.completed


async def test_run_signs_off_a_known_task_behind_its_dependencies(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)
    await orchestrator.create_task(
        title="first", specialist_type="coder", task_id="a", completion="auto"
    )
    request = {
        "title": "second",
        "specialist_type": "coder",
        "idempotency_key": "k",
        "depends_on": ["a"],
    }
    await orchestrator.create_task(request)

    assert (await orchestrator.run(request)).completed


async def test_a_task_for_an_outside_worker_waits_for_its_dependencies(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    gate = asyncio.Event()

    async def slow(_task: TaskContext) -> None:
        await gate.wait()

    specialists.register("slow", slow)
    await orchestrator.create_task(
        title="first", specialist_type="slow", task_id="a", completion="auto"
    )
    running = asyncio.create_task(
        orchestrator.run(title="B", specialist_type="person", task_id="b", depends_on=["a"])
    )
    while (await orchestrator.get_task_status("a")).status != "running":
        await asyncio.sleep(0)

    assert (await orchestrator.get_task_status("b")).status == "pending"
    assert not (await orchestrator.complete_task("b")).success
    gate.set()
    assert (await running).status == "assigned"


async def test_run_all_answers_every_request_when_one_is_bad(
    orchestrator: TaskOrchestrator,
) -> None:
    results = await orchestrator.run_all([{"title": "A"}, {"title": ""}, {"title": "C"}])

    assert [result.success for result in results] == [False, False, False]


async def test_run_all_tells_of_a_type_that_nobody_does(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    specialists.register("coder", title)

    one, other = await orchestrator.run_all(
        [{"title": "A", "specialist_type": "codr"}, {"title": "B", "specialist_type": "coder"}]
    )

    assert (one.success, one.status) == (False, "assigned")
    assert "similar: coder" in str(one.error)
    assert other.completed


async def test_run_all_says_how_many_are_left_when_time_is_up(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def forever(_task: TaskContext) -> None:
        await asyncio.Event().wait()

    specialists.register("coder", title)
    specialists.register("forever", forever)

    with pytest.raises(TimeoutError, match="1 of 2 tasks are not finished after 60 s"):
        await orchestrator.run_all(
            [
                {"title": "A", "specialist_type": "coder"},
                {"title": "B", "specialist_type": "forever"},
            ],
            timeout=60,
        )


async def test_a_lease_that_nobody_extends_is_taken_back_in_memory_too(
    orchestrator: TaskOrchestrator,
    container: Container,
    specialists: Specialists,
    clock: VirtualClock,
) -> None:
    specialists.register("coder", title)
    await orchestrator.create_task(
        title="A", specialist_type="coder", task_id="t", completion="auto"
    )
    await container.get(TaskQueue).claim(
        TaskId("t"),
        owner=OwnerId("gone"),
        now=clock.now(),
        lease_until=clock.now() + timedelta(minutes=5),
    )

    result = await orchestrator.wait_for_completion("t", timeout=3600)

    assert result.completed
    assert result.attempt == 2


async def test_closing_the_container_ends_those_who_wait(clock: VirtualClock) -> None:
    async def raising(_task: TaskContext) -> None:
        raise OSError("later")

    container = Container()
    async with container:
        container.get(Specialists).register("raising", raising)
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.create_task(title="A", specialist_type="person", task_id="a")
        retried = asyncio.create_task(
            orchestrator.run(
                title="B",
                specialist_type="raising",
                task_id="b",
                retry={"max_attempts": 9, "delay": 3600, "max_delay": 3600},
            )
        )
        waiting = [
            asyncio.create_task(orchestrator.wait_for_completion("a")),
            asyncio.create_task(orchestrator.run_all([{"title": "C", "depends_on": ["a"]}])),
        ]
        idle = asyncio.create_task(orchestrator.run_until_idle())
        while (await orchestrator.get_task_status("b")).failures == 0:
            await asyncio.sleep(0)
        executed = asyncio.create_task(orchestrator.execute_task("b"))
        while (await orchestrator.get_task_status("b")).failures == 1:
            await asyncio.sleep(0)
        assert not any(task.done() for task in (retried, *waiting, idle))

    assert "cleaned up" in str((await retried).error)
    assert "cleaned up" in str((await executed).error)
    assert "cleaned up" in str((await waiting[0]).error)
    assert "cleaned up" in str((await waiting[1])[0].error)
    with pytest.raises(EngineStopped):
        await idle


async def test_a_workflow_kept_beyond_its_container_says_so() -> None:
    async with Container() as container:
        container.get(Specialists).register("coder", title)
        workflow = container.get(TaskExecutionWorkflow)
        await workflow.create_task(title="A", specialist_type="coder", task_id="t")

    with pytest.raises(EngineStopped):
        await workflow.run(title="B", specialist_type="coder")


async def test_a_refused_dependency_is_told_to_those_behind_it(container: Container) -> None:
    async def lying(task: TaskContext) -> None:
        await task.files.track_file_create("never.txt")

    files = AsyncMock(spec=FileStore)
    files.locate.side_effect = lambda path: path
    files.observe.side_effect = lambda paths: [Absent() for _ in paths]
    fresh = Container()
    fresh.override(FileStore, files)
    async with fresh:
        fresh.get(Specialists).register("lying", lying)
        fresh.get(Specialists).register("coder", title)
        results = await fresh.get(TaskOrchestrator).run_all(
            [
                {"title": "A", "specialist_type": "lying", "task_id": "a"},
                {"title": "B", "specialist_type": "coder", "depends_on": ["a"]},
            ]
        )

    assert "never.txt" in str(results[0].error)
    assert "'a' (A), which is executed" in str(results[1].error)
