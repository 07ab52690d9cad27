"""Agents of an SDK, as a project has them that writes code: examples/code_crew."""

from unittest.mock import AsyncMock

import pytest

from code_crew.agents import CodeGeneratorAgent, CodeQualityMetrics, CodeReviewerAgent
from code_crew.generating import CodeGeneratorAdapter
from vespera import (
    Container,
    DagOrchestrator,
    DirectAdapter,
    ModelSwitcherOrchestrator,
    ParallelOrchestrator,
    SequentialOrchestrator,
)


@pytest.fixture
def mock_generator():
    mock_generator = AsyncMock(spec=CodeGeneratorAgent)
    mock_generator.generate_code.return_value = "generated code"
    return mock_generator


@pytest.fixture
def mock_reviewer():
    mock_reviewer = AsyncMock(spec=CodeReviewerAgent)
    mock_reviewer.review_code.return_value = CodeQualityMetrics(score=0.9, issues=[])
    return mock_reviewer


@pytest.fixture
def adapter(mock_generator, mock_reviewer):
    adapter = DirectAdapter()
    adapter.register_agent("generator", mock_generator)
    adapter.register_agent("reviewer", mock_reviewer)
    return adapter


@pytest.mark.asyncio
async def test_sdk_agent_integration(adapter, mock_generator, mock_reviewer):
    orchestrator = SequentialOrchestrator()
    result = await orchestrator.execute("test task", adapter)

    assert result.success
    mock_generator.generate_code.assert_called_once()
    mock_reviewer.review_code.assert_called_once()


@pytest.mark.asyncio
async def test_sequential_orchestration(mock_generator, mock_reviewer):
    orchestrator = SequentialOrchestrator()
    adapter = DirectAdapter()

    adapter.register_agent("generator", mock_generator)
    adapter.register_agent("reviewer", mock_reviewer)

    result = await orchestrator.execute("test task", adapter)

    assert result.success
    assert result.steps_completed == 2


@pytest.mark.asyncio
async def test_code_generator_adapter():
    adapter = CodeGeneratorAdapter(model_name="starcoder")

    result = await adapter.generate_code_with_compression(
        task_description="Write a function", model_name="starcoder", max_tokens=1000
    )

    assert result.success
    assert result.response is not None
    assert result.input_tokens > 0


@pytest.mark.asyncio
async def test_model_switching():
    orchestrator = ModelSwitcherOrchestrator(models=["starcoder", "mistral"])

    available = await orchestrator.check_model_availability("starcoder")
    assert available

    await orchestrator.switch_to_model("mistral")
    current_model = orchestrator.get_current_model()
    assert current_model == "mistral"


@pytest.mark.parametrize("kind", [SequentialOrchestrator, ParallelOrchestrator, DagOrchestrator])
async def test_the_same_out_of_a_container_is_durable(kind, adapter, mock_generator, mock_reviewer):
    async with Container() as container:
        for _ in range(2):
            result = await container.get(kind).execute("test task", adapter, idempotency_key="once")
            assert result.success
            assert result.steps_completed == 2

    mock_generator.generate_code.assert_called_once_with("test task")
    mock_reviewer.review_code.assert_called_once()
