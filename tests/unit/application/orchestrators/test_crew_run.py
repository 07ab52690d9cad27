"""Crews in memory: who begins when, who fails, who is cut off; and that nobody is left behind."""

import asyncio
import threading
from unittest.mock import AsyncMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vespera import (
    CrewResult,
    DagOrchestrator,
    DirectAdapter,
    ParallelOrchestrator,
    RetryPolicy,
    SequentialOrchestrator,
)
from vespera.application.orchestrators.crew_run import CrewRun
from vespera.domain.agents import side_by_side
from vespera.domain.errors import StepFailed
from vespera.testing import ConcurrencyProbe

pytestmark = pytest.mark.virtual_time


@pytest.fixture
def adapter():
    return DirectAdapter()


def elapsed():
    return asyncio.get_running_loop().time()


async def slow(given):
    await asyncio.sleep(10)
    return f"slow {given}"


async def fails(given):
    raise ConnectionError("down")


async def fails_late(given):
    await asyncio.sleep(5)
    raise ConnectionError("down")


def tidy(late):
    async def works_and_cleans_up(given):
        try:
            for _ in range(3):
                await asyncio.sleep(0)
        finally:
            for _ in range(3 * late):
                await asyncio.sleep(0)

    return works_and_cleans_up


def adding(letter):
    async def add(given):
        return f"{given}{letter}"

    return add


class TestInARow:
    async def test_each_is_given_what_the_one_before_gave(self, adapter):
        for letter in "abc":
            adapter.register_agent(letter, adding(letter))

        result = await SequentialOrchestrator().execute("task ", adapter)

        assert result.success
        assert result.steps_completed == 3
        assert result.values == {"a": "task a", "b": "task ab", "c": "task abc"}
        assert result.value == "task abc"

    async def test_one_at_a_time(self, adapter):
        probe = ConcurrencyProbe()
        for letter in "abc":
            adapter.register_agent(letter, probe(slow))

        await SequentialOrchestrator().execute("task", adapter)

        assert probe.most == 1

    async def test_a_failure_ends_it(self, adapter):
        last = AsyncMock()
        adapter.register_agent("a", adding("a"))
        adapter.register_agent("b", fails)
        adapter.register_agent("c", last)

        result = await SequentialOrchestrator().execute("task ", adapter)

        assert (result.success, result.steps_completed) == (False, 1)
        assert result.error == "b: ConnectionError: down"
        assert [step.status for step in result.steps] == ["done", "failed", "skipped"]
        assert result["b"].error_types == ("ConnectionError", "OSError", "Exception")
        last.assert_not_called()

    async def test_an_optional_failure_is_recorded_and_passed_by(self, adapter):
        adapter.register_agent("a", adding("a"))
        adapter.register_agent("b", fails, optional=True)
        adapter.register_agent("c", adding("c"))

        result = await SequentialOrchestrator().execute("task ", adapter)

        assert result.success
        assert result.values == {"a": "task a", "b": None, "c": "task ac"}
        assert result.errors == {"b": "ConnectionError: down"}
        assert result.steps_completed == 2

    async def test_a_brief_is_made_from_all_before(self, adapter):
        adapter.register_agent("a", adding("a"))
        adapter.register_agent("b", adding("b"))
        adapter.register_agent("c", repr, brief=lambda work: [work.task, *work.values.values()])

        result = await SequentialOrchestrator().execute("task ", adapter)

        assert result.value == "['task ', 'task a', 'task ab']"

    async def test_a_brief_that_raises_fails_its_agent(self, adapter):
        adapter.register_agent("a", adding("a"), brief=lambda work: work.values["nobody"])

        result = await SequentialOrchestrator().execute("task ", adapter)

        assert result.error == "a: KeyError: its brief could not be made: 'nobody'"


