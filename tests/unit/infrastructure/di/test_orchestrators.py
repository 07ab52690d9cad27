"""Orchestrators of a container: they find what runs tasks, though that may need them."""

import gc
from unittest.mock import AsyncMock
from weakref import ref

from vespera import (
    AgentCrew,
    Container,
    DagOrchestrator,
    DirectAdapter,
    ParallelOrchestrator,
    SequentialOrchestrator,
    TaskExecutionWorkflow,
    TaskResult,
    providers,
)


def crew():
    adapter = DirectAdapter("crew")
    adapter.register_agent("a", AsyncMock(return_value="done"))
    return adapter


class Leader:
    """A specialist that has an orchestrator of the container."""

    def __init__(self, *, orchestrator):
        self._orchestrator = orchestrator

    async def execute(self, task):
        return (await self._orchestrator.execute("it", crew(), within=task)).value


class Led(Container):
    specialists = providers.Aggregate(
        leader=providers.Factory(Leader, orchestrator=Container.sequential_orchestrator),
        crew=providers.Factory(AgentCrew, Container.dag_orchestrator, providers.Callable(crew)),
    )


async def test_specialists_have_orchestrators_though_these_run_tasks_of_specialists():
    async with Led() as container:
        workflow = container.get(TaskExecutionWorkflow)
        led = await workflow.run(title="A", specialist_type="leader")
        crewed = await workflow.run(title="B", specialist_type="crew")
        own = await container.get(ParallelOrchestrator).execute("it", DirectAdapter())

    assert led.result == "done"
    assert crewed.result.value == "done"
    assert "register_agent" in own.error


async def test_there_is_one_of_each():
    async with Container() as container:
        for kind in (SequentialOrchestrator, ParallelOrchestrator, DagOrchestrator):
            assert container.get(kind) is container.get(kind)


async def test_an_override_reaches_crews():
    workflow = AsyncMock(spec=TaskExecutionWorkflow)
    workflow.run.return_value = TaskResult(success=False, error="not today")
    async with Container() as container:
        orchestrator = container.get(SequentialOrchestrator)
        with container.override(TaskExecutionWorkflow, workflow):
            refused = await orchestrator.execute("it", crew())
        done = await orchestrator.execute("it", crew())

    assert refused.error == "not today"
    assert done.value == "done"


async def test_two_containers_do_not_share_their_crews():
    async with Container() as one, Container() as other:
        first = await one.get(SequentialOrchestrator).execute("it", crew())
        stands = await other.get(TaskExecutionWorkflow).get_task_status(first.task_id)

    assert not stands.success


async def test_an_orchestrator_works_while_somebody_has_it_and_keeps_no_container():
    container = Container()
    orchestrator, forgotten = container.get(SequentialOrchestrator), ref(container)
    await container.cleanup_async_services()

    del container
    gc.collect()

    assert orchestrator is not None
    assert forgotten() is None
