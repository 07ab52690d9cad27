"""A downstream package adds, wraps and replaces parts, and tests itself by overriding them."""

import asyncio
import gc
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from helpdesk.company import Answerer, CompanyContainer, LanguageModel, ParrotModel
from helpdesk.desk import (
    CarefulAnswerer,
    CountedReportRepository,
    DeskContainer,
    ListAnsweredTicketsUseCase,
)

from vespera import Container, TaskExecutionWorkflow, TaskRepository, TrackFileOperationsUseCase
from vespera.application.ports.persistence import ReportRepository
from vespera.domain.errors import MissingSetting, OverrideRefused

QUESTION = {"title": "Why?", "specialist_type": "answerer", "payload": {"question": "why"}}


async def test_a_task_runs_through_the_replaced_specialist_and_the_wrapped_repository(
    tmp_path: Path,
):
    async with DeskContainer(workspace=str(tmp_path)) as container:
        result = await container.get(TaskExecutionWorkflow).run(QUESTION)

        assert result.success, result.error
        assert result.outcome is not None
        assert result.outcome.summary == "You asked: why (no warranty)"
        assert (tmp_path / "answer.txt").read_text() == "You asked: why"
        reports = container.get(ReportRepository)
        assert isinstance(reports, CountedReportRepository)
        assert reports.stored >= 1
        assert await container.get(ListAnsweredTicketsUseCase).list_answered() == ["Why?"]


async def test_a_plain_function_is_a_specialist(tmp_path: Path):
    async with DeskContainer(workspace=str(tmp_path)) as container:
        workflow = container.get(TaskExecutionWorkflow)

        result = await workflow.run(title="No. 7", specialist_type="closer")

        assert result.result == "closed No. 7"


async def test_a_mock_takes_the_place_of_the_model(tmp_path: Path):
    container = DeskContainer(workspace=str(tmp_path))
    with container.override(LanguageModel, AsyncMock(spec=LanguageModel)) as model:
        model.answer.return_value = "Because."
        result = await container.get(TaskExecutionWorkflow).run(QUESTION)

        assert result.outcome is not None
        assert result.outcome.summary == "Because. (no warranty)"
        model.answer.assert_awaited_once_with("why")
    assert isinstance(container.get(LanguageModel), ParrotModel)
    await container.cleanup_async_services()


async def test_a_model_can_be_overridden_while_the_container_runs(tmp_path: Path):
    async with DeskContainer(workspace=str(tmp_path)) as container:
        await container.get(TaskExecutionWorkflow).run(QUESTION)
        with container.override("model", AsyncMock(spec=LanguageModel)) as model:
            model.answer.return_value = "Because."
            result = await container.get(TaskExecutionWorkflow).run(QUESTION)
        assert result.outcome is not None
        assert result.outcome.summary.startswith("Because.")


async def test_what_running_services_hold_cannot_be_overridden_any_more(tmp_path: Path):
    async with DeskContainer(workspace=str(tmp_path)) as container:
        with pytest.raises(OverrideRefused, match="runs with it"):
            container.override(TaskRepository, AsyncMock(spec=TaskRepository))


async def test_a_mocked_repository_is_what_the_use_case_asks():
    container = DeskContainer()

    with container.override(TaskRepository, AsyncMock(spec=TaskRepository)) as tasks:
        tasks.page.return_value = []
        assert await container.get(ListAnsweredTicketsUseCase).list_answered() == []
    tasks.page.assert_awaited_once()


async def test_a_specialist_can_be_overridden_by_its_dotted_name(tmp_path: Path):
    async def answer(_task: object) -> str:
        return "forty-two"

    async with DeskContainer(workspace=str(tmp_path)) as container:
        with container.override("specialists.answerer", answer):
            result = await container.get(TaskExecutionWorkflow).run(QUESTION)
        assert result.result == "forty-two"


async def test_nothing_has_to_be_started_first(tmp_path: Path):
    container = DeskContainer(workspace=str(tmp_path))

    result = await container.get(TrackFileOperationsUseCase).track_file_creation(
        file_path="a.txt", operation_context={}
    )

    assert result.success, result.error
    await container.cleanup_async_services()


def test_the_bases_are_left_as_they_were():
    assert not isinstance(Container().get(ReportRepository), CountedReportRepository)
    assert type(CompanyContainer(model_key="k").get(Answerer)) is Answerer
    assert type(DeskContainer().get(Answerer)) is CarefulAnswerer


def test_the_setting_that_the_company_needs_is_named():
    needed = r"config\.model_key is not set, needed by model <- specialists\.answerer"

    with pytest.raises(MissingSetting, match=needed):
        CompanyContainer().get("specialists.answerer")


async def test_two_containers_see_each_others_tasks_nowhere(tmp_path: Path):
    async with (
        DeskContainer(workspace=str(tmp_path)) as one,
        DeskContainer(workspace=str(tmp_path)) as two,
    ):
        await one.get(TaskExecutionWorkflow).run(QUESTION)

        assert await one.get(ListAnsweredTicketsUseCase).list_answered() == ["Why?"]
        assert await two.get(ListAnsweredTicketsUseCase).list_answered() == []


async def test_many_containers_may_start_and_stop_at_once(tmp_path: Path):
    async def use() -> bool:
        async with DeskContainer(workspace=str(tmp_path)) as container:
            return (await container.get(TaskExecutionWorkflow).run(QUESTION)).success

    assert all(await asyncio.gather(*(use() for _ in range(5))))
    gc.collect()