class TestSideBySide:
    async def test_all_begin_at_once(self, adapter):
        for name in "abc":
            adapter.register_agent(name, slow)
        began = elapsed()

        result = await ParallelOrchestrator().execute("task", adapter)

        assert elapsed() - began == 10
        assert result.values == dict.fromkeys("abc", "slow task")

    async def test_no_more_than_the_bound_work_at_a_time(self, adapter):
        probe = ConcurrencyProbe()
        for n in range(7):
            adapter.register_agent(f"a{n}", probe(slow))
        began = elapsed()

        await ParallelOrchestrator(max_concurrent=3).execute("task", adapter)

        assert probe.most == 3
        assert elapsed() - began == 30

    async def test_whoever_fails_does_so_alone(self, adapter):
        adapter.register_agent("a", slow)
        adapter.register_agent("b", fails)
        adapter.register_agent("c", slow)

        result = await ParallelOrchestrator().execute("task", adapter)

        assert not result.success
        assert result.values == {"a": "slow task", "b": None, "c": "slow task"}
        assert result.errors == {"b": "ConnectionError: down"}

    async def test_a_failure_cuts_the_others_off_where_that_is_asked_for(self, adapter):
        cleaned = []

        async def tidy(given):
            try:
                return await slow(given)
            finally:
                cleaned.append(given)

        adapter.register_agent("quick", adding("!"))
        adapter.register_agent("slow", tidy)
        adapter.register_agent("fails", fails_late)
        adapter.register_agent("late", fails)
        began = elapsed()

        cutting = ParallelOrchestrator(siblings="cancel", max_concurrent=2)
        result = await cutting.execute("task", adapter)

        assert elapsed() - began == 5
        assert {step.name: step.status for step in result.steps} == {
            "quick": "done",
            "slow": "cancelled",
            "fails": "failed",
            "late": "skipped",
        }
        assert result.error == "fails: ConnectionError: down"
        assert result.errors["slow"] == "it was cut off, as another one had failed"
        assert cleaned == ["task"]

    async def test_an_optional_failure_cuts_nobody_off(self, adapter):
        adapter.register_agent("fails", fails, optional=True)
        adapter.register_agent("slow", slow)

        result = await ParallelOrchestrator(siblings="cancel").execute("task", adapter)

        assert result.success
        assert result.values == {"fails": None, "slow": "slow task"}

    async def test_one_that_will_not_be_cut_off_has_its_way(self, adapter):
        async def stubborn(given):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                return "done all the same"

        adapter.register_agent("stubborn", stubborn)
        adapter.register_agent("fails", fails_late)

        result = await ParallelOrchestrator(siblings="cancel").execute("task", adapter)

        assert result["stubborn"].value == "done all the same"


class SlowRecords:
    """Calls that are recorded slowly: whoever has returned is not done yet."""

    def remembers(self, agent):
        return False

    async def value(self, agent, given, returned):
        if agent.member.name == "fails":
            await asyncio.sleep(1)
            raise StepFailed("fails", "down", ["ConnectionError"])
        if agent.member.name == "returned":
            returned()
        await asyncio.sleep(5)
        return "recorded"


async def test_what_has_returned_and_is_being_recorded_is_not_cut_off(adapter):
    """It will be there on a replay, and so it is now."""
    for name in ("returned", "works", "fails"):
        adapter.register_agent(name, fails)
    plan = side_by_side(adapter.members, max_concurrent=None, siblings="cancel")

    result = await CrewRun(plan, "task", adapter, SlowRecords()).result()

    assert {step.name: step.status for step in result.steps} == {
        "returned": "done",
        "works": "cancelled",
        "fails": "failed",
    }


