"""A history is replayed with nothing done; a handler that goes another way is told what differs."""

import asyncio
import contextlib
import copy
import json
from dataclasses import dataclass
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskOutcome, providers, versioned
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest, NonDeterministicTask, StepFailed
from vespera.domain.retry import RetryPolicy
from vespera.testing import TestingError, replay


@dataclass(frozen=True)
class Price:
    cents: int


def forbidden(*_args):
    raise AssertionError("a replay calls nothing")


def price():
    return Price(150)


async def checkout(task: TaskContext, call=forbidden):
    """What the histories were recorded by, if ``call`` does something."""
    cost = await task.step("price", call, "price")
    try:
        await task.step("refuse", call, "refuse")
    except StepFailed:
        cost = Price(cost.cents + 1)
    async with asyncio.TaskGroup() as group:
        left = group.create_task(task.step("left", call, "left"))
        right = group.create_task(task.step("right", call, "right"))
    word = await task.wait_for_signal("word")
    await task.now()
    return TaskOutcome(summary=word, result=(cost, left.result(), right.result(), task.uuid()))


def does(what: str) -> object:
    if what == "refuse":
        raise ValueError("no")
    return price() if what == "price" else what


async def shop(task: TaskContext):
    return await checkout(task, does)


async def recorded(specialist, *, until="completed", title="Order", **request):
    """The history of a task that this specialist has done, as it is after it was a file."""
    async with Container(linger_seconds=None) as container:
        container.get(Specialists).register("shop", specialist)
        orchestrator = container.get(TaskOrchestrator)
        asked = {"title": title, "specialist_type": "shop", "completion": "auto", **request}
        task_id = str((await orchestrator.create_task(asked)).task_id)
        await orchestrator.start()
        while (await orchestrator.get_task_status(task_id)).status != "waiting":
            if (await orchestrator.get_task_status(task_id)).finished:
                return json.loads(json.dumps(await orchestrator.export_task(task_id)))
            await asyncio.sleep(0)
        if until == "completed":
            await orchestrator.signal(task_id, "word", "thanks")
            await orchestrator.wait_for_completion(task_id)
        return json.loads(json.dumps(await orchestrator.export_task(task_id)))


async def test_the_same_code_goes_the_same_way_and_nothing_is_called():
    replayed = await replay(await recorded(shop), checkout)

    assert replayed.outcome == replayed.recorded
    assert replayed.outcome.result[:3] == (Price(151), "left", "right")
    assert (replayed.stops_at, replayed.error) == ((), None)


async def test_a_history_that_has_not_ended_stops_where_it_waits():
    replayed = await replay(await recorded(shop, until="waiting"), checkout)

    assert replayed.stops_at == ("signal:word",)
    assert (replayed.outcome, replayed.recorded) == (None, None)


async def test_a_running_task_stops_at_the_step_that_comes_next():
    history = await recorded(shop, until="waiting")
    history["steps"] = history["steps"][:2]
    history["task"].update(status="running")
    replayed = await replay(history, checkout)

    assert replayed.stops_at == ("left", "right")


async def test_a_step_that_was_renamed_is_told_with_the_one_asked_for_instead():
    async def renamed(task):
        await task.step("cost", forbidden)

    with pytest.raises(NonDeterministicTask) as told:
        await replay(await recorded(shop), renamed)

    assert "recorded the step 'price', 'refuse', 'left', 'right', 'signal:word'" in str(told.value)
    assert "it asked for 'cost' instead" in str(told.value)


async def test_a_step_that_is_gone_is_told():
    async def shorter(task):
        await task.step("price", forbidden)

    with pytest.raises(NonDeterministicTask, match=r"recorded the step 'refuse', .* did not ask"):
        await replay(await recorded(shop), shorter)


async def test_a_step_that_is_new_is_told_if_the_task_is_complete():
    async def longer(task):
        outcome = await checkout(task)
        await task.step("thank", forbidden)
        return outcome

    history = await recorded(shop)
    with pytest.raises(NonDeterministicTask, match="asks for the step 'thank', which is not rec"):
        await replay(history, longer)
    assert (await replay(history, longer, added={"thank": 7})).outcome.summary == "thanks"


async def test_a_new_step_in_the_middle_is_told_also_of_a_task_that_goes_on():
    async def longer(task):
        await task.step("greet", forbidden)
        return await checkout(task)

    history = await recorded(shop, until="waiting")
    with pytest.raises(NonDeterministicTask, match=r"'price', .*; it asked for 'greet' instead"):
        await replay(history, longer)
    assert (await replay(history, longer, added={"greet": 7})).stops_at == ("signal:word",)


