"""The tracker of a container: costs belong to steps and tasks, once, and budgets to their types."""

import asyncio
from decimal import Decimal

import pytest

from vespera import Budget, CostTracker, Estimate, RetryPolicy
from vespera.domain.budget import CostScope
from vespera.domain.cost import Costs
from vespera.domain.errors import BudgetExceeded, StepFailed
from vespera.domain.ids import TaskId
from vespera.testing import StepEnvironment, VirtualClock

pytestmark = pytest.mark.virtual_time


async def ask(tracker, tokens=100, **more):
    async with tracker.track_operation("ask", model="small", **more) as operation:
        await asyncio.sleep(1)
        await operation.log_costs(usage={"prompt_tokens": tokens, "completion_tokens": 0})
        return tokens


async def test_what_is_tracked_in_a_step_belongs_to_it(tracker, work):
    async def handler(task):
        for _ in range(2):
            await task.step("ask", ask, tracker)
        await task.step("ask more", ask, task.costs, 200)

    result = await work(handler)

    assert result.success, result.error
    report = await tracker.report("t")
    assert [(g.step, g.occurrence, g.input_tokens, g.task_id) for g in report.groups] == [
        *[("ask", 1, 100, "t"), ("ask", 2, 100, "t"), ("ask more", 1, 200, "t")]
    ]
    assert report.by_step("t")["ask"].seconds == pytest.approx(2)
    assert report.total.money == {"USD": Decimal("0.0004")}


async def test_a_replay_adds_nothing(tracker, work):
    async def handler(task):
        await task.step("ask", ask, tracker)
        await task.costs.log_costs("by hand", input_tokens=10)
        await task.costs.log_costs("by hand", input_tokens=10)
        if task.attempt < 3:
            raise OSError("again")

    result = await work(handler, retry=RetryPolicy(max_attempts=3, delay=1.0))

    assert result.success, result.error
    assert (await tracker.report("t")).total.input_tokens == 120


async def test_what_is_logged_in_a_step_belongs_to_it(tracker, work):
    async def handler(task):
        async def ask():
            await task.costs.log_costs("ask", input_tokens=7)

        await task.step("ask", ask)

    assert (await work(handler)).success
    assert (await tracker.report("t")).by_step("t")["ask"].input_tokens == 7


async def test_a_step_that_is_called_again_costs_again(tracker, work):
    async def flaky(task):
        await ask(tracker)
        if (await tracker.total()).calls < 3:
            raise OSError("down")

    async def handler(task):
        await task.step("ask", flaky, task, retry=RetryPolicy(max_attempts=3, delay=0.0))

    assert (await work(handler)).success
    assert (await tracker.report("t")).by_step("t")["ask"].calls == 3


async def test_outside_of_steps_and_tasks_there_is_a_total_as_well(tracker):
    await ask(tracker)

    assert (await tracker.report("t")).total == Costs()
    assert (await tracker.total()).input_tokens == 100
    assert list((await tracker.report()).by_task()) == [""]


async def test_an_operation_tracked_in_the_handler_belongs_to_the_task(tracker, work):
    async def handler(task):
        await ask(task.costs)
        return (await task.costs.report()).own.calls

    assert (await work(handler)).result == 1
    assert list((await tracker.report("t")).by_step("t")) == [""]


async def test_costs_are_aggregated_over_children(container, tracker, work):
    async def child(task):
        await task.step("ask", ask, tracker)

    async def parent(task):
        await task.step("ask", ask, tracker, 500)
        children = [await task.spawn(title=n, specialist_type="child") for n in ("a", "b")]
        await task.gather(*children)

    container.get("registry").register("child", child)
    assert (await work(parent)).success

    report = await tracker.report("t")
    assert (report.own.input_tokens, report.total.input_tokens) == (500, 700)
    assert sorted(costs.input_tokens for costs in report.by_task().values()) == [100, 100, 500]


async def test_the_budget_of_a_type_refuses_before_the_call(tracker, work):
    called = []

    async def call():
        async with tracker.track_operation("ask", estimate=Estimate(input_tokens=400)) as one:
            called.append("ask")
            one.add_costs(input_tokens=400)

    async def handler(task):
        await task.step("first", call)
        await task.step("second", call)
        check = await task.costs.check_budget(estimate=Estimate(input_tokens=400))
        try:
            await task.step("third", call)
        except StepFailed as error:
            return [check.success, error.error_types[0], error.message]

    result = await work(handler)

    assert result.result[:2] == [False, "BudgetExceeded"]
    assert "task 't' and its children" in result.result[2]
    assert called == ["ask", "ask"]


async def test_the_budget_of_a_tree_holds_for_children_that_have_their_own(
    container, tracker, work
):
    async def child(task):
        await task.step("ask", ask, tracker, 250)

    async def parent(task):
        told = []
        for name in "abcde":
            one = await task.spawn(title=name, specialist_type="child", retry={"max_attempts": 1})
            try:
                await one.outcome()
            except Exception as error:
                told.append(str(error))
        return told

    container.get("registry").register("child", child)
    result = await work(parent)

    assert len(result.result) == 1
    assert "1,000 of 1,000 tokens" in result.result[0]
    assert (await tracker.report("t")).total.input_tokens == 1000


async def test_a_budget_of_the_task_alone_leaves_children_out(container, tracker, work):
    async def grandchild(task):
        await task.step("ask", ask, tracker, 290)

    async def child(task):
        await task.step("ask", ask, tracker, 290)
        one = await task.spawn(title="grandchild", specialist_type="child 2")
        await one.outcome()
        return (await task.costs.check_budget(estimate=Estimate(input_tokens=11))).error

    container.get("registry").register("child 2", grandchild)
    result = await work(child, "child")

    assert "the budget of task 't' does not allow it: 290 of 300" in result.result


async def test_types_without_a_budget_of_their_own_have_that_of_all_others(tracker, work):
    async def handler(task):
        for _ in range(6):
            await task.costs.log_costs()
        return (await task.costs.check_budget()).error

    assert "6 of 5 calls" in (await work(handler, "other")).result


async def test_a_budget_given_at_the_call_is_of_the_task_s_operations_of_that_name(tracker, work):
    await tracker.log_costs("draw")

    async def handler(task):
        async with task.costs.track_operation("draw", budget=Budget(calls=1)):
            pass
        with pytest.raises(BudgetExceeded, match="task 't' for 'draw'"):
            async with task.costs.track_operation("draw", budget=Budget(calls=1)):
                pass

    assert (await work(handler)).success


async def test_a_task_that_is_not_there_has_no_budget(container):
    budgets = container.get("task_budgets")

    assert await budgets.of(TaskId("nobody")) == []
    assert await budgets.of(None) == ()


async def test_costs_go_with_their_task(container, tracker, work, clock):
    async def handler(task):
        await task.step("ask", ask, tracker)

    await work(handler)
    await tracker.log_costs()
    await clock.advance(days=2)
    purged = await container.get("orchestrator").purge(older_than=60)

    assert purged.tasks == 1
    assert (await tracker.total()).calls == 1
    ledger = container.get("cost_ledger")
    assert list(await ledger.groups(CostScope(task_id=TaskId("t")))) == []


async def test_a_step_environment_tells_what_was_spent():
    environment = StepEnvironment(clock=VirtualClock())

    async def handler(task):
        await task.step("ask", ask, environment.costs)
        await task.costs.log_costs(input_tokens=1)

    for _ in range(2):
        await environment.run(handler)

    assert (await environment.costs.total()).input_tokens == 101


def test_the_tracker_of_a_container_is_found_by_its_class(container):
    assert isinstance(container.get("cost_tracker"), CostTracker)
