"""The whole of it: with agents that are mocks, and over real HTTP with a real ruff."""

import ast
import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

import code_crew
from code_crew.agents import CodeGeneratorAgent, CodeQualityMetrics, CodeReviewerAgent
from code_crew.generating import CodeGeneratorAdapter
from code_crew.linting import Linter
from code_crew.offline import MENDING, MODULES
from code_crew.specialists import WrittenCode
from code_crew.use_cases import TakeBackUseCase, WriteCodeUseCase
from code_crew.write_code import main, parse_wishes
from vespera import ModelSwitcherOrchestrator, TrackFileOperationsUseCase
from vespera.domain.errors import InvalidRequest
from vespera.testing import mock_client, sequence
from vespera.testing.servers import ModelServer, Reply

GOOD, BAD = (
    CodeQualityMetrics(score=1.0, issues=()),
    CodeQualityMetrics(score=0.8, issues=("line 1: F401: unused",)),
)


class Mocks:
    """A container whose agents are mocks."""

    def __init__(self, container, *, drafts, reviews, found=()):
        self.generator = mock_client(CodeGeneratorAgent, generate_code=sequence(*drafts))
        self.reviewer = mock_client(CodeReviewerAgent, review_code=sequence(*reviews))
        self.linter = mock_client(Linter, check_file=list(found))
        container.override(CodeGeneratorAgent, self.generator)
        container.override(CodeReviewerAgent, self.reviewer)
        container.override(Linter, self.linter)


async def written(container, module="primes"):
    return await container.get(WriteCodeUseCase).write(module, "a sieve")


class TestWithMocks:
    async def test_a_clean_draft_is_written_at_once(self, made, workspace):
        async with made() as container:
            mocks = Mocks(container, drafts=["x = 1\n"], reviews=[GOOD])
            task = await written(container)

        assert task.completed, task.error
        assert task.result == WrittenCode(path="src/primes.py", scores=[1.0], issues=[])
        assert (workspace / "src/primes.py").read_text() == "x = 1\n"
        assert "Draft 1: score 1" in (workspace / "reviews/primes.md").read_text()
        mocks.generator.generate_code.assert_awaited_once_with("a sieve")
        mocks.reviewer.review_code.assert_awaited_once_with("x = 1\n")
        mocks.linter.check_file.assert_awaited_once_with("src/primes.py")

    async def test_the_generator_is_told_what_the_reviewer_found(self, made):
        async with made() as container:
            mocks = Mocks(container, drafts=["bad\n", "good\n"], reviews=[BAD, GOOD])
            task = await written(container)

        assert task.result.scores == [0.8, 1.0]
        told = mocks.generator.generate_code.await_args.args[0]
        assert MENDING in told
        assert "- line 1: F401: unused" in told
        assert "bad\n" in told

    async def test_after_three_drafts_the_last_one_is_written_with_its_issues(
        self, made, workspace
    ):
        async with made() as container:
            Mocks(container, drafts=["1\n", "2\n", "3\n"], reviews=[BAD] * 3, found=["F401"])
            task = await written(container)

        assert task.completed
        assert task.result.issues == ["F401"]
        assert (workspace / "src/primes.py").read_text() == "3\n"

    async def test_without_a_draft_nothing_is_written(self, made, workspace):
        async with made() as container:
            Mocks(container, drafts=[ConnectionError("no model")], reviews=[GOOD])
            task = await written(container)

        assert task.error == "CrewFailed: generator: ConnectionError: no model"
        assert list(workspace.iterdir()) == []

    async def test_what_is_done_is_not_done_again(self, made):
        async with made() as container:
            Mocks(container, drafts=["x = 1\n"], reviews=[GOOD])
            first = await written(container)
        async with made() as container:
            container.override(CodeGeneratorAgent, AsyncMock(spec=CodeGeneratorAgent))
            again = await written(container)

        assert again.result == first.result

    async def test_what_an_earlier_run_failed_at_is_tried_again(self, made):
        async with made() as container:
            Mocks(container, drafts=[ConnectionError("no route")], reviews=[GOOD])
            failed = await written(container)
        async with made() as container:
            Mocks(container, drafts=["x = 1\n"], reviews=[GOOD])
            again = await written(container)

        assert not failed.success
        assert again.completed, again.error
        assert again.task_id == failed.task_id

    async def test_a_false_claim_is_refused_and_named(self, made):
        async with made() as container:
            task = await container.get(WriteCodeUseCase).boast("primes")

        assert not task.success
        assert task.status == "executed"
        assert [(f.path, f.verdict) for f in task.findings] == [("tests/test_primes.py", "refuted")]

    async def test_a_module_is_taken_back_and_put_back(self, made, workspace):
        path = workspace / "src/primes.py"
        async with made() as container:
            Mocks(container, drafts=["x = 1\n"], reviews=[GOOD])
            task, taking = await written(container), container.get(TakeBackUseCase)

            rollback_id = await taking.take_back(task.task_id)
            assert not path.exists()
            await taking.put_back(rollback_id)

        assert path.read_text() == "x = 1\n"

    async def test_what_somebody_has_edited_is_not_taken_back(self, made, workspace):
        async with made() as container:
            Mocks(container, drafts=["x = 1\n"], reviews=[GOOD])
            task, taking = await written(container), container.get(TakeBackUseCase)
            (workspace / "src/primes.py").write_text("x = 2  # mine\n")

            with pytest.raises(RuntimeError, match=r"src/primes\.py"):
                await taking.take_back(task.task_id)

        assert (workspace / "src/primes.py").read_text() == "x = 2  # mine\n"

    async def test_a_rollback_that_nobody_made_cannot_be_undone(self, made):
        async with made() as container:
            with pytest.raises(RuntimeError, match="none"):
                await container.get(TakeBackUseCase).put_back("none")