async def test_a_branch_that_stops_does_not_hide_what_its_neighbours_ask_for():
    async def branches(task):
        async with asyncio.TaskGroup() as group:
            group.create_task(task.wait_for_signal("word"))
            for name in ("price", "left", "right"):
                for _ in range(20):
                    await asyncio.sleep(0)
                group.create_task(task.step(name, forbidden))

    history = await recorded(shop, until="waiting")
    del history["steps"][1]

    assert (await replay(history, branches)).stops_at == ("signal:word",)


async def test_a_change_that_asks_first_goes_the_old_way_with_what_has_passed_it():
    async def patched(task, call=forbidden):
        if await task.patched("greeting"):
            await task.step("greet", call, "greet")
        outcome = await checkout(task, call)
        if await task.patched("thanks"):
            await task.step("thank", call, "thank")
        return outcome

    waiting = await replay(await recorded(shop, until="waiting"), patched)
    assert waiting.stops_at == ("signal:word",)
    with pytest.raises(NonDeterministicTask, match="asks for the step 'thank', which is not rec"):
        await replay(await recorded(shop), patched)
    anew = await recorded(lambda task: patched(task, does))
    assert (await replay(anew, patched)).outcome.summary == "thanks"


async def test_what_the_handler_raises_is_raised():
    async def broken(task):
        await task.step("price", forbidden)
        raise KeyError("today")

    with pytest.raises(KeyError, match="today"):
        await replay(await recorded(shop), broken)


async def test_a_task_that_had_failed_fails_again():
    async def failing(task, call=does):
        await task.step("refuse", call, "refuse", undo=print)

    history = await recorded(failing)
    replayed = await replay(history, failing)

    assert history["task"]["status"] == "failed"
    assert isinstance(replayed.error, StepFailed)
    assert (replayed.outcome, replayed.stops_at) == (None, ())


async def test_what_was_undone_is_no_step_of_the_handler():
    async def undone(task, call=does):
        await task.step("price", call, "price", undo=lambda _: None)
        raise ValueError("after all")

    history = await recorded(undone)
    assert [step["name"] for step in history["steps"]] == ["price", "undo:", "undo:price"]

    replayed = await replay(history, undone)
    assert isinstance(replayed.error, ValueError)


async def test_a_failed_step_is_asked_again_where_an_attempt_is_to_follow():
    async def failing(task):
        await task.step("price", does, "price")
        await task.step("refuse", does, "refuse")

    retry = RetryPolicy(max_attempts=2, delay=1000, max_delay=1000)
    async with Container() as container:
        container.get(Specialists).register("shop", failing)
        orchestrator = container.get(TaskOrchestrator)
        created = await orchestrator.create_task(title="A", specialist_type="shop", retry=retry)
        await orchestrator.start()
        while not (await orchestrator.get_task_status(str(created.task_id))).failures:
            await asyncio.sleep(0)
        history = await orchestrator.export_task(str(created.task_id))

    assert (await replay(history, failing)).stops_at == ("refuse",)


async def test_children_and_waits_give_what_they_gave():
    async def child(_task):
        return 7

    async def parent(task):
        spawned = await task.spawn(title="child", specialist_type="child", returns=int)
        await task.sleep(0.001)
        return await spawned.result() + 1

    async with Container() as container:
        for name, specialist in (("child", child), ("parent", parent)):
            container.get(Specialists).register(name, specialist)
        orchestrator = container.get(TaskOrchestrator)
        done = await orchestrator.run(title="p", specialist_type="parent")
        history = await orchestrator.export_task(str(done.task_id))

    replayed = await replay(history, parent)
    assert replayed.outcome == replayed.recorded == TaskOutcome(result=8)
    before = copy.deepcopy(history)
    before["task"].update(status="running", outcome=None)
    before["steps"] = []
    assert (await replay(before, parent)).stops_at == ("spawn:child",)


