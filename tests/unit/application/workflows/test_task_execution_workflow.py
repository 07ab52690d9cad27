"""One task from the request to the proven completion."""

import asyncio
import contextvars
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock, Mock

import pytest

from vespera import (
    Codec,
    Container,
    FileStore,
    RetryPolicy,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskOutcome,
    TaskRepository,
    TaskRequest,
    TaskStatus,
    providers,
)
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.sign_off import SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.workflows.task_execution_workflow import Machinery
from vespera.domain.errors import StaleTask, UnreadableValue
from vespera.domain.file_operation import Absent, FileState
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task, TaskFailure
from vespera.testing import VirtualClock


@pytest.fixture
def workflow(container: Container) -> TaskExecutionWorkflow:
    return container.get(TaskExecutionWorkflow)


async def echo(task: TaskContext) -> Mapping[str, object]:
    return task.payload


async def raising(task: TaskContext) -> None:
    raise ValueError(f"no luck in attempt {task.attempt}")


class Gate:
    """A specialist that stays in its task until it is let go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.cleaned_up = False
        self.calls = 0

    async def execute(self, _task: TaskContext) -> str:
        self.calls += 1
        self.entered.set()
        try:
            await self.open.wait()
        finally:
            self.cleaned_up = True
        return "through"


# ------------------------------------------------------------------------------------- create


async def test_a_created_task_is_pending(workflow: TaskExecutionWorkflow) -> None:
    created = await workflow.create_task({"title": "A", "specialist_type": "coder"})

    assert created.success
    assert created.status == "pending"
    status = await workflow.get_task_status(str(created.task_id))
    assert (status.title, status.specialist_type) == ("A", "coder")


async def test_a_bad_request_is_refused_and_nothing_is_stored(
    workflow: TaskExecutionWorkflow, container: Container
) -> None:
    refused = await workflow.create_task({"title": "A", "priority": "high"})

    assert not refused.success
    assert "priority" in str(refused.error)
    assert await container.get(TaskRepository).page() == []


async def test_a_payload_that_cannot_be_stored_is_refused_with_the_path(
    workflow: TaskExecutionWorkflow, container: Container
) -> None:
    refused = await workflow.create_task(title="A", payload={"items": [1, object()]})

    assert not refused.success
    assert "payload" in str(refused.error)
    assert "items" in str(refused.error)
    assert await container.get(TaskRepository).page() == []


async def test_a_payload_over_the_limit_is_refused(workflow: TaskExecutionWorkflow) -> None:
    refused = await workflow.run(title="A", payload={"blob": "x" * 2_000_000})

    assert not refused.success
    assert "payload" in str(refused.error)


async def test_the_same_key_gives_the_same_task(workflow: TaskExecutionWorkflow) -> None:
    first = await workflow.create_task(title="A", idempotency_key="k")
    second = await workflow.create_task(title="A", idempotency_key="k")

    assert second.success
    assert first.task_id == second.task_id


async def test_the_same_key_at_the_same_time_gives_one_task(
    workflow: TaskExecutionWorkflow, container: Container
) -> None:
    results = await asyncio.gather(
        *(workflow.create_task(title="A", idempotency_key="k") for _ in range(20))
    )

    assert len({result.task_id for result in results}) == 1
    assert len(await container.get(TaskRepository).page()) == 1


async def test_the_same_key_with_another_request_is_refused(
    workflow: TaskExecutionWorkflow,
) -> None:
    first = await workflow.create_task(title="A", idempotency_key="k", payload={"n": 1})
    second = await workflow.create_task(title="A", idempotency_key="k", payload={"n": 2})

    assert not second.success
    assert "idempotency_key" in str(second.error)
    assert str(first.task_id) in str(second.error)


async def test_a_task_id_can_be_chosen_once(workflow: TaskExecutionWorkflow) -> None:
    assert (await workflow.create_task(title="A", task_id="mine")).task_id == "mine"

    again = await workflow.create_task(title="B", task_id="mine")

    assert not again.success
    assert "task_id" in str(again.error)
    assert "'mine'" in str(again.error)


async def test_a_task_that_waits_for_itself_is_refused(workflow: TaskExecutionWorkflow) -> None:
    refused = await workflow.create_task(title="A", task_id="a", depends_on=["a"])

    assert not refused.success
    assert "a -> a" in str(refused.error)


@pytest.mark.parametrize("field", ["depends_on", "parent_id"])
async def test_a_tie_to_an_unknown_task_is_refused(
    workflow: TaskExecutionWorkflow, container: Container, field: str
) -> None:
    value = ["ghost"] if field == "depends_on" else "ghost"

    refused = await workflow.create_task({"title": "A", field: value})

    assert not refused.success
    assert field in str(refused.error)
    assert "'ghost'" in str(refused.error)
    assert await container.get(TaskRepository).page() == []


async def test_a_task_can_have_a_parent(workflow: TaskExecutionWorkflow) -> None:
    parent = await workflow.create_task(title="A")

    assert (await workflow.create_task(title="B", parent_id=parent.task_id)).success


# ------------------------------------------------------------------------- execute and complete


async def test_execute_does_the_work_and_complete_signs_it_off(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    created = await workflow.create_task(title="A", specialist_type="coder", payload={"n": 1})

    executed = await workflow.execute_task(str(created.task_id))

    assert executed.success
    assert (executed.status, executed.result) == ("executed", {"n": 1})
    completed = await workflow.complete_task(
        str(created.task_id), {"summary": "done", "artifacts": ["a.txt"], "next_action": "rest"}
    )
    assert completed.success
    assert completed.completed
    assert completed.outcome == TaskOutcome(
        summary="done", artifacts=("a.txt",), next_action="rest", result={"n": 1}
    )


async def test_run_does_all_of_it(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)

    result = await workflow.run(TaskRequest(title="A", specialist_type="coder", payload={"n": 1}))

    assert result.success, result.error
    assert result.finished
    assert result.result == {"n": 1}
    assert (await workflow.get_task_status(str(result.task_id))).status == TaskStatus.COMPLETED


async def test_the_whole_lifecycle_has_a_long_name_too(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)

    assert (
        await workflow.execute_complete_task_lifecycle(title="A", specialist_type="coder")
    ).completed


async def test_an_outcome_may_be_typed_a_value_or_nothing(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def typed(_task: TaskContext) -> TaskOutcome:
        return TaskOutcome(summary="s", result=(1, 2))

    async def nothing(_task: TaskContext) -> None:
        return None

    specialists.register("typed", typed)
    specialists.register("nothing", nothing)

    assert (await workflow.run(title="A", specialist_type="typed")).outcome == TaskOutcome(
        summary="s", result=(1, 2)
    )
    assert (await workflow.run(title="A", specialist_type="nothing")).outcome == TaskOutcome()


async def test_a_task_executed_before_is_not_executed_again(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    gate.open.set()
    specialists.register("gate", gate)
    created = await workflow.create_task(title="A", specialist_type="gate")

    for _ in range(2):
        executed = await workflow.execute_task(str(created.task_id))

    assert executed.result == "through"
    assert gate.calls == 1


async def test_executing_a_running_task_joins_it(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    specialists.register("gate", gate)
    task_id = str((await workflow.create_task(title="A", specialist_type="gate")).task_id)
    first = asyncio.create_task(workflow.execute_task(task_id))
    await gate.entered.wait()
    second = asyncio.create_task(workflow.execute_task(task_id))

    gate.open.set()

    assert (await first).result == (await second).result == "through"
    assert gate.calls == 1


async def test_completing_needs_executed_work(workflow: TaskExecutionWorkflow) -> None:
    created = await workflow.create_task(title="A")

    refused = await workflow.complete_task(str(created.task_id), {"summary": "done"})

    assert not refused.success
    assert "is pending" in str(refused.error)
    assert refused.status == "pending"


async def test_completing_twice_with_the_same_words_is_fine(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    task_id = str((await workflow.run(title="A", specialist_type="coder")).task_id)

    assert (await workflow.complete_task(task_id)).success
    assert not (await workflow.complete_task(task_id, summary="other")).success


async def test_a_bad_sign_off_names_its_field(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    task_id = str((await workflow.create_task(title="A", specialist_type="coder")).task_id)
    await workflow.execute_task(task_id)

    refused = await workflow.complete_task(task_id, {"artefacts": []})

    assert not refused.success
    assert "did you mean 'artifacts'" in str(refused.error)


@pytest.mark.parametrize(
    "method", ["execute_task", "complete_task", "get_task_status", "cancel_task"]
)
async def test_an_unknown_id_is_named(workflow: TaskExecutionWorkflow, method: str) -> None:
    result = await getattr(workflow, method)("ghost")

    assert not result.success
    assert "'ghost'" in str(result.error)
    assert result.status is None


# --------------------------------------------------------------------------------- hand-over


async def test_a_type_that_nobody_does_is_handed_over(workflow: TaskExecutionWorkflow) -> None:
    created = await workflow.create_task(title="A", specialist_type="poet")

    executed = await workflow.execute_task(str(created.task_id))

    assert executed.success
    assert executed.status == "assigned"
    completed = await workflow.complete_task(str(created.task_id), {"summary": "an ode"})
    assert completed.completed


async def test_running_a_type_that_nobody_does_tells_similar_types(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)

    result = await workflow.run(title="A", specialist_type="codr")

    assert not result.success
    assert result.status == "assigned"
    assert "similar: coder" in str(result.error)


async def test_running_a_type_without_any_likeness_tells_all_types(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    assert "none is known" in str((await workflow.run(title="A", specialist_type="poet")).error)
    specialists.register("coder", echo)
    assert "known: coder" in str((await workflow.run(title="A", specialist_type="poet")).error)


async def test_an_assigned_task_can_be_executed_once_somebody_does_its_type(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    created = await workflow.create_task(title="A", specialist_type="poet")
    await workflow.execute_task(str(created.task_id))

    specialists.register("poet", echo)

    assert (await workflow.execute_task(str(created.task_id))).status == "executed"


# ---------------------------------------------------------------------------- failure and retry


async def test_a_specialist_that_raises_fails_the_task_with_its_error(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("raising", raising)

    result = await workflow.run(title="A", specialist_type="raising")

    assert not result.success
    assert result.status == "failed"
    assert result.error == "ValueError: no luck in attempt 1"


async def test_a_failed_task_is_tried_again_after_its_wait(
    workflow: TaskExecutionWorkflow, specialists: Specialists, clock: VirtualClock
) -> None:
    async def second_time_lucky(task: TaskContext) -> int:
        if task.attempt == 1:
            raise OSError("not yet")
        return task.attempt

    specialists.register("lucky", second_time_lucky)
    started = clock.now()

    result = await workflow.run(
        title="A", specialist_type="lucky", retry=RetryPolicy(delay=3600, max_delay=3600)
    )

    assert result.success
    assert (result.attempt, result.failures) == (2, 1)
    assert clock.now() - started >= timedelta(hours=1)


async def test_an_error_of_another_kind_is_not_tried_again(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("raising", raising)

    result = await workflow.run(
        title="A", specialist_type="raising", retry={"max_attempts": 5, "retry_on": ["OSError"]}
    )

    assert (result.status, result.attempt) == ("failed", 1)


async def test_the_retries_come_to_an_end(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("raising", raising)

    result = await workflow.run(title="A", specialist_type="raising", retry={"max_attempts": 3})

    assert (result.status, result.attempt) == ("failed", 3)
    assert "attempt 3" in str(result.error)


async def test_a_specialist_that_hangs_meets_the_time_limit(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    specialists.register("gate", gate)

    result = await workflow.run(title="A", specialist_type="gate", timeout=60)

    assert result.status == "failed"
    assert "TaskTimedOut" in str(result.error)
    assert "60 s" in str(result.error)
    assert gate.cleaned_up


async def test_a_result_that_cannot_be_stored_fails_the_task_with_the_path(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def odd(_task: TaskContext) -> object:
        return {"handle": object()}

    specialists.register("odd", odd)

    result = await workflow.run(title="A", specialist_type="odd")

    assert result.status == "failed"
    assert "outcome" in str(result.error)
    assert "handle" in str(result.error)


async def test_a_mock_as_a_result_is_refused(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("mock", AsyncMock())

    result = await workflow.run(title="A", specialist_type="mock")

    assert result.status == "failed"
    assert "UnstorableValue" in str(result.error)


async def test_something_that_is_no_specialist_fails_the_task() -> None:
    class Odd(Container):
        specialists = providers.Aggregate(number=providers.Object(42))

    async with Odd() as container:
        workflow = container.get(TaskExecutionWorkflow)
        result = await workflow.run(title="A", specialist_type="number")

    assert result.status == "failed"
    assert "'execute(task)'" in str(result.error)


# ------------------------------------------------------------------------------------ cancelling


@pytest.mark.parametrize("reason", [5, None, b"rain", "\ud800", "rain " * 10_000])
async def test_a_reason_that_is_no_sensible_text_is_refused(
    workflow: TaskExecutionWorkflow, reason: object
) -> None:
    await workflow.create_task(title="A", task_id="t")

    refused = await workflow.cancel_task("t", reason)  # type: ignore[arg-type]

    assert (refused.success, refused.status) == (False, "pending")
    assert str(refused.error).startswith("reason: ")


async def test_a_pending_task_is_called_off(workflow: TaskExecutionWorkflow) -> None:
    created = await workflow.create_task(title="A")

    cancelled = await workflow.cancel_task(str(created.task_id), "changed my mind")

    assert cancelled.success
    assert cancelled.status == "cancelled"
    status = await workflow.get_task_status(str(created.task_id))
    assert "changed my mind" in str(status.error)


async def test_a_running_task_is_called_off_and_cleans_up(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    specialists.register("gate", gate)
    task_id = str((await workflow.create_task(title="A", specialist_type="gate")).task_id)
    executing = asyncio.create_task(workflow.execute_task(task_id))
    await gate.entered.wait()

    cancelled = await workflow.cancel_task(task_id)

    assert cancelled.success
    assert gate.cleaned_up
    executed = await executing
    assert not executed.success
    assert executed.status == "cancelled"


async def test_a_finished_task_cannot_be_called_off(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    done = await workflow.run(title="A", specialist_type="coder")

    refused = await workflow.cancel_task(str(done.task_id))

    assert not refused.success
    assert "completed" in str(refused.error)


async def test_a_handler_that_finishes_all_the_same_has_its_way(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    entered = asyncio.Event()

    async def stubborn(_task: TaskContext) -> str:
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return "done"

    specialists.register("stubborn", stubborn)
    task_id = str((await workflow.create_task(title="A", specialist_type="stubborn")).task_id)
    executing = asyncio.create_task(workflow.execute_task(task_id))
    await entered.wait()

    refused = await workflow.cancel_task(task_id)

    assert not refused.success
    assert (await executing).result == "done"


async def test_a_cancelled_caller_leaves_the_task_pending(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    specialists.register("gate", gate)
    running = asyncio.create_task(workflow.run(title="A", specialist_type="gate", task_id="t"))
    await gate.entered.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert gate.cleaned_up
    assert (await workflow.get_task_status("t")).status == "pending"
    gate.open.set()
    assert (await workflow.execute_task("t")).success


async def test_one_of_two_callers_may_leave(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    specialists.register("gate", gate)
    first = asyncio.create_task(workflow.run(title="A", specialist_type="gate", task_id="t"))
    await gate.entered.wait()
    second = asyncio.create_task(workflow.execute_task("t"))
    await asyncio.sleep(0)
    while (await workflow.get_task_status("t")).status != "running":
        await asyncio.sleep(0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.open.set()

    assert (await second).result == "through"


# ---------------------------------------------------------------------------------- dependencies


async def test_a_task_waits_for_its_dependencies(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    first = await workflow.create_task(title="A", specialist_type="coder")
    second = await workflow.create_task(
        title="B", specialist_type="coder", depends_on=[first.task_id]
    )

    blocked = await workflow.execute_task(str(second.task_id))

    assert not blocked.success
    assert blocked.status == "pending"
    await workflow.execute_task(str(first.task_id))
    still_blocked = await workflow.execute_task(str(second.task_id))
    assert not still_blocked.success, "executed is not completed"
    await workflow.complete_task(str(first.task_id))
    assert (await workflow.execute_task(str(second.task_id))).success


async def test_run_waits_for_the_dependencies(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    async def adding(task: TaskContext) -> int:
        done = await task.dependencies()
        return sum(outcome.result for outcome in done.values())  # type: ignore[misc]

    async def one(_task: TaskContext) -> int:
        return 1

    specialists.register("one", one)
    specialists.register("adding", adding)
    parts = [
        await workflow.create_task(title=str(n), specialist_type="one", completion="auto")
        for n in range(3)
    ]

    result = await workflow.run(
        title="sum", specialist_type="adding", depends_on=[part.task_id for part in parts]
    )

    assert result.result == 3


async def test_a_failed_dependency_blocks_and_is_named(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("raising", raising)
    specialists.register("coder", echo)
    failed = await workflow.run(title="bad", specialist_type="raising")

    result = await workflow.run(title="B", specialist_type="coder", depends_on=[failed.task_id])

    assert not result.success
    assert result.status == "pending"
    assert str(failed.task_id) in str(result.error)
    assert "failed" in str(result.error)


async def test_run_waits_until_the_task_is_due(
    workflow: TaskExecutionWorkflow, specialists: Specialists, clock: VirtualClock
) -> None:
    specialists.register("coder", echo)
    due = clock.now() + timedelta(days=3)

    result = await workflow.run(title="A", specialist_type="coder", run_after=due)

    assert result.success
    assert clock.now() >= due


async def test_run_with_a_known_key_gives_what_came_of_it(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    gate = Gate()
    gate.open.set()
    specialists.register("gate", gate)

    for _ in range(2):
        result = await workflow.run(title="A", specialist_type="gate", idempotency_key="k")

    assert result.result == "through"
    assert gate.calls == 1


# ---------------------------------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int


async def test_types_come_back_as_they_went_in(
    workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("echo", echo)

    result = await workflow.run(title="A", specialist_type="echo", payload={"at": Point(1, 2)})

    assert result.result == {"at": Point(1, 2)}


# ------------------------------------------------------------------------------- others interfere


def with_tasks(container: Container, **methods: object) -> TaskExecutionWorkflow:
    """A workflow whose task repository does something else in the given methods."""
    tasks = AsyncMock(wraps=container.get(TaskRepository))
    for name, effect in methods.items():
        getattr(tasks, name).side_effect = effect
    machinery = replace(container.get(Machinery), tasks=tasks)
    return TaskExecutionWorkflow(machinery=machinery)


async def test_signing_off_is_repeated_when_somebody_else_was_faster(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    task_id = str((await workflow.create_task(title="A", specialist_type="coder")).task_id)
    await workflow.execute_task(task_id)
    sign_off = AsyncMock(wraps=container.get(SignOff))
    sign_off.complete.side_effect = [StaleTask(), DEFAULT]
    hindered = TaskExecutionWorkflow(machinery=replace(container.get(Machinery), sign_off=sign_off))

    assert (await hindered.complete_task(task_id)).completed
    assert sign_off.complete.await_count == 2


async def test_signing_off_gives_up_when_others_are_always_faster(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    task_id = str((await workflow.create_task(title="A", specialist_type="coder")).task_id)
    await workflow.execute_task(task_id)
    sign_off = AsyncMock(spec=SignOff)
    sign_off.complete.side_effect = StaleTask
    hindered = TaskExecutionWorkflow(machinery=replace(container.get(Machinery), sign_off=sign_off))

    refused = await hindered.complete_task(task_id)

    assert not refused.success
    assert "Somebody else changed the task" in str(refused.error)


async def test_calling_off_is_repeated_and_given_up_likewise(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    for name, effect, success in (
        ("a", [StaleTask(), DEFAULT], True),
        ("b", StaleTask, False),
    ):
        await workflow.create_task(title="A", task_id=name)

        cancelled = await with_tasks(container, save=effect).cancel_task(name)

        assert cancelled.success is success


async def test_creating_is_repeated_when_somebody_else_takes_the_key(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    first = await workflow.create_task(title="A", idempotency_key="k")
    nobody_yet: dict[str, Task] = {}
    hindered = with_tasks(container, find_by_keys=[nobody_yet, DEFAULT])

    second = await hindered.create_task(title="A", idempotency_key="k")

    assert second.task_id == first.task_id


async def test_creating_is_repeated_when_somebody_else_stores_the_same_id_with_the_key(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    first = await workflow.create_task(title="A", task_id="a", idempotency_key="k")
    nobody_yet: dict[str, Task] = {}
    hindered = with_tasks(container, find_by_keys=[nobody_yet, DEFAULT])

    second = await hindered.create_task(title="A", task_id="a", idempotency_key="k")

    assert (second.success, second.created, second.task_id) == (True, False, first.task_id)


async def test_an_id_that_another_key_has_is_taken(workflow: TaskExecutionWorkflow) -> None:
    await workflow.create_task(title="A", task_id="a", idempotency_key="k")

    refused = await workflow.create_task(title="A", task_id="a", idempotency_key="other")

    assert refused.error == "task_id: 'a' is taken by another task"


async def test_creating_gives_up_when_the_key_is_never_seen(
    container: Container, workflow: TaskExecutionWorkflow
) -> None:
    await workflow.create_task(title="A", idempotency_key="k")

    refused = await with_tasks(container, find_by_keys=lambda _keys: {}).create_task(
        title="A", idempotency_key="k"
    )

    assert not refused.success
    assert "idempotency_key" in str(refused.error)


async def test_run_cancelled_behind_its_commit_leaves_nothing_claimed(
    container: Container, workflow: TaskExecutionWorkflow, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    real = container.get(TaskRepository)

    async def add_then_cancelled(task: Task, depends_on: object = ()) -> None:
        async with asyncio.TaskGroup() as apart:
            apart.create_task(real.add(task), context=contextvars.Context())
        error = asyncio.CancelledError()
        error.outcome = "committed"  # type: ignore[attr-defined]
        raise error

    hindered = with_tasks(container, add=add_then_cancelled)

    with pytest.raises(asyncio.CancelledError):
        await hindered.run(title="A", specialist_type="coder", task_id="t")

    assert (await workflow.get_task_status("t")).status == "pending"


async def test_executing_waits_for_whoever_runs_the_task_already(
    workflow: TaskExecutionWorkflow, container: Container, clock: VirtualClock
) -> None:
    await workflow.create_task(title="A", task_id="t", idempotency_key="k")
    queue = container.get(TaskQueue)
    hour = clock.now() + timedelta(hours=1)
    claimed = await queue.claim(
        TaskId("t"), owner=OwnerId("stranger"), now=clock.now(), lease_until=hour
    )
    assert claimed is not None
    executing = asyncio.create_task(workflow.execute_task("t"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not executing.done()

    failed = claimed.fail(TaskFailure(error_types=("OSError",), message="down"), clock.now())
    await container.get(TaskRepository).save(failed)
    container.get(Notices).changed(failed)

    assert (await executing).error == "OSError: down"


async def test_run_repairs_what_it_was_refused_for_earlier(
    workflow: TaskExecutionWorkflow, specialists: Specialists, container: Container
) -> None:
    async def claiming(task: TaskContext) -> None:
        await task.files.track_file_create("never.txt")

    files = AsyncMock(spec=FileStore)
    files.locate.side_effect = lambda path: path
    files.observe.side_effect = lambda paths: [Absent() for _ in paths]
    fresh = Container()
    fresh.override(FileStore, files)
    async with fresh:
        fresh.get(Specialists).register("claiming", claiming)
        mocked = fresh.get(TaskExecutionWorkflow)
        refused = await mocked.run(title="A", specialist_type="claiming", idempotency_key="k")
        assert refused.status == "executed"
        assert [finding.path for finding in refused.findings] == ["never.txt"]
        status = await mocked.get_task_status(str(refused.task_id))
        assert [finding.path for finding in status.findings] == ["never.txt"]
        orchestrator = fresh.get(TaskOrchestrator)
        waited = await orchestrator.wait_for_completion(str(refused.task_id))
        assert not waited.success
        assert waited.findings == status.findings

        files.observe.side_effect = lambda paths: [FileState("b3:0", 1, 0o644) for _ in paths]
        repaired = await mocked.run(title="A", specialist_type="claiming", idempotency_key="k")

        assert repaired.completed, repaired.error


async def test_an_outcome_of_an_unknown_type_is_told_and_nothing_is_lost(
    workflow: TaskExecutionWorkflow, container: Container, specialists: Specialists
) -> None:
    specialists.register("coder", echo)
    created = await workflow.run(title="A", specialist_type="coder", task_id="t")
    assert created.completed
    codec = AsyncMock(wraps=container.get(Codec))
    codec.decode = Mock(side_effect=UnreadableValue("import shop.orders first"))
    stranger = TaskExecutionWorkflow(
        machinery=replace(container.get(Machinery), outcomes=Outcomes(codec))
    )

    status = await stranger.get_task_status("t")

    assert status.completed
    assert status.outcome is None
    assert "import shop.orders" in str(status.error)
    assert (await workflow.get_task_status("t")).result == {}
