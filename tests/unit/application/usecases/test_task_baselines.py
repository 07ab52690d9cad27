"""No task that is to have a baseline begins without it."""

from collections.abc import Mapping
from typing import ClassVar
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.snapshot_workspace import (
    SnapshotResult,
    SnapshotWorkspaceUseCase,
)
from vespera.application.usecases.task_baselines import LABEL, TaskBaselines
from vespera.domain.errors import FileUnreadable
from vespera.domain.surveying import snapshot_tasks_by_type
from vespera.testing.conformance.samples import a_task


@pytest.fixture
def taking() -> AsyncMock:
    use_case = AsyncMock(spec=SnapshotWorkspaceUseCase)
    use_case.take.return_value = SnapshotResult(success=False, error="it is not there")
    return use_case


@pytest.fixture
def container_class(taking: AsyncMock) -> type[Container]:
    class Careful(Container):
        defaults: ClassVar[Mapping[str, object]] = {"snapshot_tasks": {"*": "around", "b": "off"}}
        snapshot_workspace = providers.Object(taking)

    return Careful


def baselines(taking: AsyncMock, found: object = None) -> TaskBaselines:
    snapshots = AsyncMock(spec=SnapshotRepository, **{"oldest_of.return_value": found})
    return TaskBaselines(
        snapshots=snapshots,
        snapshot_workspace=lambda: taking,
        wanted=snapshot_tasks_by_type({"a": "full"}),
    )


async def test_it_is_taken_for_the_types_that_are_to_have_one(taking: AsyncMock) -> None:
    taking.take.return_value = SnapshotResult(success=True)
    for kind in ("a", "b"):
        await baselines(taking).ensure(a_task("t", specialist_type=kind))

    taking.take.assert_awaited_once_with("t", LABEL)


async def test_what_was_taken_before_stays_the_baseline(taking: AsyncMock) -> None:
    await baselines(taking, found="a snapshot").ensure(a_task("t", specialist_type="a"))

    assert not taking.take.called


async def test_where_none_can_be_taken_that_is_raised(taking: AsyncMock) -> None:
    with pytest.raises(FileUnreadable, match=r"before task 't' begins: it is not there"):
        await baselines(taking).ensure(a_task("t", specialist_type="a"))


async def test_no_handler_is_called_and_no_outside_worker_is_given_a_task_without_it(
    container: Container, specialists: Specialists
) -> None:
    called = []

    async def handler(task: TaskContext) -> None:
        called.append(task.title)

    for kind in ("a", "b"):
        specialists.register(kind, handler)
    workflow = container.get(TaskExecutionWorkflow)
    failed = await workflow.run(title="A", specialist_type="a")
    unwatched = await workflow.run(title="B", specialist_type="b")
    outside = await workflow.run(title="C", specialist_type="c")
    await workflow.create_task(title="D", specialist_type="d", task_id="d")
    handed_over = await workflow.execute_task("d")

    assert (failed.status, unwatched.status) == ("failed", "completed")
    assert (outside.status, handed_over.status) == ("failed", "failed")
    assert "it is not there" in str(outside.error)
    assert "it is not there" in str(handed_over.error)
    assert called == ["B"]