async def test_dependencies_are_those_that_are_given():
    async def first(_task):
        return 1

    async def second(task):
        (outcome,) = (await task.dependencies()).values()
        return outcome.result + 1

    async with Container() as container:
        for name, specialist in (("first", first), ("second", second)):
            container.get(Specialists).register(name, specialist)
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.run(title="f", specialist_type="first", task_id="f")
        await orchestrator.run(title="s", specialist_type="second", task_id="s", depends_on=["f"])
        history = await orchestrator.export_task("s")

    replayed = await replay(history, second, dependencies={"f": TaskOutcome(result=1)})
    assert replayed.outcome == replayed.recorded
    with pytest.raises(TestingError, match="Give dependencies="):
        await replay(history, second)


async def test_a_container_gives_the_specialist_with_its_parts():
    class Shop:
        def __init__(self, post):
            self.post = post

        async def execute(self, task):
            return await checkout(task, self.post)

    class Shops(Container):
        post = providers.Singleton(AsyncMock, side_effect=forbidden)
        specialists = providers.Aggregate(shop=providers.Factory(Shop, post=post))

    history = await recorded(shop)
    async with Shops() as container:
        replayed = await replay(history, container)
        with pytest.raises(TestingError, match="No specialist does 'shops' \\(similar: shop\\)"):
            history["task"]["specialist_type"] = "shops"
            await replay(history, container)

    assert replayed.outcome == replayed.recorded


async def test_of_several_versions_the_one_goes_on_that_has_begun_the_task():
    async def other(task):
        await task.step("other", forbidden)

    history = await recorded(versioned(shop, "1"))
    assert history["task"]["handler_version"] == "1"

    both = [versioned(other, "2"), versioned(checkout, "1")]
    assert (await replay(history, both)).outcome.summary == "thanks"
    with pytest.raises(NonDeterministicTask):
        await replay(history, versioned(other, "2"))
    async with Container() as container:
        container.get(Specialists).register("shop", versioned(other, "2"))
        with pytest.raises(TestingError, match="Version '1' of 'shop' is not here, only '2'"):
            await replay(history, container)


async def test_what_is_no_specialist_is_refused():
    history = await recorded(shop)

    with pytest.raises(InvalidRequest, match="must be an object with a method"):
        await replay(history, 7)
    with pytest.raises(TestingError, match="give a container, as Container\\(\\), not its class"):
        await replay(history, Container)


async def test_a_redacted_or_damaged_history_is_refused():
    history = await recorded(shop)

    with pytest.raises(InvalidRequest, match="redacted: "):
        await replay({**history, "redacted": True}, checkout)
    with pytest.raises(InvalidRequest, match=r"steps\[0\]\.seq: must be a whole number"):
        history["steps"][0]["seq"] = "first"
        await replay(history, checkout)


async def test_a_handler_that_cleans_up_by_a_step_ends_all_the_same():
    async def tidy(task):
        try:
            await checkout(task)
        finally:
            await task.step("tidy up", forbidden)

    replayed = await replay(await recorded(shop, until="waiting"), tidy)
    assert replayed.stops_at == ("signal:word",)


async def test_a_handler_that_takes_no_end_is_told():
    released, call = asyncio.Event(), []

    async def stubborn(task):
        call.append(asyncio.current_task())
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await task.step("price", forbidden)
                await released.wait()
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    history = await recorded(shop, until="waiting")
    history["steps"] = []
    history["task"].update(status="running")
    with pytest.raises(TestingError, match="does not end when it is cancelled"):
        await replay(history, stubborn)
    released.set()
    await asyncio.wait(call)


async def test_what_was_recorded_while_a_resource_was_held_is_replayed_without_one():
    async def hold(task: TaskContext, call=does):
        async with task.resources.create_session() as session:
            scratch = await session.create_resource()
            await task.step("work", call, "work")
            await task.costs.log_costs(money=1)
            await session.release(scratch.id)
        async with task.resources.create_resource() as scratch:
            await task.step("more", call, scratch.resource_type)

    history = await recorded(hold)

    async def held(task: TaskContext):
        await hold(task, forbidden)

    replayed = await replay(history, held)
    assert (replayed.stops_at, replayed.error) == ((), None)
    assert replayed.outcome == replayed.recorded


@pytest.mark.parametrize("by_itself", [True, False])
async def test_what_a_resource_is_asked_is_not_known(by_itself):
    async def hold(task: TaskContext):
        async with task.resources.create_session() as session:
            scratch = await session.create_resource()
            asked = scratch if by_itself else session
            more = () if by_itself else (scratch.id,)
            await asked.execute_operation(*more, operation="names")
        await task.step("work", does, "work")

    with pytest.raises(TestingError, match=r"'names'.*was not recorded"):
        await replay(await recorded(hold), hold)
