"""Crews as a type checker sees them."""

from collections.abc import Mapping, Sequence
from typing import assert_type

from vespera import (
    AgentCrew,
    AgentOutcome,
    Container,
    CrewResult,
    CrewWork,
    DagOrchestrator,
    DirectAdapter,
    ParallelOrchestrator,
    RetryPolicy,
    SequentialOrchestrator,
    TaskContext,
    TaskOutcome,
    providers,
)


class Writer:
    async def write(self, premise: str) -> str:
        return premise


async def speak(text: str) -> bytes:
    return text.encode()


def told(work: CrewWork) -> object:
    assert_type(work.values, Mapping[str, object])
    return work.task


def crew() -> DirectAdapter:
    adapter = DirectAdapter("story")
    adapter.register_agent("text", Writer(), method="write", retry=RetryPolicy(), timeout=3)
    adapter.register_agent("audio", speak, depends_on=["text"], optional=True, brief=told)
    adapter.register_agent("size", len, undo=print)
    return adapter


async def run(container: Container, task: TaskContext) -> TaskOutcome:
    for orchestrator in (
        SequentialOrchestrator(),
        ParallelOrchestrator(max_concurrent=None, siblings="cancel"),
        DagOrchestrator(max_concurrent=3),
    ):
        await orchestrator.execute("premise", crew(), within=task)
    durable = container.get(SequentialOrchestrator)
    result = await durable.execute("premise", crew(), idempotency_key="once", timeout=3.0)
    assert_type(result, CrewResult)
    assert_type(result.steps, Sequence[AgentOutcome])
    assert_type(result["text"].error, str | None)
    return await AgentCrew(durable, crew()).execute(task)


class Studio(Container):
    specialists = providers.Aggregate(
        story=providers.Factory(AgentCrew, Container.dag_orchestrator, providers.Callable(crew))
    )