class TestByDependencies:
    async def test_each_begins_when_those_that_it_waits_for_have_ended(self, adapter):
        began = {}

        def timed(name, seconds):
            async def work(given):
                began[name] = elapsed()
                await asyncio.sleep(seconds)
                return name

            return work

        start = elapsed()
        adapter.register_agent("page", timed("page", 1), depends_on=["audio", "image"])
        adapter.register_agent("image", timed("image", 3), depends_on=["text"])
        adapter.register_agent("audio", timed("audio", 2), depends_on=["text"])
        adapter.register_agent("text", timed("text", 5))
        adapter.register_agent("alone", timed("alone", 20))

        result = await DagOrchestrator().execute("task", adapter)

        assert result.success
        assert {name: at - start for name, at in began.items()} == {
            "text": 0,
            "alone": 0,
            "audio": 5,
            "image": 5,
            "page": 8,
        }

    async def test_it_is_told_what_they_gave(self, adapter):
        adapter.register_agent("a", adding("a"))
        adapter.register_agent("b", adding("b"), depends_on=["a"])
        adapter.register_agent("c", fails, depends_on=["a"], optional=True)
        adapter.register_agent("d", AsyncMock(side_effect=dict), depends_on=["b", "c"])

        result = await DagOrchestrator().execute("task ", adapter)

        assert result["b"].value == "task ab"
        assert result["d"].value == {"b": "task ab", "c": None}

    async def test_those_behind_a_failure_are_skipped_and_no_others(self, adapter):
        adapter.register_agent("a", fails)
        adapter.register_agent("b", adding("b"), depends_on=["a"])
        adapter.register_agent("c", adding("c"), depends_on=["b"], optional=True)
        adapter.register_agent("d", adding("d"))
        adapter.register_agent("e", adding("e"), depends_on=["d"])

        result = await DagOrchestrator().execute("task ", adapter)

        assert {step.name: step.status for step in result.steps} == {
            "a": "failed",
            "b": "skipped",
            "c": "skipped",
            "d": "done",
            "e": "done",
        }
        assert result.error == "a: ConnectionError: down"

    async def test_a_cycle_is_refused_before_anything_runs(self, adapter):
        agent = AsyncMock()
        adapter.register_agent("alone", agent)
        adapter.register_agent("a", agent, depends_on=["b"])
        adapter.register_agent("b", agent, depends_on=["a"])

        result = await DagOrchestrator().execute("task", adapter)

        assert (result.success, result.steps) == (False, ())
        assert "the agents wait for each other: " in str(result.error)
        agent.assert_not_called()

    async def test_an_unknown_name_is_refused_before_anything_runs(self, adapter):
        agent = AsyncMock()
        adapter.register_agent("a", agent, depends_on=["x"])

        result = await DagOrchestrator().execute("task", adapter)

        assert "agent 'a' waits for 'x', which is not registered" in str(result.error)
        agent.assert_not_called()


@pytest.mark.parametrize(
    "orchestrator",
    [
        SequentialOrchestrator(),
        ParallelOrchestrator(),
        ParallelOrchestrator(siblings="cancel"),
        DagOrchestrator(),
    ],
    ids=["sequential", "parallel", "cutting", "dag"],
)
class TestAllOfThem:
    async def test_nobody_is_refused(self, adapter, orchestrator):
        result = await orchestrator.execute("task", adapter)

        told = "adapter: the adapter has no agents; register_agent(name, agent) first"
        assert result == CrewResult(success=False, error=told)

    async def test_an_agent_is_tried_again_as_its_policy_says(self, adapter, orchestrator):
        agent = AsyncMock(side_effect=[ConnectionError("1"), ConnectionError("2"), "third"])
        adapter.register_agent("a", agent, retry=RetryPolicy(max_attempts=3, delay=4))
        began = elapsed()

        result = await orchestrator.execute("task", adapter)

        assert result["a"].value == "third"
        assert elapsed() - began == 4 + 8

    async def test_its_last_error_counts(self, adapter, orchestrator):
        agent = AsyncMock(side_effect=[ConnectionError("1"), ValueError("2"), "third"])
        policy = RetryPolicy(max_attempts=3, delay=0, retry_on=(ConnectionError,))
        adapter.register_agent("a", agent, retry=policy)

        result = await orchestrator.execute("task", adapter)

        assert result.error == "a: ValueError: 2"

    async def test_each_call_has_its_time(self, adapter, orchestrator):
        adapter.register_agent("a", slow, timeout=3, retry=RetryPolicy(max_attempts=2, delay=1))
        began = elapsed()

        result = await orchestrator.execute("task", adapter)

        assert result.error == "a: TaskTimedOut: Agent 'a' took longer than 3 s."
        assert "TimeoutError" in result["a"].error_types
        assert elapsed() - began == 3 + 1 + 3

    async def test_an_agents_own_time_out_is_its_own(self, adapter, orchestrator):
        agent = AsyncMock(side_effect=TimeoutError("the line"))
        adapter.register_agent("a", agent, timeout=3)

        result = await orchestrator.execute("task", adapter)

        assert result.error == "a: TimeoutError: the line"

    async def test_what_is_not_async_runs_in_a_thread(self, adapter, orchestrator):
        adapter.register_agent("a", lambda given: (given, threading.current_thread()))

        result = await orchestrator.execute("task", adapter)

        given, thread = result["a"].value
        assert given == "task"
        assert thread is not threading.main_thread()

    async def test_what_a_function_in_a_thread_gives_is_awaited(self, adapter, orchestrator):
        adapter.register_agent("a", lambda given: slow(f"{given}"))

        assert (await orchestrator.execute("task", adapter))["a"].value == "slow task"

    async def test_a_cancelled_agent_is_no_failed_one(self, adapter, orchestrator):
        """Neither is its cancellation a value, as for ``gather(return_exceptions=True)``."""
        adapter.register_agent("a", AsyncMock(side_effect=asyncio.CancelledError), optional=True)
        adapter.register_agent("b", slow)

        with pytest.raises(asyncio.CancelledError):
            await orchestrator.execute("task", adapter)

    async def test_a_cancelled_caller_takes_everybody_along(self, adapter, orchestrator):
        ended = []

        async def tidy(given):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                ended.append(given)

        adapter.register_agent("a", tidy)
        adapter.register_agent("b", adding("b"))
        running = asyncio.create_task(orchestrator.execute("task", adapter))
        await asyncio.sleep(1)

        running.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await running

        assert ended == ["task"]

    @pytest.mark.parametrize("late", [False, True])
    async def test_cancelled_at_whichever_turn_it_is_cancelled(self, orchestrator, late):
        """And nobody is at work any more; ``late``: whoever is cancelled takes a while to end."""
        for turns in range(40):
            probe, adapter = ConcurrencyProbe(), DirectAdapter()
            for name in "abc":
                adapter.register_agent(name, probe(tidy(late)))
            running = asyncio.create_task(orchestrator.execute("task", adapter))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not running.cancel():
                break

            await asyncio.wait([running])

            assert running.cancelled()
            assert probe.now == 0
        else:
            raise AssertionError("it never ended")
        assert turns > 5

    async def test_a_time_limit_around_it_holds(self, adapter, orchestrator):
        adapter.register_agent("a", slow)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(orchestrator.execute("task", adapter), timeout=1)

    async def test_whoever_cancels_again_breaks_the_cleaning_up_off(self, adapter, orchestrator):
        async def hangs(given):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.Event().wait()

        adapter.register_agent("a", hangs)
        running = asyncio.create_task(orchestrator.execute("task", adapter))
        for _ in range(2):
            await asyncio.sleep(1)
            running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running

    async def test_an_undo_needs_a_durable_task(self, adapter, orchestrator):
        agent = AsyncMock()
        adapter.register_agent("a", agent, undo=print)

        result = await orchestrator.execute("task", adapter)

        assert "agent 'a' has an undo, which needs a durable task" in str(result.error)
        agent.assert_not_called()

    async def test_fields_of_a_task_need_one(self, adapter, orchestrator):
        adapter.register_agent("a", slow)

        result = await orchestrator.execute("task", adapter, idempotency_key="k")

        assert "idempotency_key: a task has that" in str(result.error)


