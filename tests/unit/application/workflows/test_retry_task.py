"""Tasks that have ended badly run again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskOrchestrator, TaskResult
from vespera.application.ports.persistence import TaskRepository
from vespera.application.ports.revivals import Revivals
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import StaleTask
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.invariants import RULES
from vespera.infrastructure.persistence.revivals import SqlRevivals
from vespera.testing import VirtualClock

CANCEL, RUN = {"on_failed_dependency": "cancel"}, {"on_failed_dependency": "run"}
BROKEN = ValueError("the pump is broken")


class Pump:
    """Breaks as often as it is told to, and counts what it did."""

    def __init__(self) -> None:
        self.breaks = 0
        self.done: list[str] = []

    def __call__(self, what: str) -> str:
        self.done.append(what)
        if self.breaks > 0:
            self.breaks -= 1
            raise BROKEN
        return what

    def undo(self, what: str) -> None:
        self.done.append(f"back: {what}")


@pytest.fixture
def pump() -> Pump:
    return Pump()


@pytest.fixture
async def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


@pytest.fixture(autouse=True)
async def sound(container: Container) -> object:
    """After each test no rule of the database is broken."""
    yield
    database = container.get(AsyncDatabaseManager)
    broken = [
        rule.text.format(*map(repr, row))
        for rule in RULES
        for row in await database.read(rule.statement.sql)
    ]
    assert not broken


def request(task_id: str, kind: str = "work", **more: object) -> dict[str, object]:
    return {
        "title": task_id.upper(),
        "specialist_type": kind,
        "task_id": task_id,
        "completion": "auto",
        **more,
    }


def statuses(results: list[TaskResult]) -> list[str]:
    return [str(result.status) for result in results]


@pytest.fixture
def stand(orchestrator: TaskOrchestrator) -> Callable[..., Awaitable[list[str]]]:
    async def stand(*task_ids: str) -> list[str]:
        return statuses([await orchestrator.get_task_status(each) for each in task_ids])

    return stand


@pytest.fixture(autouse=True)
def work(specialists: Specialists, pump: Pump) -> None:
    async def work(task: TaskContext) -> str:
        await task.step("fill", pump, "fill", in_thread=False)
        pump.breaks += int(task.payload.pop("breaks", 0))  # type: ignore[attr-defined]
        return await task.step("empty", pump, "empty", in_thread=False)

    specialists.register("work", work)


# ----------------------------------------------------------------------------- the task itself


async def test_finished_steps_are_kept_and_the_failed_one_runs_anew(
    orchestrator: TaskOrchestrator, pump: Pump
) -> None:
    failed = await orchestrator.run(request("a", payload={"breaks": 1}))
    assert (failed.status, failed.failures) == ("failed", 1)
    pump.breaks = -1  # what the payload breaks is mended

    retried = await orchestrator.retry_task("a")
    done = await orchestrator.execute_task("a")

    assert (retried.success, retried.status, retried.failures) == (True, "pending", 0)
    assert (retried.error, retried.outcome) == (None, None)
    assert (done.status, done.result, done.attempt) == ("completed", "empty", 2)
    assert pump.done == ["fill", "empty", "empty"]


async def test_the_failure_budget_is_fresh(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    attempts = []

    async def never(task: TaskContext) -> None:
        attempts.append(task.attempt)
        raise BROKEN

    specialists.register("never", never)
    policy = RetryPolicy(max_attempts=3, delay=0)
    await orchestrator.run(request("a", "never", retry=policy))
    await orchestrator.retry_task("a")
    again = await orchestrator.execute_task("a")

    assert (again.status, again.failures, attempts) == ("failed", 3, [1, 2, 3, 4, 5, 6])


async def test_a_task_may_be_retried_again_and_again(
    orchestrator: TaskOrchestrator, container: Container, pump: Pump
) -> None:
    await orchestrator.run(request("a", payload={"breaks": 1}))
    for _ in range(3):
        pump.breaks = 0
        assert (await orchestrator.retry_task("a")).success
        assert (await orchestrator.execute_task("a")).status == "failed"

    assert (await container.get(TaskRepository).get("a")).retries == 3
    assert pump.done == ["fill"] + ["empty"] * 4


async def test_another_way_may_be_taken_behind_a_step_that_had_failed(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def either(task: TaskContext) -> str:
        try:
            return await task.step("best", pump, "best", in_thread=False)
        except Exception:
            await task.step("second best", pump, "second best", in_thread=False)
            raise

    specialists.register("either", either)
    pump.breaks = 1
    await orchestrator.run(request("a", "either"))
    await orchestrator.retry_task("a")

    assert (await orchestrator.execute_task("a")).result == "best"


async def test_what_was_undone_is_done_anew_and_undone_again(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def journey(task: TaskContext) -> str:
        await task.step("pack", pump, "pack", in_thread=False)
        await task.step("book", pump, "book", undo=pump.undo, in_thread=False)
        pump.breaks += 1 if task.attempt < 3 else 0
        return await task.step("go", pump, "go", in_thread=False)

    specialists.register("journey", journey)
    results = [await orchestrator.run(request("a", "journey"))]
    for _ in range(2):
        await orchestrator.retry_task("a")
        results.append(await orchestrator.execute_task("a"))

    assert statuses(results) == ["failed", "failed", "completed"]
    assert pump.done == [
        *("pack", "book", "go", "back: book"),
        *("book", "go", "back: book"),
        *("book", "go"),
    ]


async def test_what_could_not_be_undone_is_not_done_twice(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    def stays(_given: object) -> None:
        raise BROKEN

    async def journey(task: TaskContext) -> str:
        await task.step("book", pump, "book", undo=stays, in_thread=False)
        pump.breaks += 1 if task.attempt == 1 else 0
        return await task.step("go", pump, "go", in_thread=False)

    specialists.register("journey", journey)
    assert "not undone: step 'book'" in str((await orchestrator.run(request("a", "journey"))).error)
    await orchestrator.retry_task("a")

    assert (await orchestrator.execute_task("a")).status == "completed"
    assert pump.done == ["book", "go", "go"]


async def test_what_was_left_done_is_told_again_if_the_task_is_called_off_after_a_retry(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def journey(task: TaskContext) -> None:
        await task.step("book", pump, "book", undo=pump.undo, in_thread=False)
        if task.attempt == 2:
            raise BROKEN  # before it says how the next step is undone
        await task.step("pay", pump, "pay", undo=pump.undo, in_thread=False)
        raise BROKEN

    specialists.register("journey", journey)
    failed = await orchestrator.run(request("a", "journey", retry={"max_attempts": 2}))
    assert "not asked for again, and not undone: step 'pay'" in str(failed.error)
    await orchestrator.retry_task("a")

    assert (await orchestrator.cancel_task("a")).status == "cancelled"
    told = str((await orchestrator.get_task_status("a")).error)
    assert "not asked for again, and not undone: step 'pay'" in told
    assert pump.done == ["book", "pay", "back: book"]


async def test_what_was_left_done_and_is_asked_for_again_is_undone_after_a_retry(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def journey(task: TaskContext) -> None:
        if task.attempt != 2:
            await task.step("pay", pump, "pay", undo=pump.undo, in_thread=False)
        await task.step("book", pump, "book", undo=pump.undo, in_thread=False)
        raise BROKEN

    specialists.register("journey", journey)
    failed = await orchestrator.run(request("a", "journey", retry={"max_attempts": 2}))
    assert "not asked for again, and not undone: step 'pay'" in str(failed.error)
    await orchestrator.retry_task("a")

    assert (await orchestrator.cancel_task("a")).status == "cancelled"
    assert pump.done == ["pay", "book", "back: book", "back: pay"]


async def test_a_wait_that_timed_out_begins_anew(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    async def patient(task: TaskContext) -> object:
        return await task.wait_for_signal("go", timeout=60)

    specialists.register("patient", patient)
    assert "No signal 'go' came" in str((await orchestrator.run(request("a", "patient"))).error)
    await clock.sleep(3600)
    await orchestrator.retry_task("a")
    running = asyncio.create_task(orchestrator.execute_task("a"))
    await clock.sleep(30)
    await orchestrator.signal("a", "go", "now")

    assert (await running).result == "now"


async def test_a_wait_that_was_broken_off_has_its_whole_time_again(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    async def patient(task: TaskContext) -> object:
        return await task.wait_for_signal("go", timeout=60)

    specialists.register("patient", patient)
    await orchestrator.start()
    await orchestrator.create_task(request("a", "patient"))
    await clock.sleep(1)
    await orchestrator.cancel_task("a")
    await clock.sleep(3600)
    await orchestrator.retry_task("a")
    await clock.sleep(30)
    await orchestrator.signal("a", "go", "now")

    assert (await orchestrator.wait_for_completion("a")).result == "now"


async def test_a_cancelled_task_that_never_began_runs(
    orchestrator: TaskOrchestrator, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_task(request("a"))
    await orchestrator.cancel_task("a", "not now")
    assert (await orchestrator.retry_task("a")).success
    await orchestrator.run_until_idle()

    assert await stand("a") == ["completed"]


async def test_the_key_still_means_the_same_task(orchestrator: TaskOrchestrator) -> None:
    keyed = request("a", payload={"breaks": 1}, idempotency_key="k")
    await orchestrator.run(keyed)
    await orchestrator.retry_task("a")
    same = await orchestrator.create_task(keyed)

    assert (same.task_id, same.status) == ("a", "pending")


async def test_the_event_tells_the_reason(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.run(request("a", payload={"breaks": 1}))
    await orchestrator.retry_task("a", reason="the pump is mended")
    await orchestrator.cancel_task("a")
    told = [(event.type, event.data) async for event in orchestrator.events("a")]

    assert [str(kind) for kind, _ in told] == ["failed", "retried", "cancelled"]
    assert told[1][1] == {"reason": "the pump is mended"}


async def test_counts_follow(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.run(request("a", payload={"breaks": 1}))
    await orchestrator.retry_task("a")

    assert await orchestrator.count_tasks() == {"work": {"pending": 1}}


async def test_a_type_that_was_limited_since_holds_it(
    orchestrator: TaskOrchestrator, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.run(request("a", payload={"breaks": 1}))
    await orchestrator.pause_type("work")
    await orchestrator.retry_task("a")
    await orchestrator.run_until_idle()

    assert await stand("a") == ["pending"]


# --------------------------------------------------------------------------------- refusals


async def test_only_what_ended_badly_can_be_retried(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.create_task(request("pending"))
    await orchestrator.run(request("completed"))
    await orchestrator.create_task(request("executed", completion="manual"))
    await orchestrator.execute_task("executed")
    for status in ("pending", "completed", "executed"):
        refused = await orchestrator.retry_task(status)

        assert (refused.success, refused.status) == (False, status)
        assert f"is {status}; only a task that has failed" in str(refused.error)


@pytest.mark.parametrize(
    ("task_id", "told"),
    [("nobody", "No task has the id 'nobody'."), ("", "task_id: must not be empty")],
)
async def test_an_id_that_means_no_task_is_refused(
    orchestrator: TaskOrchestrator, task_id: str, told: str
) -> None:
    refused = await orchestrator.retry_task(task_id)

    assert (refused.success, refused.error) == (False, told)


async def test_a_reason_that_is_no_text_is_refused(orchestrator: TaskOrchestrator) -> None:
    refused = await orchestrator.retry_task("a", reason=7)  # type: ignore[arg-type]

    assert refused.error == "reason: must be text, got int"


async def test_of_two_at_once_one_is_refused(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.run(request("a", payload={"breaks": 1}))
    both = await asyncio.gather(orchestrator.retry_task("a"), orchestrator.retry_task("a"))

    assert sorted(result.success for result in both) == [False, True]
    assert ["is pending; only" in str(result.error) for result in both if not result.success]


async def test_one_that_others_change_all_the_time_is_refused(
    orchestrator: TaskOrchestrator, container: Container, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    class Busy(SqlRevivals):
        async def revive(self, *_given: object, **_more: object) -> None:
            raise StaleTask

    await orchestrator.run(request("a", payload={"breaks": 1}))
    with container.override(Revivals, Busy(container.get(AsyncDatabaseManager))):
        refused = await container.get(TaskOrchestrator).retry_task("a")

    assert (refused.success, refused.status) == (False, "failed")
    assert await stand("a") == ["failed"]


# --------------------------------------------------------------------------- those that wait


async def test_tasks_that_wait_go_on_when_it_completes(
    orchestrator: TaskOrchestrator, pump: Pump, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_tasks(
        [request("a", payload={"breaks": 1}), request("b", depends_on=["a"])]
    )
    await orchestrator.run_until_idle()
    assert await stand("a", "b") == ["failed", "pending"]
    pump.breaks = -1
    await orchestrator.retry_task("a")
    await orchestrator.run_until_idle()

    assert await stand("a", "b") == ["completed", "completed"]


async def test_those_cancelled_with_it_stay_and_are_named(
    orchestrator: TaskOrchestrator, pump: Pump, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_tasks(
        [
            request("a", payload={"breaks": 1}),
            request("b", depends_on=["a"], **CANCEL),
            request("c", depends_on=["b"], **CANCEL),
        ]
    )
    await orchestrator.run_until_idle()
    pump.breaks = -1
    retried = await orchestrator.retry_task("a")
    await orchestrator.run_until_idle()

    assert (retried.retried, retried.still_cancelled) == ((), ("b", "c"))
    assert await stand("a", "b", "c") == ["completed", "cancelled", "cancelled"]


async def test_those_cancelled_with_it_come_along_also_behind_others(
    orchestrator: TaskOrchestrator, pump: Pump, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_tasks(
        [
            request("a", payload={"breaks": 1}),
            request("b", depends_on=["a"], **CANCEL),
            request("c", depends_on=["b", "a"], **CANCEL),
        ]
    )
    await orchestrator.run_until_idle()
    pump.breaks = -1
    retried = await orchestrator.retry_task("a", dependents=True)
    assert (retried.retried, retried.still_cancelled) == (("b", "c"), ())
    await orchestrator.run_until_idle()

    assert await stand("a", "b", "c") == ["completed"] * 3


async def test_who_waits_for_something_else_that_failed_stays_and_those_behind_it(
    orchestrator: TaskOrchestrator, pump: Pump, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_tasks(
        [
            request("a", payload={"breaks": 1}, priority=9),
            request("x"),
            request("b", depends_on=["a"], **CANCEL),
            request("c", depends_on=["x", "a"], **CANCEL),
            request("d", depends_on=["c"], **CANCEL),
        ]
    )
    await orchestrator.cancel_task("x")
    await orchestrator.run_until_idle()
    pump.breaks = -1
    retried = await orchestrator.retry_task("a", dependents=True)
    await orchestrator.run_until_idle()

    assert (retried.retried, retried.still_cancelled) == (("b",), ("c", "d"))
    assert await stand("a", "b", "c", "d") == ["completed"] * 2 + ["cancelled"] * 2


async def test_one_that_was_cancelled_by_somebody_stays_and_is_not_named(
    orchestrator: TaskOrchestrator, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.create_tasks([request("a"), request("b", depends_on=["a"], **CANCEL)])
    await orchestrator.cancel_task("b", "nobody needs it")
    await orchestrator.cancel_task("a")
    retried = await orchestrator.retry_task("a", dependents=True)

    assert (retried.retried, retried.still_cancelled) == ((), ())
    assert await stand("b") == ["cancelled"]


@pytest.mark.parametrize("ends_well", [True, False])
async def test_one_that_runs_all_the_same_does_not_wait_again(
    orchestrator: TaskOrchestrator,
    pump: Pump,
    container: Container,
    stand: Callable[..., Awaitable[list[str]]],
    ends_well: bool,
) -> None:
    await orchestrator.create_tasks(
        [
            request("a", payload={"breaks": 1}, priority=9),
            request("x", "nobody"),
            request("b", depends_on=["a"], **RUN),
            request("c", depends_on=["a", "x"], **RUN),
        ]
    )
    await orchestrator.pause_task("b")
    await orchestrator.run_until_idle()
    tasks = container.get(TaskRepository)
    assert [(await tasks.get(each)).blockers for each in "bc"] == [0, 1]
    pump.breaks = -1 if ends_well else 0
    await orchestrator.retry_task("a")
    await orchestrator.run_until_idle()

    assert await stand("a") == ["completed" if ends_well else "failed"]
    assert [(await tasks.get(each)).blockers for each in "bc"] == [0, 1]
    await orchestrator.resume_task("b")
    await orchestrator.run_until_idle()
    assert await stand("b", "c") == ["completed", "pending"]


# ---------------------------------------------------------------------------------- families


@pytest.fixture
def family(specialists: Specialists, pump: Pump) -> None:
    async def parent(task: TaskContext) -> object:
        names = task.payload["children"]
        children = [
            await task.spawn(title=str(name), specialist_type="child", name=str(name))
            for name in names  # type: ignore[attr-defined]
        ]
        if task.payload.get("sleeps"):
            await task.sleep(3600)
        await task.step("meet", pump, "meet", in_thread=False)
        return await task.gather(*children)

    async def child(task: TaskContext) -> str:
        if task.title == "slow":
            await task.sleep(60)
        return await task.step(task.title, pump, task.title, in_thread=False)

    specialists.register("parent", parent)
    specialists.register("child", child)


@pytest.mark.usefixtures("family")
async def test_children_that_were_called_off_run_again_with_their_parent(
    orchestrator: TaskOrchestrator, pump: Pump
) -> None:
    pump.breaks = 1
    failed = await orchestrator.run(request("a", "parent", payload={"children": ["slow"]}))
    await orchestrator.run_until_idle()
    ((child),) = (await orchestrator.tasks(parent_id="a")).tasks
    assert (failed.status, child.status) == ("failed", "cancelled")

    retried = await orchestrator.retry_task("a")
    done = await orchestrator.execute_task("a")

    assert retried.retried == (child.id,)
    assert (done.status, done.result) == ("completed", ["slow"])


@pytest.mark.usefixtures("family")
async def test_a_child_that_failed_runs_again_with_its_parent(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def child(task: TaskContext) -> str:
        if not pump.done.count("mended"):
            raise BROKEN
        return "fine"

    specialists.register("child", child)
    failed = await orchestrator.run(request("a", "parent", payload={"children": ["x", "y"]}))
    assert "ChildFailed" in str(failed.error)
    pump.done.append("mended")
    await orchestrator.retry_task("a")

    assert (await orchestrator.execute_task("a")).result == ["fine", "fine"]


@pytest.mark.usefixtures("family")
async def test_a_child_is_not_retried_under_a_parent_that_has_ended(
    orchestrator: TaskOrchestrator, pump: Pump
) -> None:
    pump.breaks = 1
    await orchestrator.run(request("a", "parent", payload={"children": ["slow"]}))
    await orchestrator.run_until_idle()
    (child,) = (await orchestrator.tasks(parent_id="a")).tasks
    refused = await orchestrator.retry_task(child.id)

    assert (refused.success, refused.status) == (False, "cancelled")
    assert "goes with its parent 'a' (A), which is failed; retry that one" in str(refused.error)


@pytest.mark.usefixtures("family")
async def test_a_child_that_goes_on_without_its_parent_is_retried_without_it(
    orchestrator: TaskOrchestrator, stand: Callable[..., Awaitable[list[str]]]
) -> None:
    await orchestrator.run(request("a"))
    await orchestrator.create_task(request("b", parent_id="a"))
    await orchestrator.cancel_task("b")
    assert (await orchestrator.retry_task("b")).success
    await orchestrator.run_until_idle()

    assert await stand("b") == ["completed"]


@pytest.mark.usefixtures("family")
async def test_a_parent_that_knows_of_the_failure_is_not_told_again(
    orchestrator: TaskOrchestrator, specialists: Specialists, pump: Pump
) -> None:
    async def forgiving(task: TaskContext) -> str:
        child = await task.spawn(title="x", specialist_type="child", task_id="x")
        try:
            await child.result()
        except Exception:  # it goes on without
            said = await task.wait_for_signal("go")
            return f"without, {said}"
        return "with"

    specialists.register("forgiving", forgiving)
    pump.breaks = 1
    await orchestrator.create_task(request("a", "forgiving"))
    await orchestrator.run_until_idle()
    assert (await orchestrator.retry_task("x")).success
    await orchestrator.run_until_idle()
    assert (await orchestrator.get_task_status("x")).status == "completed"
    await orchestrator.signal("a", "go", "then")

    assert (await orchestrator.wait_for_completion("a")).result == "without, then"


@pytest.mark.usefixtures("family")
async def test_a_child_that_is_still_being_called_off_is_waited_for(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock, pump: Pump
) -> None:
    let_go = asyncio.Event()

    async def clinging(task: TaskContext) -> None:
        try:
            await task.sleep(3600)
        finally:
            await let_go.wait()

    specialists.register("child", clinging)
    await orchestrator.start()
    await orchestrator.create_task(
        request("a", "parent", payload={"children": ["x"], "sleeps": True})
    )
    await clock.sleep(10)
    cancelling = asyncio.create_task(orchestrator.cancel_task("a"))
    await clock.sleep(1)
    refused = await orchestrator.retry_task("a")
    let_go.set()
    await cancelling
    await clock.sleep(1)

    assert "is still being called off; try again in a moment" in str(refused.error)
    assert (await orchestrator.retry_task("a")).success
