"""A mock that was not told what to give is refused where it would be stored, and called a mock."""

from datetime import datetime
from typing import Protocol
from unittest.mock import AsyncMock, MagicMock

import pytest

from vespera import RetryPolicy, TaskContext, TaskExecutionWorkflow, TaskOutcome
from vespera.testing import AsyncTestBase
from vespera.testing.mocks import mock_client

WHAT_TO_DO = "{} has no stored form: it is a mock.* set return_value .* to plain data"


class Model(Protocol):
    async def complete(self, prompt: str) -> dict[str, object]: ...


class TestAMock(AsyncTestBase):
    async def result_of(self, specialist, **fields):
        self.register("tested", specialist)
        workflow = self.container.get(TaskExecutionWorkflow)
        return await workflow.run(title="A mock", specialist_type="tested", **fields)

    async def test_as_a_step_s_value_fails_the_step(self):
        model = AsyncMock()

        async def plan(task: TaskContext):
            return await task.step("plan", model.complete, "prompt")

        result = await self.result_of(plan)

        assert not result.success
        assert_says(result.error, "StepFailed: Step 'plan' failed: UnstorableValue: step 'plan': ")

    async def test_deep_inside_a_step_s_value_is_found(self):
        model = AsyncMock()
        model.complete.return_value = {"choices": [{"message": MagicMock()}]}

        async def plan(task: TaskContext):
            return await task.step("plan", model.complete, "prompt")

        result = await self.result_of(plan)

        assert_says(result.error, "step 'plan'.choices[0].message: ", "MagicMock")

    async def test_as_a_task_s_result_fails_the_task(self):
        async def answer(task: TaskContext):
            return await AsyncMock().complete("prompt")

        result = await self.result_of(answer)

        assert not result.success
        assert_says(result.error, "UnstorableValue: ")

    async def test_that_passes_for_an_outcome_fails_the_task(self):
        async def answer(task: TaskContext):
            return MagicMock(spec=TaskOutcome)

        assert_says((await self.result_of(answer)).error, "UnstorableValue: ", "MagicMock")

    async def test_in_a_payload_is_refused_before_there_is_a_task(self):
        workflow = self.container.get(TaskExecutionWorkflow)

        result = await workflow.create_task(title="A mock", payload={"model": [AsyncMock()]})

        assert not result.success
        assert result.task_id is None
        assert_says(result.error, "payload.model[0]: ")

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("payload", dict),
            ("title", str),
            ("priority", int),
            ("timeout", float),
            ("depends_on", list),
            ("retry", RetryPolicy),
            ("run_after", datetime),
        ],
    )
    async def test_that_passes_for_a_field_of_a_request_is_refused(self, field, kind):
        """``isinstance`` believes it: a payload would be empty, a dependency would be none."""
        workflow = self.container.get(TaskExecutionWorkflow)
        request = {"title": "A mock", "specialist_type": "generic"}

        result = await workflow.create_task({**request, field: MagicMock(spec=kind)})

        assert result.error == (
            f"{field}: is a MagicMock that passes for a {kind.__name__}; give a real one"
        )

    async def test_that_passes_for_a_task_s_id_among_others_is_refused(self):
        workflow = self.container.get(TaskExecutionWorkflow)

        result = await workflow.create_task(title="A mock", depends_on=[MagicMock(spec=str)])

        assert "is a MagicMock that passes for a str" in result.error

    async def test_in_the_statement_that_completes_a_task_is_refused(self):
        workflow = self.container.get(TaskExecutionWorkflow)
        created = await workflow.create_task(title="By hand", specialist_type="person")
        await workflow.execute_task(created.task_id)

        told = {"summary": "done", "result": AsyncMock()}
        result = await workflow.complete_task(created.task_id, told)
        passing = await workflow.complete_task(created.task_id, MagicMock(spec=dict))

        assert not result.success
        assert_says(result.error, "outcome")
        assert passing.error == "request: is a MagicMock that passes for a dict; give a real one"

    async def test_of_our_own_that_was_told_nothing_is_none_and_not_another_mock(self):
        model = mock_client(Model)

        async def plan(task: TaskContext):
            return await task.step("plan", model.complete, "prompt")

        result = await self.result_of(plan)

        assert result.success
        assert result.result is None

    async def test_that_was_told_what_to_give_is_a_part_like_any_other(self):
        model = mock_client(Model, complete={"text": "a story"})

        async def plan(task: TaskContext):
            return await task.step("plan", model.complete, task.payload["prompt"])

        result = await self.result_of(plan, payload={"prompt": "a premise"})

        assert result.result == {"text": "a story"}
        model.complete.assert_awaited_once_with("a premise")


def assert_says(error, where, kind="AsyncMock"):
    assert where in error
    with pytest.raises(ValueError, match=WHAT_TO_DO.format(kind)):
        raise ValueError(error)
