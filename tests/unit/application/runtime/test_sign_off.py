"""The proof gate under changes from outside."""

from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskRepository
from vespera.application.runtime.sign_off import SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.domain.errors import StaleTask
from vespera.domain.file_operation import Absent, OperationKind
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.surveying import unwitnessed
from vespera.domain.task import Task
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report


def a_report(task: Task, *verdicts: Verdict) -> Report:
    findings = tuple(
        Finding(
            operation_id=OperationId(f"o{n}"),
            task_id=task.id,
            kind=OperationKind.DELETE,
            path=f"{n}.txt",
            verdict=verdict,
            reason="because",
            before=Absent(),
            after=Absent(),
        )
        for n, verdict in enumerate(verdicts)
    )
    return Report(
        id=ReportId("r"),
        task_id=task.id,
        findings=findings,
        verified_at=task.created_at,
        operations=len(findings),
    )


@pytest.fixture
async def executed(container: Container, specialists: Specialists) -> Task:
    async def nothing(_task: TaskContext) -> None:
        return None

    specialists.register("nothing", nothing)
    workflow = container.get(TaskExecutionWorkflow)
    await workflow.create_task(title="A", specialist_type="nothing", task_id="t")
    await workflow.execute_task("t")
    return await container.get(TaskRepository).get(TaskId("t"))


async def test_a_refusal_names_the_first_files_and_counts_the_rest(
    container: Container, executed: Task
) -> None:
    tracking = AsyncMock(spec=TrackFileOperationsUseCase)
    tracking.examine.return_value = a_report(executed, *[Verdict.REFUTED] * 7)
    sign_off = replace(container.get(SignOff), tracking=tracking)

    signed = await sign_off.complete(executed, b"null")

    assert signed.task.status == "executed"
    message = str(signed.task.error)
    assert "7 of 7 file operations are not proven" in message
    assert "'4.txt' (delete): refuted, because" in message
    assert "and 2 more" in message
    assert len(signed.refused) == 7


async def test_operations_recorded_all_the_time_end_in_an_error(
    container: Container, executed: Task
) -> None:
    tracking = AsyncMock(spec=TrackFileOperationsUseCase)
    tracking.examine.return_value = a_report(executed, Verdict.VERIFIED)
    sign_off = replace(container.get(SignOff), tracking=tracking)

    with pytest.raises(StaleTask, match="recorded for it all the time"):
        await sign_off.complete(executed, b"null")

    assert (await container.get(TaskRepository).get(TaskId("t"))).status == "executed"


async def test_somebody_else_s_change_is_told(container: Container, executed: Task) -> None:
    sign_off = container.get(SignOff)
    await sign_off.complete(executed, b"null")

    with pytest.raises(StaleTask):
        await sign_off.complete(executed, b"null")


@pytest.mark.parametrize(
    ("verdicts", "unsaid", "told"),
    [
        ([], 1, "1 finding on undeclared changes: '.' (read): "),
        ([Verdict.VERIFIED], 2, "2 findings on undeclared changes: "),
        (
            [Verdict.VERIFIED, Verdict.REFUTED],
            1,
            "1 of 2 file operations are not proven and 1 finding on undeclared changes: ",
        ),
    ],
)
async def test_a_refusal_counts_what_nobody_declared_apart(
    container: Container, executed: Task, verdicts: list[Verdict], unsaid: int, told: str
) -> None:
    report = a_report(executed, *verdicts)
    findings = (*report.findings, *[unwitnessed(executed.id, "nobody looked")] * unsaid)
    tracking = AsyncMock(spec=TrackFileOperationsUseCase)
    tracking.examine.return_value = replace(report, findings=findings)
    sign_off = replace(container.get(SignOff), tracking=tracking)

    signed = await sign_off.complete(executed, b"null")

    assert told in str(signed.task.error)
