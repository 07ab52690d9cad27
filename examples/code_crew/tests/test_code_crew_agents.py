"""Generator and reviewer, each by itself, and together as mocks."""

from unittest.mock import AsyncMock

import pytest

from code_crew.agents import CodeGeneratorAgent, CodeQualityMetrics, CodeReviewerAgent
from code_crew.compression import PromptCompressor, Tokenizer
from code_crew.generating import CodeGeneratorAdapter, code_in
from code_crew.linting import Linter, RuffLinter
from code_crew.models import ChatModel, Completion
from vespera import DirectAdapter, ModelSwitcherOrchestrator, SequentialOrchestrator
from vespera.domain.errors import AIServiceUnavailable
from vespera.testing import mock_client, sequence

DRAFT = Completion(text="```python\nx = 1\n```", input_tokens=9, output_tokens=5)
DOWN = AIServiceUnavailable("busy")


def words_as_tokens():
    return mock_client(Tokenizer, encode=str.split, decode=" ".join)


async def test_a_crew_of_mocks_works_as_one_of_agents():
    mock_generator = AsyncMock(spec=CodeGeneratorAgent)
    mock_generator.generate_code.return_value = "generated code"
    mock_reviewer = AsyncMock(spec=CodeReviewerAgent)
    mock_reviewer.review_code.return_value = CodeQualityMetrics(score=0.9, issues=[])
    adapter = DirectAdapter()
    adapter.register_agent("generator", mock_generator)
    adapter.register_agent("reviewer", mock_reviewer)

    result = await SequentialOrchestrator().execute("test task", adapter)

    assert result.success
    assert result.steps_completed == 2
    mock_generator.generate_code.assert_called_once_with("test task")
    mock_reviewer.review_code.assert_called_once_with("generated code")


async def test_code_is_generated_with_compression_and_without_a_network():
    adapter = CodeGeneratorAdapter(model_name="starcoder")

    result = await adapter.generate_code_with_compression(
        task_description="Could you please write a function to calculate prime numbers?",
        model_name="starcoder",
        max_tokens=1000,
    )

    assert result.success
    assert "def primes" in result.response
    assert 0 < result.input_tokens < result.original_tokens


async def test_the_prompt_fits_and_the_answer_is_limited():
    chat = mock_client(ChatModel, complete=DRAFT)
    adapter = CodeGeneratorAdapter(
        model_name="a", chat=chat, compressor=PromptCompressor(words_as_tokens())
    )

    result = await adapter.generate_code_with_compression(
        task_description="one two three four five", max_tokens=3
    )

    (model, messages), told = chat.complete.await_args
    assert (model, messages[-1]["content"], told) == ("a", "one two three", {"max_tokens": 3})
    assert (result.input_tokens, result.original_tokens, result.output_tokens) == (3, 5, 5)
    assert result.response == "x = 1\n"


async def test_a_service_that_is_down_is_told_as_a_value():
    adapter = CodeGeneratorAdapter(model_name="a", chat=mock_client(ChatModel, complete=DOWN))

    result = await adapter.generate_code_with_compression(task_description="primes")

    assert (result.success, result.response, result.error) == (False, "", "busy")
    assert (adapter.failed, adapter.answered) == ({"a": 1}, {})


async def test_the_next_model_writes_where_the_first_is_down():
    chat = mock_client(ChatModel, complete=sequence(DOWN, DRAFT))
    adapter = CodeGeneratorAdapter(model_name="a", chat=chat)
    switcher = ModelSwitcherOrchestrator(["a", "b"])
    agent = CodeGeneratorAgent(adapter=adapter, switcher=switcher, max_tokens=100)

    assert await agent.generate_code("x") == "x = 1\n"

    assert [call.args[0] for call in chat.complete.await_args_list] == ["a", "b"]
    assert switcher.get_current_model() == "b"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Here:\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("```py\nx = 1\n```\n```python\ny = 2\n```", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("x = 1", "x = 1\n"),
    ],
)
def test_the_code_is_taken_out_of_the_answer(answer, code):
    assert code_in(answer) == code


@pytest.mark.parametrize(
    ("issues", "score"), [([], 1.0), (["F401"], 0.8), (["a", "b", "c"], 0.4), (["x"] * 9, 0.0)]
)
async def test_the_score_falls_with_each_issue(issues, score):
    reviewer = CodeReviewerAgent(linter=mock_client(Linter, check=issues))

    metrics = await reviewer.review_code("code")

    assert metrics == CodeQualityMetrics(score=score, issues=tuple(issues))


async def test_ruff_is_asked_about_a_text(tmp_path):
    issues = await RuffLinter(workspace=str(tmp_path)).check("import os\nx = (\n")

    assert any("syntax" in issue for issue in issues)


async def test_ruff_is_asked_about_a_file(tmp_path):
    (tmp_path / "a.py").write_text("import os\n")

    assert await RuffLinter(workspace=str(tmp_path)).check_file("a.py") == [
        "line 1: F401: `os` imported but unused"
    ]


async def test_a_file_that_is_not_there_is_no_clean_one(tmp_path):
    issues = await RuffLinter(workspace=str(tmp_path)).check_file("none.py")

    assert len(issues) == 1
    assert "E902" in issues[0]
