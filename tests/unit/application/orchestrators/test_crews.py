"""Crews on durable tasks: as steps of one, as tasks of their own, and as specialists."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from vespera import (
    AgentCrew,
    DagOrchestrator,
    DirectAdapter,
    ParallelOrchestrator,
    RetryPolicy,
    SequentialOrchestrator,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    TaskRequest,
    TaskResult,
)
from vespera.application.orchestrators.crews import CrewTasks
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase

KINDS = [SequentialOrchestrator, ParallelOrchestrator, DagOrchestrator]


def agent(*gives):
    return AsyncMock(side_effect=gives)


def crew_of(name=None, **agents):
    adapter = DirectAdapter(name)
    for each, called in agents.items():
        adapter.register_agent(each, called)
    return adapter


async def recorded(container, task_id):
    shown = await container.get(InspectTasksUseCase).show_task(task_id)
    return [step.name for step in shown.details.steps]


@pytest.fixture
def run(container, specialists):
    """Run a handler as a task, and look at how it stands."""

    async def run(handler, **fields) -> TaskResult:
        specialists.register("coder", handler)
        workflow = container.get(TaskExecutionWorkflow)
        return await workflow.run(title="A", specialist_type="coder", **fields)

    return run


class Gate:
    """An agent that stays at its work in the first life."""

    def __init__(self):
        self.reached, self.calls = asyncio.Event(), 0

    async def __call__(self, given):
        self.calls += 1
        self.reached.set()
        if self.calls == 1:
            await asyncio.Event().wait()
        return f"reviewed {given}"


@pytest.mark.parametrize("kind", KINDS)
class TestWithinAHandler:
    async def test_agents_are_steps(self, container, run, kind):
        adapter = crew_of(generator=agent("code"), reviewer=agent("fine"))

        async def handler(task):
            result = await kind().execute("idea", adapter, within=task)
            assert result.success, result.error
            return dict(result.values)

        ended = await run(handler)

        assert ended.result == {"generator": "code", "reviewer": "fine"}
        assert await recorded(container, ended.task_id) == ["generator", "reviewer"]

    async def test_the_context_may_be_the_task(self, run, kind):
        told = agent("code")

        async def handler(task):
            return (await kind().execute(task, crew_of(a=told))).value

        assert (await run(handler, payload={"task": "idea"})).result == "code"
        told.assert_awaited_once_with("idea")

    async def test_a_payload_without_a_task_is_told_as_a_whole(self, run, kind):
        told = agent("code")

        async def handler(task):
            return (await kind().execute(task, crew_of(a=told))).value

        await run(handler, payload={"prompt": "idea", "size": 3})

        told.assert_awaited_once_with({"prompt": "idea", "size": 3})

    async def test_finished_agents_are_not_called_again(self, container, run, kind):
        generator, gate = agent("code"), Gate()

        async def handler(task):
            adapter = crew_of(generator=generator, reviewer=gate)
            return await kind().execute("idea", adapter, within=task)

        first = asyncio.create_task(run(handler, task_id="t"))
        await gate.reached.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        ended = await container.get(TaskExecutionWorkflow).execute_task("t")

        assert ended.result.success, ended.error
        assert ended.attempt == 2
        assert ended.result.value.startswith("reviewed")
        generator.assert_awaited_once()

    async def test_an_optional_failure_is_remembered_after_an_interruption(
        self, container, run, kind
    ):
        shaky, gate = agent(ConnectionError("down"), "late"), Gate()

        async def handler(task):
            adapter = DirectAdapter()
            adapter.register_agent("shaky", shaky, optional=True)
            adapter.register_agent("gate", gate)
            return await kind().execute("idea", adapter, within=task)

        first = asyncio.create_task(run(handler, task_id="t"))
        await gate.reached.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        ended = await container.get(TaskExecutionWorkflow).execute_task("t")

        assert ended.result["shaky"].error == "ConnectionError: down"
        assert ended.result.value == "reviewed idea"
        shaky.assert_awaited_once()

    async def test_a_retry_of_the_task_calls_those_that_failed(self, run, kind):
        good, bad = agent("code"), agent(ConnectionError("down"), "fine")

        async def handler(task):
            result = await kind().execute("idea", crew_of(good=good, bad=bad), within=task)
            if not result.success:
                raise RuntimeError(result.error)
            return result.value

        ended = await run(handler, retry=RetryPolicy(max_attempts=2, delay=5))

        assert ended.result == "fine"
        good.assert_awaited_once()

    async def test_a_cancelled_agent_fails_the_task_and_is_no_value(self, run, kind):
        adapter = DirectAdapter()
        adapter.register_agent("a", agent(asyncio.CancelledError), optional=True)

        async def handler(task):
            return await kind().execute("idea", adapter, within=task)

        ended = await run(handler)

        assert not ended.success
        assert "CancelledInside" in ended.error

    async def test_two_crews_of_the_same_agents_are_told_apart(self, run, kind):
        adapter = crew_of(a=agent("first", "second"))

        async def handler(task):
            return [(await kind().execute(n, adapter, within=task)).value for n in range(2)]

        assert (await run(handler)).result == ["first", "second"]

    async def test_what_cannot_be_stored_is_a_failure_of_its_agent(self, run, kind):
        async def handler(task):
            result = await kind().execute("idea", crew_of(a=agent(object())), within=task)
            return result.error

        assert "UnstorableValue" in (await run(handler)).result

    async def test_fields_of_a_task_are_refused(self, run, kind):
        async def handler(task):
            adapter = crew_of(a=agent())
            return (await kind().execute("idea", adapter, within=task, priority=3)).error

        assert "priority: a task has that" in (await run(handler)).result

    async def test_a_crew_inside_a_step_is_refused(self, run, kind):
        """Its agents would be steps within a step, which a replay does not call."""

        async def handler(task):
            adapter = crew_of(a=agent("code"))
            return await task.step("crew", kind().execute, "idea", adapter, within=task)

        ended = await run(handler)

        assert "step 'a' is asked for inside step 'crew'" in ended.error

    async def test_agents_are_undone_if_the_task_fails(self, run, kind):
        undone, adapter = [], DirectAdapter()
        adapter.register_agent("a", agent("flight"), undo=undone.append)
        adapter.register_agent("b", agent(ConnectionError("full")))

        async def handler(task):
            result = await kind().execute("idea", adapter, within=task)
            raise RuntimeError(result.error)

        assert not (await run(handler)).success
        assert undone == ["flight"]


class TestCuttingOff:
    async def test_a_replay_cuts_off_as_the_first_attempt_did(self, run):
        """Those that had not begun when an agent failed are not called on a replay either."""
        bad, late, gate = agent(ConnectionError("down")), agent("late"), Gate()
        orchestrator = ParallelOrchestrator(siblings="cancel", max_concurrent=1)
        results = []

        async def handler(task):
            adapter = crew_of(good=agent("good"), bad=bad, late=late)
            results.append(await orchestrator.execute("idea", adapter, within=task))
            return await task.step("gate", gate, "it")

        first = asyncio.create_task(run(handler, task_id="t"))
        await gate.reached.wait()
        first.cancel()
        await asyncio.wait([first])
        await run(handler, idempotency_key="other")

        assert results[0]["late"].status == "skipped"
        late.assert_not_called()

    async def test_a_replay_asks_for_all_that_was_recorded_behind_the_failure(self, container, run):
        """There the failure comes at once, and must not cut off those that had an end before."""
        failing, results, gate = asyncio.Event(), [], Gate()

        async def bad(given):
            for _ in range(50):  # until the first one has made room for the late one
                await asyncio.sleep(0)
            failing.set()
            raise ConnectionError("down")

        async def late(given):
            await failing.wait()
            return "late"

        async def handler(task):
            orchestrator = ParallelOrchestrator(siblings="cancel", max_concurrent=2)
            adapter = crew_of(first=agent("first"), bad=bad, late=late)
            results.append(await orchestrator.execute("idea", adapter, within=task))
            await task.step("gate", gate, "it")

        first = asyncio.create_task(run(handler, task_id="t"))
        await gate.reached.wait()
        first.cancel()
        await asyncio.wait([first])
        ended = await container.get(TaskExecutionWorkflow).execute_task("t")

        assert ended.success, ended.error
        assert results[0] == results[1]
        assert results[0].values == {"first": "first", "bad": None, "late": "late"}

    async def test_what_was_done_while_another_one_failed_counts(self, container, run):
        """Its work is done and is being recorded: on a replay it will be there, so it is now."""
        results, both = [], asyncio.Barrier(2)

        async def good(given):
            await both.wait()
            return "good"

        async def bad(given):
            await both.wait()
            raise ConnectionError("down")

        async def handler(task):
            orchestrator = ParallelOrchestrator(siblings="cancel")
            adapter = crew_of(bad=bad, good=good)
            results.append(await orchestrator.execute("idea", adapter, within=task))

        await run(handler)

        assert [step.status for step in results[0].steps] == ["failed", "done"]

    async def test_what_a_thread_gave_counts_as_well(self, run):
        results = []

        async def handler(task):
            orchestrator = ParallelOrchestrator(siblings="cancel", max_concurrent=1)
            adapter = crew_of(good=str.upper, bad=agent(ConnectionError("down")))
            results.append(await orchestrator.execute("idea", adapter, within=task))

        await run(handler)

        assert results[0].values == {"good": "IDEA", "bad": None}


@pytest.mark.parametrize("kind", KINDS)
class TestATaskOfItsOwn:
    async def test_agents_are_steps_of_a_task_that_completes_by_itself(self, container, kind):
        adapter = crew_of(generator=agent("code"), reviewer=agent("fine"))

        result = await container.get(kind).execute("idea", adapter)

        assert result.success
        assert result.values == {"generator": "code", "reviewer": "fine"}
        stands = await container.get(TaskExecutionWorkflow).get_task_status(result.task_id)
        assert stands.completed
        assert stands.outcome.summary == "2 of 2 agents are done"
        assert await recorded(container, result.task_id) == ["generator", "reviewer"]

    async def test_the_same_key_gives_what_came_of_it(self, container, kind):
        asked = {"idempotency_key": "k"}
        adapter = crew_of(a=agent("code"), b=agent("fine"))
        first = await container.get(kind).execute("idea", adapter, **asked)

        again = await container.get(kind).execute("idea", adapter, **asked)

        assert again == first
        assert again.values == {"a": "code", "b": "fine"}

    async def test_the_same_key_tells_a_failure_again(self, container, kind):
        adapter = DirectAdapter()
        adapter.register_agent("a", agent(OSError("gone")), optional=True)
        adapter.register_agent("b", agent(ConnectionError("down")))
        asked = {"idempotency_key": "k"}
        first = await container.get(kind).execute("idea", adapter, **asked)

        again = await container.get(kind).execute("idea", adapter, **asked)

        assert first.error == "b: ConnectionError: down"
        assert again == first
        stands = await container.get(TaskExecutionWorkflow).get_task_status(first.task_id)
        assert stands.error == "CrewFailed: b: ConnectionError: down"

    async def test_the_same_key_for_other_work_is_refused(self, container, kind):
        adapter = crew_of(a=agent("code"))
        await container.get(kind).execute("idea", adapter, idempotency_key="k")

        result = await container.get(kind).execute("another", adapter, idempotency_key="k")

        assert not result.success
        assert "idempotency_key: 'k' belongs to task" in result.error
        assert result.steps == ()

    async def test_two_callers_with_the_same_key_share_one_run(self, container, kind):
        adapter = crew_of(a=agent("code"))
        execute = container.get(kind).execute

        first, second = await asyncio.gather(
            execute("idea", adapter, idempotency_key="k"),
            execute("idea", adapter, idempotency_key="k"),
        )

        assert first == second
        assert first.value == "code"

    async def test_crews_of_the_same_names_at_a_time_do_not_mix(self, container, kind):
        async def one(n):
            result = await container.get(kind).execute(n, crew_of(a=agent(f"code {n}")))
            return result.value

        assert await asyncio.gather(*map(one, range(5))) == [f"code {n}" for n in range(5)]

    async def test_what_was_interrupted_goes_on_when_it_is_asked_for_again(self, container, kind):
        generator, gate = agent("code"), Gate()
        adapter = crew_of(generator=generator, reviewer=gate)
        execute = container.get(kind).execute
        first = asyncio.create_task(execute("idea", adapter, idempotency_key="k"))
        await gate.reached.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

        result = await execute("idea", adapter, idempotency_key="k")

        assert result.success
        assert result["generator"].value == "code"
        generator.assert_awaited_once()

    async def test_one_that_another_process_could_not_do_goes_on_here(self, container, kind):
        """A worker that does not know the crew hands its task out: to whoever asks for it."""
        adapter = crew_of("code crew", a=agent("code"))
        request = TaskRequest(
            title="code crew",
            specialist_type="code crew",
            payload={"task": "idea"},
            idempotency_key="k",
            completion="auto",
        )
        workflow = container.get(TaskExecutionWorkflow)
        created = await workflow.create_task(request)
        assert (await workflow.execute_task(created.task_id)).status == "assigned"

        result = await container.get(kind).execute("idea", adapter, idempotency_key="k")

        assert result.value == "code"
        assert result.task_id == created.task_id

    async def test_after_a_restart_a_worker_goes_on_with_the_last_crew_of_the_name(
        self, container, kind
    ):
        """Nobody waits for the task any more; who is asked for the next one does it, too."""
        gate = Gate()
        execute, orchestrator = container.get(kind).execute, container.get(TaskOrchestrator)
        first = asyncio.create_task(execute("idea", crew_of("c", a=gate), task_id="t"))
        await gate.reached.wait()
        first.cancel()
        await asyncio.wait([first])
        await execute("more", crew_of("c", a=gate))

        await orchestrator.run_until_idle()

        assert (await orchestrator.get_task_status("t")).completed
        assert gate.calls == 3

    async def test_a_cancelled_agent_is_a_cancellation(self, container, kind):
        adapter = crew_of(a=agent(asyncio.CancelledError))

        with pytest.raises(asyncio.CancelledError):
            await container.get(kind).execute("idea", adapter)

    async def test_what_cannot_be_stored_is_refused(self, container, kind):
        adapter = crew_of(a=agent("code"))

        result = await container.get(kind).execute(object(), adapter)

        assert (result.success, result.steps) == (False, ())
        assert "payload" in result.error

    async def test_a_wrong_field_is_refused(self, container, kind):
        adapter = crew_of(a=agent("code"))

        result = await container.get(kind).execute("idea", adapter, prioritty=3)

        assert "prioritty" in result.error

    async def test_a_crew_of_nobody_is_refused(self, container, kind):
        result = await container.get(kind).execute("idea", DirectAdapter())

        assert "register_agent" in result.error

    async def test_a_specialist_of_the_container_keeps_its_name(self, container, specialists, kind):
        specialists.register("coder", print)

        result = await container.get(kind).execute("idea", crew_of("coder", a=agent("code")))

        assert "'coder' is a specialist of the container" in result.error

    async def test_a_type_of_all_types_is_refused(self, container, kind):
        result = await container.get(kind).execute("idea", crew_of("*", a=agent("code")))

        assert "stands for all types" in result.error

    async def test_its_retries_call_those_that_failed(self, container, kind):
        good, bad = agent("code"), agent(ConnectionError("down"), "fine")

        result = await container.get(kind).execute(
            "idea", crew_of(good=good, bad=bad), retry=RetryPolicy(max_attempts=2, delay=3)
        )

        assert result.success
        assert result["bad"].value == "fine"
        good.assert_awaited_once()

    async def test_a_task_that_takes_too_long_tells_what_was_done(self, container, kind):
        adapter = crew_of(good=agent("code"), slow=Gate())

        result = await container.get(kind).execute("idea", adapter, timeout=5)

        assert not result.success
        assert "TaskTimedOut" in result.error or "not begun" in result.error
        assert result["good"].value == "code"
        assert result["slow"].status == "skipped"


class TestAsASpecialist:
    async def test_the_task_has_the_result(self, container, run):
        crew = AgentCrew(container.get(SequentialOrchestrator), crew_of(a=agent("code")))

        ended = await run(crew, payload={"task": "idea"})

        assert ended.completed
        assert ended.outcome.summary == "1 of 1 agents are done"
        assert ended.result.value == "code"
        assert ended.result.task_id is None

    async def test_a_failure_fails_the_task(self, run):
        crew = AgentCrew(ParallelOrchestrator(), crew_of(a=agent(ConnectionError("down"))))

        ended = await run(crew, payload={"task": "idea"})

        assert ended.status == "failed"
        assert ended.error == "CrewFailed: a: ConnectionError: down"

    async def test_a_crew_that_is_refused_fails_the_task(self, run):
        ended = await run(AgentCrew(DagOrchestrator(), DirectAdapter()))

        assert "CrewFailed" in ended.error
        assert "register_agent" in ended.error


async def test_crews_that_are_over_are_forgotten(container):
    tasks = container.get(CrewTasks)

    await container.get(SequentialOrchestrator).execute("idea", crew_of(a=agent("code")))

    assert tasks._asked == {}


@pytest.mark.parametrize("adapter", [None, {"a": print}, "a"])
async def test_what_is_no_adapter_is_refused(container, adapter):
    for orchestrator in (SequentialOrchestrator(), container.get(SequentialOrchestrator)):
        result = await orchestrator.execute("a task", adapter)

        assert not result.success
        assert "adapter: must be a DirectAdapter" in result.error


async def test_what_is_no_task_to_be_within_is_refused():
    result = await SequentialOrchestrator().execute("a task", crew_of(a=agent(1)), within="t")

    assert not result.success
    assert "within: must be the TaskContext of a handler, not str" in result.error