class TestOverHttp:
    async def test_three_modules_a_false_claim_and_a_module_taken_back(self, made, workspace):
        async with made() as container:
            session = await main(container, None)
            proof = await container.get(TrackFileOperationsUseCase).verify_all()

        assert session.success
        told = str(session)
        assert "slugs: prompt of 44 tokens sent with 35; score 0.4 -> 1" in told
        assert "tests/test_slugs.py: refuted" in told
        assert "Taken back, slugs is gone:  primes.py, romans.py\n" in told
        assert "mistral answered 6 times." in told
        assert (workspace / "src/slugs.py").read_text() == MODULES["slug"]
        assert [f.path for f in proof.findings if not f.passes] == ["tests/test_slugs.py"]

    async def test_again_it_asks_nobody_and_says_the_same(self, made):
        async with made() as container:
            first = await main(container, None)
        async with made() as container:
            again = await main(container, None)

        assert again.models == "No model was asked: all of this was done before."
        assert [str(each) for each in again.told] == [str(each) for each in first.told]

    async def test_what_somebody_has_edited_is_told_and_stays(self, made, workspace):
        wish = {"primes": "yields prime numbers"}
        async with made() as container:
            await main(container, wish)
        (workspace / "src/primes.py").write_text("mine = 1\n")
        async with made() as container:
            edited = await main(container, wish)
        (workspace / "src/primes.py").unlink()
        async with made() as container:
            removed = await main(container, wish)

        assert "primes is not taken back: " in str(edited)
        assert "mine = 1" in str(edited)
        assert "(cannot be read: No such file or directory)" in str(removed)

    async def test_the_story_goes_on_with_the_first_module_that_was_written(self, made, workspace):
        async with ModelServer(models=["gpt"]) as server:
            server.chat.answers(
                lambda asked: (
                    "```python\nANSWER = 42\n```"
                    if "sieve" in asked.json["messages"][-1]["content"]
                    else Reply(400)
                )
            )
            async with made(model_url=server.base_url, models=["gpt"]) as container:
                session = await main(container, {"slugs": "a slug", "primes": "a sieve"})

        assert not session.success
        assert "slugs: not written" in str(session)
        assert "Taken back, primes is gone" in str(session)

    async def test_a_busy_model_is_given_a_rest_that_the_next_process_knows_of(self, made):
        async with made() as container:
            await main(container, {"primes": "primes", "romans": "Roman numerals"})
        async with made() as container:
            switcher = container.get(ModelSwitcherOrchestrator)
            available = [await switcher.check_model_availability(m) for m in switcher.models]

        assert available == [False, True]

    async def test_a_provider_of_ones_own_is_asked_with_its_key(self, made):
        async with ModelServer(models=["gpt"], api_key="secret") as server:
            server.chat.replies("```python\nANSWER = 42\n```")
            settings = {"model_url": server.base_url, "model_key": "secret", "models": ["gpt"]}
            async with made(**settings) as container:
                task = await written(container)
                adapter = container.get(CodeGeneratorAdapter)

        assert task.completed, task.error
        (request,) = server.chat.requests
        assert request.json["max_tokens"] == 1000
        assert request.json["messages"][-1]["content"] == "a sieve"
        assert adapter.answered == {"gpt": 1}

    @pytest.mark.parametrize(
        ("status", "told"), [(401, "AIServiceDenied"), (400, "AIServiceRefused"), (500, "500")]
    )
    async def test_a_provider_that_does_not_answer_is_told(self, made, status, told):
        async with ModelServer() as server:
            server.chat.fails(status, times=9)
            async with made(model_url=server.base_url, models=["gpt"]) as container:
                task = await written(container)

        assert task.status == "failed"
        assert told in task.error

    @pytest.mark.parametrize("text", ["", "  ", None, 7])
    async def test_an_answer_without_text_is_no_module(self, made, text):
        async with ModelServer() as server:
            server.chat.replies({"choices": [{"message": {"content": text}}]})
            async with made(model_url=server.base_url, models=["gpt"]) as container:
                task = await written(container)

        assert "ValueError: there is no text" in task.error
        assert f"AIServiceBadAnswer: chat at {server.base_url}: " in task.error

    async def test_what_is_not_written_is_told(self, made):
        async with ModelServer() as server:
            server.chat.fails(500, times=9)
            async with made(model_url=server.base_url, models=["gpt"]) as container:
                session = await main(container, {"primes": "a sieve"})

        assert not session.success
        assert "primes: not written: CrewFailed: generator: NoModelAvailable" in str(session)
        assert "Somebody says" not in str(session)
        assert session.sequel is None
        assert session.models == "gpt failed 1 times."


@pytest.mark.parametrize(
    "bad", ["slugs", {}, {"not a name": "x"}, {"slugs": ""}, {"slugs": 3}, {3: "x"}, []]
)
def test_wishes_that_make_no_sense_are_refused(bad):
    with pytest.raises(InvalidRequest):
        parse_wishes(bad)


def test_the_example_stands_on_public_names_alone():
    public = ("vespera", "vespera.domain.errors", "vespera.testing", "vespera.testing.servers")
    files = [p for p in Path(code_crew.__file__).parent.rglob("*.py") if "fixtures" not in p.parts]
    imported = {
        node.module
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("vespera")
    }

    assert imported <= {*public}


async def test_a_cancelled_review_leaves_no_ruff_behind(made):
    async with made() as container:
        linter = container.get(Linter)
        checking = asyncio.create_task(linter.check("x = 1\n" * 1000))
        for _ in range(20):
            await asyncio.wait([checking], timeout=0)
        checking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await checking