def shuffled_graphs():
    """Graphs of up to eight agents, each with what it waits for, registered in any order."""
    names = "abcdefgh"

    def with_edges(size):
        edges = [
            st.lists(st.sampled_from(names[:at]), unique=True) if at else st.just([])
            for at in range(size)
        ]
        return st.tuples(*edges)

    return (
        st.integers(1, len(names))
        .flatmap(with_edges)
        .flatmap(lambda edges: st.permutations(list(zip(names, edges, strict=False))))
    )


def expected(graph, failing, optional):
    """What must come of each, said in another way: by going back through the graph."""
    edges = dict(graph)

    def status(name):
        if all(status(n) == "done" or passes(n) for n in edges[name]):
            return "failed" if name in failing else "done"
        return "skipped"

    def passes(name):
        return status(name) == "failed" and name in optional

    return {name: status(name) for name, _ in graph}


@settings(max_examples=40)
@given(
    shuffled_graphs(),
    st.sets(st.sampled_from("abcdefgh")),
    st.sets(st.sampled_from("abcdefgh")),
    st.one_of(st.none(), st.integers(1, 3)),
)
async def test_any_graph_goes_as_its_model_says(graph, failing, optional, bound):
    ended, probe, adapter = [], ConcurrencyProbe(), DirectAdapter()

    def agent(name, needed):
        async def work(given):
            assert {*needed} <= {*ended}
            await asyncio.sleep(ord(name) % 3)
            ended.append(name)
            if name in failing:
                raise ConnectionError(name)
            return name

        return work

    for name, needed in graph:
        work = probe(agent(name, needed))
        adapter.register_agent(name, work, depends_on=needed, optional=name in optional)

    result = await DagOrchestrator(max_concurrent=bound).execute("task", adapter)

    model = expected(graph, failing, optional)
    assert {step.name: step.status for step in result.steps} == model
    assert result.success == all(
        status == "done" or name in optional for name, status in model.items()
    )
    assert len(ended) == len({*ended})
    assert bound is None or probe.most <= bound
