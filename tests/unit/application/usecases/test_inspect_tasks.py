"""The reading side of tasks."""

import json
from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.ports.clock import Clock
from vespera.application.ports.costs import CostLedger
from vespera.application.ports.events import ProgressRepository
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    SignalRepository,
    StepRepository,
    TaskRepository,
)
from vespera.application.ports.waivers import Waivers
from vespera.application.usecases.excusing import Excusing
from vespera.application.usecases.families import Families
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase, StepDetails
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.workspace_surveys import NOTHING, WorkspaceSurveys
from vespera.domain.errors import TaskNotFound
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    Phase,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.policy import proof_policies_of
from vespera.domain.search import cursor_of
from vespera.domain.step import StepRecord
from vespera.domain.task import Task
from vespera.domain.verdict import Verdict

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SEEN = FileState("b3:00", 4, 0o644)


def a_task(task_id: str = "t1", **fields: object) -> Task:
    return Task(
        id=TaskId(task_id),
        title="Write",
        description="",
        specialist_type="writer",
        payload=b'{"n": 7}',
        created_at=NOW,
        updated_at=NOW,
        **fields,
    )


def a_step(name: str, *, value: bytes | None = None, error: bytes | None = None) -> StepRecord:
    return StepRecord(
        task_id=TaskId("t1"),
        name=name,
        occurrence=1,
        seq=1,
        epoch=0,
        value=value,
        error=error,
        recorded_at=NOW,
    )


def an_operation() -> FileOperation:
    return FileOperation(
        id=OperationId("o1"),
        task_id=TaskId("t1"),
        kind=OperationKind.CREATE,
        phase=Phase.INTENT,
        path="a.txt",
        before=Absent(),
        after=NOT_OBSERVED,
        recorded_at=NOW,
    )


@pytest.fixture
def tasks():
    repository = AsyncMock(spec=TaskRepository)
    repository.dependencies_of.return_value = []
    return repository


@pytest.fixture
def steps():
    repository = AsyncMock(spec=StepRepository)
    repository.of_task.return_value = []
    return repository


@pytest.fixture
def operations():
    repository = AsyncMock(spec=FileOperationRepository)
    repository.of_task.return_value = []
    return repository


@pytest.fixture
def files():
    return AsyncMock(spec=FileStore)


@pytest.fixture
def signals():
    repository = AsyncMock(spec=SignalRepository)
    repository.of_task.return_value = []
    return repository


@pytest.fixture
def reports():
    return AsyncMock(spec=ReportRepository)


@pytest.fixture
def progress():
    repository = AsyncMock(spec=ProgressRepository)
    repository.of_task.return_value = None
    return repository


@pytest.fixture
def inspect(tasks, steps, signals, operations, files, reports, progress):
    clock = Mock(spec=Clock)
    clock.now.return_value = NOW
    tracking = TrackFileOperationsUseCase(
        operations=operations,
        reports=reports,
        files=files,
        clock=clock,
        new_id=lambda: "r1",
        excusing=Excusing(
            tasks=tasks,
            waivers=AsyncMock(spec=Waivers, **{"of_tasks.return_value": ()}),
            policies=proof_policies_of("strict"),
        ),
        tasks=tasks,
        surveys=AsyncMock(spec=WorkspaceSurveys, **{"of.return_value": NOTHING}),
        families=Families(tasks=AsyncMock(spec=TaskRepository)),
    )
    return InspectTasksUseCase(
        tasks=tasks,
        steps=steps,
        signals=signals,
        tracking=tracking,
        progress=progress,
        costs=AsyncMock(spec=CostLedger, groups=AsyncMock(return_value=[])),
        plain=json.loads,
    )


async def test_a_page_holds_as_many_tasks_as_asked_for_and_says_where_others_follow(inspect, tasks):
    tasks.search.return_value = [a_task("t1"), a_task("t2"), a_task("t3")]

    page = await inspect.search_tasks({"limit": 2})

    assert [task.id for task in page.tasks] == ["t1", "t2"]
    assert page.more
    assert page.next == cursor_of(a_task("t2"))
    assert tasks.search.await_args.args[0].limit == 3


async def test_the_last_page_says_that_nothing_follows(inspect, tasks):
    tasks.search.return_value = [a_task("t1"), a_task("t2")]

    page = await inspect.search_tasks({"limit": 2})

    assert len(page.tasks) == 2
    assert not page.more
    assert page.next is None


async def test_a_search_that_makes_no_sense_is_a_refusal(inspect, tasks):
    page = await inspect.search_tasks({"stauts": "failed"})

    assert not page.success
    assert page.error == "stauts: unknown field; did you mean 'status'?"
    tasks.search.assert_not_awaited()


async def test_an_unknown_task_is_a_refusal_that_names_it(inspect, tasks):
    tasks.get.side_effect = TaskNotFound("t9")

    shown = await inspect.show_task(TaskId("t9"))

    assert not shown.success
    assert shown.error == "No task has the id 't9'."
    assert shown.details is None


async def test_payload_and_outcome_are_shown_plain(inspect, tasks):
    tasks.get.return_value = a_task(outcome=b'["done", [], "", null]')

    shown = await inspect.show_task(TaskId("t1"))

    assert shown.success
    assert shown.details.payload == {"n": 7}
    assert shown.details.outcome == ["done", [], "", None]


async def test_a_task_without_an_outcome_shows_none(inspect, tasks):
    tasks.get.return_value = a_task()

    shown = await inspect.show_task(TaskId("t1"))

    assert shown.details.outcome is None


async def test_steps_are_shown_with_their_values_and_errors(inspect, tasks, steps):
    tasks.get.return_value = a_task()
    steps.of_task.return_value = [
        a_step("plan", value=b'"a plan"'),
        a_step("call", error=b'["refused", ["OSError"]]'),
    ]

    shown = await inspect.show_task(TaskId("t1"))

    assert shown.details.steps == [
        StepDetails(name="plan", occurrence=1, failed=False, value="a plan"),
        StepDetails(name="call", occurrence=1, failed=True, value=["refused", ["OSError"]]),
    ]


async def test_the_tasks_it_waited_for_are_shown(inspect, tasks):
    tasks.get.return_value = a_task()
    tasks.dependencies_of.return_value = [a_task("t0")]

    shown = await inspect.show_task(TaskId("t1"))

    assert [task.id for task in shown.details.dependencies] == ["t0"]


async def test_file_operations_are_judged_against_the_disk_and_no_report_is_stored(
    inspect, tasks, operations, files, reports
):
    tasks.get.return_value = a_task()
    operations.of_task.return_value = operations.on_paths.return_value = [an_operation()]
    files.observe.return_value = [SEEN]

    shown = await inspect.show_task(TaskId("t1"))

    (finding,) = shown.details.findings
    assert (finding.path, finding.verdict, finding.after) == ("a.txt", Verdict.VERIFIED, SEEN)
    reports.add.assert_not_awaited()
