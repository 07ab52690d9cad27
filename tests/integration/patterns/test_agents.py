"""Agents that work one after another: registered by name, called by their own methods."""

import asyncio
import inspect
from dataclasses import dataclass
from unittest.mock import AsyncMock

import pytest

from vespera import DirectAdapter, SequentialOrchestrator
from vespera.testing import mock_client


@dataclass(frozen=True)
class CodeQualityMetrics:
    score: float
    issues: list[str]


class CodeGeneratorAgent:
    def __init__(self):
        self.language = "python"

    async def generate_code(self, task: str) -> str:
        raise NotImplementedError

    def describe(self) -> str:
        raise NotImplementedError


class CodeReviewerAgent:
    async def review_code(self, code: str) -> CodeQualityMetrics:
        raise NotImplementedError


@pytest.fixture
def generator():
    return mock_client(CodeGeneratorAgent, generate_code="generated code", describe="writes code")


@pytest.fixture
def reviewer():
    return mock_client(CodeReviewerAgent, review_code=CodeQualityMetrics(score=0.9, issues=[]))


@pytest.fixture
def adapter(generator, reviewer):
    adapter = DirectAdapter()
    adapter.register_agent("generator", generator)
    adapter.register_agent("reviewer", reviewer)
    return adapter


async def test_each_agent_works_once_and_on_what_the_one_before_made(adapter, generator, reviewer):
    result = await SequentialOrchestrator().execute("test task", adapter)

    assert result.success
    assert result.steps_completed == 2
    assert result.value == CodeQualityMetrics(score=0.9, issues=[])
    generator.generate_code.assert_awaited_once_with("test task")
    reviewer.review_code.assert_awaited_once_with("generated code")


async def test_agents_that_are_plain_mocks_with_a_spec_work_as_well():
    mock_generator = AsyncMock(spec=CodeGeneratorAgent)
    mock_generator.generate_code.return_value = "generated code"
    mock_reviewer = AsyncMock(spec=CodeReviewerAgent)
    mock_reviewer.review_code.return_value = CodeQualityMetrics(score=0.9, issues=[])
    adapter = DirectAdapter()
    adapter.register_agent("generator", mock_generator)
    adapter.register_agent("reviewer", mock_reviewer)

    result = await SequentialOrchestrator().execute("test task", adapter)

    assert result.success
    mock_generator.generate_code.assert_called_once()
    mock_reviewer.review_code.assert_called_once()


async def test_out_of_a_container_each_agent_is_remembered(adapter, generator, async_container):
    orchestrator = async_container.get(SequentialOrchestrator)

    for _ in range(2):
        result = await orchestrator.execute("test task", adapter, idempotency_key="once")

    assert result.value == CodeQualityMetrics(score=0.9, issues=[])
    generator.generate_code.assert_awaited_once_with("test task")


async def test_when_the_first_fails_the_second_is_not_asked(reviewer):
    adapter = DirectAdapter()
    adapter.register_agent(
        "generator", mock_client(CodeGeneratorAgent, generate_code=ConnectionError("no model"))
    )
    adapter.register_agent("reviewer", reviewer)

    result = await SequentialOrchestrator().execute("test task", adapter)

    assert (result.success, result.steps_completed) == (False, 0)
    assert result.error == "generator: ConnectionError: no model"
    reviewer.review_code.assert_not_awaited()


async def test_a_bad_review_is_an_answer_and_no_failure(generator):
    bad = CodeQualityMetrics(score=0.1, issues=["no tests"])
    adapter = DirectAdapter()
    adapter.register_agent("generator", generator)
    adapter.register_agent("reviewer", mock_client(CodeReviewerAgent, review_code=bad))

    result = await SequentialOrchestrator().execute("test task", adapter)

    assert (result.success, result.value) == (True, bad)


async def test_a_cancellation_is_no_failed_step():
    """``except BaseException`` would turn it into a result, and nobody would stop."""
    adapter = DirectAdapter()
    adapter.register_agent(
        "generator", mock_client(CodeGeneratorAgent, generate_code=asyncio.CancelledError())
    )

    with pytest.raises(asyncio.CancelledError):
        await SequentialOrchestrator().execute("test task", adapter)


async def test_a_crew_without_agents_is_refused():
    result = await SequentialOrchestrator().execute("test task", DirectAdapter())

    assert not result.success
    assert "register_agent" in result.error


def test_a_mock_of_an_agent_is_no_function_and_has_nothing_that_the_agent_has_not(generator):
    """``AsyncMock(spec=Agent)`` can be called, and passes for a coroutine function."""
    plain = AsyncMock(spec=CodeGeneratorAgent)
    assert callable(plain)
    assert asyncio.iscoroutinefunction(plain)

    assert isinstance(generator, CodeGeneratorAgent)
    assert not callable(generator)
    assert not inspect.iscoroutinefunction(generator)
    assert not hasattr(generator, "review_code")


def test_a_method_that_is_not_async_stays_so(generator):
    """An unspecified ``AsyncMock().describe()`` is a coroutine, which is true, and no text."""
    assert generator.describe() == "writes code"


def test_what_the_constructor_sets_must_be_set_on_the_mock(generator):
    """A spec is a class, and a class does not know what ``__init__`` will do."""
    assert not hasattr(generator, "language")

    generator.language = "python"

    assert generator.language == "python"
