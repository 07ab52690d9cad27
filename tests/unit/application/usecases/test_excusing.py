"""The policies of a container at its gate."""

from collections.abc import Mapping
from typing import ClassVar
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskResult, providers
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import ReportRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.file_operation import Absent
from vespera.domain.policy import STRICT, ProofPolicy
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Report


@pytest.fixture
def container_class() -> type[Container]:
    empty = AsyncMock(spec=FileStore)
    empty.locate.side_effect = lambda path: path
    empty.observe.side_effect = lambda paths: [Absent() for _ in paths]

    class Lenient(Container):
        defaults: ClassVar[Mapping[str, object]] = {"proof": {"lax": ["refuted"]}}
        files = providers.Object(empty)

    return Lenient


@pytest.fixture
def dreamers(specialists: Specialists) -> None:
    async def dreamer(task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")

    specialists.register("lax", dreamer)
    specialists.register("exact", dreamer)


async def report_of(container: Container, result: TaskResult) -> Report:
    assert result.report_id is not None
    report = await container.get(ReportRepository).get(result.report_id)
    assert report is not None
    return report


@pytest.mark.usefixtures("dreamers")
async def test_a_type_with_a_policy_of_its_own_completes_and_its_report_tells_by_which(
    container: Container,
) -> None:
    result = await container.get(TaskExecutionWorkflow).run(title="A", specialist_type="lax")
    report = await report_of(container, result)

    assert result.status == "completed"
    assert report.policy == ProofPolicy((Verdict.REFUTED,))
    assert (report.approved, report.verified) == (True, False)
    assert [(f.verdict, f.tolerated) for f in report.findings] == [(Verdict.REFUTED, True)]


@pytest.mark.usefixtures("dreamers")
async def test_another_type_is_judged_strictly(container: Container) -> None:
    result = await container.get(TaskExecutionWorkflow).run(title="A", specialist_type="exact")

    assert result.status == "executed"
    assert (await report_of(container, result)).policy == STRICT


async def test_work_that_is_no_task_has_the_policy_of_all_others(container: Container) -> None:
    tracking = container.get(TrackFileOperationsUseCase)
    await tracking.track_file_creation("a.txt")
    await tracking.tracker_for("the build").track_file_create("b.txt")

    everything, build = await tracking.verify_all(), await tracking.verify_task("the build")

    assert not everything.approved
    assert not build.approved
    assert build.report is not None
    assert build.report.policy == STRICT
