"""Containers in tests: a fresh one each time, parts replaced, nothing left over."""

from typing import Protocol
from unittest.mock import AsyncMock

import pytest

from vespera import (
    AsyncDatabaseManager,
    Container,
    Provider,
    TaskContext,
    TaskExecutionWorkflow,
    TrackFileOperationsUseCase,
    providers,
)
from vespera.domain.errors import UnknownPart


class ExternalService(Protocol):
    async def call_api(self, data: object) -> object: ...


class RealService:
    async def call_api(self, data: object) -> object:
        pytest.fail("a test has reached the real service")


class Caller:
    def __init__(self, *, service: ExternalService) -> None:
        self._service = service

    async def execute(self, task: TaskContext) -> object:
        return await task.step("call", self._service.call_api, task.payload["data"])


class OurContainer(Container):
    external_service: Provider[ExternalService] = providers.Singleton(RealService)
    specialists = providers.Aggregate(
        caller=providers.Factory(Caller, service=external_service),
        coder=providers.Object(lambda _task: {"written": True}),
    )


@pytest.fixture
def container_class():
    return OurContainer


REQUEST = {"title": "Call", "specialist_type": "caller", "payload": {"data": [1, 2]}}


def test_a_container_needs_no_arguments_and_get_no_await():
    assert isinstance(Container().get(TaskExecutionWorkflow), TaskExecutionWorkflow)


async def test_initialize_and_cleanup_may_be_repeated():
    container = Container()
    for _ in range(2):
        await container.initialize_async_services()
        await container.initialize_async_services()
        assert container.get(AsyncDatabaseManager).started
        await container.cleanup_async_services()
        await container.cleanup_async_services()


@pytest.mark.parametrize("key", [ExternalService, "external_service"])
async def test_an_override_reaches_what_was_built_already(container, key):
    workflow = container.get(TaskExecutionWorkflow)  # built with the real one
    service = AsyncMock(spec=RealService)
    service.call_api.return_value = {"ok": True}
    with container.override(key, service):
        result = await workflow.run(REQUEST)
    assert result.result == {"ok": True}
    service.call_api.assert_awaited_once_with([1, 2])


async def test_an_override_ends_with_its_block_and_not_with_the_test(container):
    service = AsyncMock(spec=RealService)
    with container.override(ExternalService, service):
        assert container.get(ExternalService) is service
    assert isinstance(container.get(ExternalService), RealService)


async def test_a_misspelt_name_is_refused_and_overrides_nothing_in_silence(container):
    with pytest.raises(UnknownPart, match="external_service"):
        container.override("external_servise", AsyncMock(spec=RealService))


@pytest.mark.parametrize("number", [1, 2])
async def test_each_test_has_a_database_of_its_own(container, number):
    created = await container.get(TaskExecutionWorkflow).create_task(
        {**REQUEST, "task_id": "the-same-id"}
    )
    assert created.success, created.error


async def test_create_execute_complete(container):
    workflow = container.get(TaskExecutionWorkflow)
    created = await workflow.create_task({"title": "Code", "specialist_type": "coder"})
    executed = await workflow.execute_task(created.task_id)
    assert (executed.success, executed.status) == (True, "executed")  # the work is done ...
    done = await workflow.complete_task(
        created.task_id,
        {"summary": "written", "artifacts": ["result.txt"], "next_action": "review"},
    )
    assert done.success  # ... and somebody signs it off; an artifact is a name, not a claim
    assert (await workflow.get_task_status(created.task_id)).status == "completed"


async def test_a_verification_that_ran_is_no_proof_unless_it_says_so(container, workspace):
    tracking = container.get(TrackFileOperationsUseCase)
    tracked = await tracking.track_file_creation(file_path="test_file.txt", operation_context={})
    before = await tracking.verify_operation(tracked.operation_id)
    assert (before.success, before.verified) == (True, False)  # the trap: `success` says "it ran"
    (workspace / "test_file.txt").write_text("here")
    assert (await tracking.verify_operation(tracked.operation_id)).verified


async def test_a_session_s_own_rows_are_gone_when_they_are_not_committed(
    async_container, async_database_session
):
    from sqlalchemy import text

    await async_database_session.execute(text("CREATE TABLE notes (text)"))
    await async_database_session.commit()
    database = async_container.get(AsyncDatabaseManager)
    async with database.session() as another:
        await another.execute(text("INSERT INTO notes VALUES ('not committed')"))
    rows = (await async_database_session.execute(text("SELECT count(*) FROM notes"))).scalar()
    assert rows == 0
